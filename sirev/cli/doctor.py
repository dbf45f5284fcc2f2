"""`sirev doctor`: inspection of this machine, and its fitness for a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.cli.lines import Line, print_styled, wrapped
from sirev.cli.options import check_format
from sirev.errors import SirevError
from sirev.machine.doctor import PACKAGE, examine
from sirev.machine.findings import Finding, Status
from sirev.printing import out_json
from sirev.recipe import Recipe, load_recipe
from sirev.store.store import Store

_SCHEMA = 1
"""Version of the JSON form."""
_SECTIONS: dict[Status, tuple[str, str]] = {
    "missing": ("Missing", "bold red"),
    "note": ("Note", "bold yellow"),
    "ok": ("Here", "bold green"),
    "absent": ("Not here, and not needed", "bold"),
}
"""Status -> heading and its style, in the order of the output."""
COMMAND = "cyan"


def run(
    recipe: str | None, overrides: list[str], store: Path | None, overlays: list[str], verbose: bool = False, form: str = "table"
) -> int:
    """Print missing things with remedies, then the rest, then whether the recipe can run here; return 1 if it can't."""
    check_format(form)
    loaded = load_recipe(recipe, overrides, overlays) if recipe else None
    opened = Store(store)
    findings = list(examine(loaded, opened, _trainings(loaded, opened) if loaded else 1))
    missing = sum(finding.missing for finding in findings)
    name = loaded.name if loaded else None
    if form == "json":
        can_run = None if name is None else missing == 0
        told = {"schema": _SCHEMA, "recipe": name, "can_run": can_run, "findings": [finding.to_dict() for finding in findings]}
        out_json(told)
    else:
        print_styled(lambda width: report_lines(findings, name, width, verbose))
    return 1 if missing else 0


def _trainings(recipe: Recipe, store: Store) -> int:
    """Number of models that the runs of a recipe still train, at least 1; 1 if they can't be planned."""
    try:
        planners = plans(Request.of(recipe, store=store)).planners
    except SirevError:  # the inspection finds the cause
        return 1
    left = {step.work for one in planners for step in one.steps.values() if step.stage == "train" and step.state != "hit"}
    return max(1, len(left))


def report_lines(findings: Sequence[Finding], recipe: str | None, width: int, verbose: bool = False) -> Iterator[Line]:
    """Yield the lines to print; only commands may exceed `width`."""
    shown = findings if verbose else _without_packages(findings)
    column = 2 + max(len(finding.what) for finding in shown) + 2
    for status, (heading, style) in _SECTIONS.items():
        if told := [finding for finding in shown if finding.status == status]:
            yield Line(heading, style)
            for finding in told:
                yield from _lines(finding, column, width, remedies=status in ("missing", "note"))
            yield Line("")
    missing = sum(finding.missing for finding in findings)
    who = recipe or "sirev"
    if missing:
        count = "1 requirement is" if missing == 1 else f"{missing} requirements are"
        yield Line(f"{who} can't run here: {count} missing.", "bold red")
    else:
        yield Line(f"{who} can run here.", "bold green")


def _lines(finding: Finding, column: int, width: int, *, remedies: bool) -> Iterator[Line]:
    indent = " " * column
    yield from (Line(text) for text in wrapped(f"  {finding.what}".ljust(column) + finding.found, width, column))
    for i, remedy in enumerate(finding.remedies if remedies else ()):
        words = f"{indent}{'or ' if i else ''}{remedy.words}{':' if remedy.command else ''}"
        yield from (Line(text, "dim") for text in wrapped(words, width, column))
        if remedy.command:
            yield Line(f"{indent}    {remedy.command}", COMMAND)


def _without_packages(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, with one finding in place of those about packages in order."""
    packages = [finding for finding in findings if finding.what.startswith(f"{PACKAGE} ") and finding.well]
    others = [finding for finding in findings if finding not in packages]
    if packages:
        count = len(packages)
        others.insert(1, Finding("packages", f"{count} that sirev requires; --verbose lists their versions", True, True))
    return others
