"""`sirev report`: the tables, figures, a page, or a file for other programs."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.recipe import suggest
from sirev.reporting.sections import SECTIONS
from sirev.reporting.summary import FORMATS, Report, report
from sirev.store.store import Store

FILES = {"html": "a page, such as report.html", "figures": "a folder"}
"""What a report can be written as, instead of a section to print -> what `--output` then names."""
PATIENCE = 3.0
"""Seconds after which what is being done is told step by step."""
DRAWS = 8
"""Draws of each problem that a page shows unless told otherwise."""


def run(
    section: str | None,
    recipes: list[str],
    methods: list[str],
    runs: list[str],
    form: str,
    store: Path | None,
    output: Path | None,
    against: str | None,
    draws: int,
) -> int:
    """Print the report in the form asked for, or write it; what was left out goes to stderr. Returns the exit status."""
    if form not in FORMATS:  # in words that tell the type checker
        raise BadInput(f"--format: unknown format {form!r}{suggest(form, list(FORMATS))}")
    written = section in FILES
    if section is not None and not written and section not in SECTIONS:
        raise BadInput(f"unknown section {section!r}{suggest(section, [*SECTIONS, *FILES])}")
    if written and output is None:
        raise BadInput(f"sirev report {section} needs --output: {FILES[section or '']}")
    if output is not None and not written:
        raise BadInput("--output goes with html or figures; a section is printed")
    if written and (form != "table" or against is not None):
        raise BadInput(f"--format and --against go with tables, not with {section}")
    opened = Store(store)
    if output is not None:
        return _write(section or "", opened, output, recipes, methods, runs, draws)
    asked: dict[str, Any] = {"recipes": recipes, "methods": methods, "runs": runs, "against": against}
    made = report(section, **asked, store=opened)
    _say(*made.notes)
    if form == "table":
        made.print()
    else:
        try:
            sys.stdout.write(made.text(form))
            sys.stdout.flush()
        except BrokenPipeError:  # `sirev report --format csv | head`: one without a number, which Typer does not act upon
            raise BrokenPipeError from None
    return 0


def _write(what: str, store: Store, output: Path, recipes: list[str], methods: list[str], runs: list[str], draws: int) -> int:
    from sirev.reporting.answers import store_option
    from sirev.reporting.newest import newest, one_recipe

    if what == "html":
        from sirev.reporting.web import check_output

        check_output(output)
    more = "".join(f" --method {shlex.quote(method)}" for method in methods) + store_option(store)
    more += f" --draws {draws}" if what == "html" and draws != DRAWS else ""
    chosen = newest(store, recipes, methods, runs)
    if what == "html":
        one_recipe(chosen, f"sirev report html --recipe RECIPE{more} -o {shlex.quote(str(output))}")
    for recipe in dict.fromkeys(other.recipe for other in chosen.others):
        others = [other for other in chosen.others if other.recipe == recipe]
        _say(f"{recipe} was run with {len(others) + 1} settings; the newest are shown, for the others:")
        for other in others:
            named = " ".join(f"--run {shlex.quote(run)}" for run in other.runs)
            beside = output.with_name(f"{output.stem}-{other.runs[0]}{output.suffix}")
            print(f"  sirev report {what} {named}{more} -o {shlex.quote(str(beside))}  # {other.words}", file=sys.stderr)
    try:
        return (
            _page(chosen.runs, methods, store, output, draws) if what == "html" else _figures(chosen.runs, methods, store, output)
        )
    except OSError as error:
        raise BadInput(f"{output}: can't be written: {error.strerror or error}") from None


def _made(runs: tuple[str, ...], methods: list[str], store: Store) -> Report:
    made = report(None, runs=runs, methods=methods, store=store)
    _say(*made.notes)
    return made


def _page(runs: tuple[str, ...], methods: list[str], store: Store, output: Path, draws: int) -> int:
    from sirev.reporting.web import write_page

    _say(f"writing {output} ...")
    since = time.monotonic()

    def told(line: str) -> None:
        if time.monotonic() - since > PATIENCE:
            _say(f"{line} ...")

    page = write_page(_made(runs, methods, store), store, output, draws, told)
    print(page.path, flush=True)
    if page.missing:
        _say("the page lacks what the store lacks:", *page.missing)
        print("mend with:", *(f"  {command}" for command in page.mends), sep="\n", file=sys.stderr)
    return 1 if page.missing else 0


def _figures(runs: tuple[str, ...], methods: list[str], store: Store, output: Path) -> int:
    from sirev.reporting.figures import write_figures

    _say(f"drawing figures into {output} ...")
    made = _made(runs, methods, store)
    for study in made.studies:
        folder = output / str(study["recipe"]) if len(made.studies) > 1 else output
        for path in write_figures(study, folder):
            print(path, flush=True)
    return 0


def _say(*lines: str) -> None:
    for line in lines:
        print(f"sirev: {line}", file=sys.stderr, flush=True)
