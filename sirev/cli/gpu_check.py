"""`sirev doctor --gpu-check`: one line per check, as soon as it ends."""

from __future__ import annotations

from sirev.cli.lines import print_lines
from sirev.cli.options import check_format
from sirev.machine.gpu_check.running import CheckResult
from sirev.machine.gpu_check.suite import gpu_check
from sirev.printing import out, out_json
from sirev.recipe import load_recipe

_SCHEMA = 1
"""Version of the JSON form."""
_COLUMN = 21


def run(recipe: str | None, overrides: list[str], overlays: list[str], device: str, full: bool, form: str = "table") -> int:
    """Run the checks, and print the results; return 1 if one failed."""
    check_format(form)
    loaded = load_recipe(recipe, overrides, overlays) if recipe else None
    results = []
    for result in gpu_check(device, loaded, full=full):
        results.append(result)
        if form != "json":
            print_lines([line(result)], after=" " * (8 + _COLUMN))
    failed = sum(result.status == "failed" for result in results)
    if form == "json":
        out_json({"schema": _SCHEMA, "device": device, "checks": [result.to_dict() for result in results]})
    elif failed:
        out(f"{failed} of {len(results)} checks failed.")
    else:
        skipped = sum(result.status == "skipped" for result in results)
        out(f"No check failed{f'; {skipped} of {len(results)} skipped' if skipped else ''}.")
    return 1 if failed else 0


def line(result: CheckResult) -> str:
    """The result of a check, on one line."""
    took = f" ({result.seconds:.0f} s)" if result.status != "skipped" else ""
    return f"{result.status:8}{result.name:{_COLUMN}}{result.told}{took}"
