"""`sirev report`: the tables, figures, a page, or a file for other programs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sirev.cli.comparing_progress import Comparing
from sirev.errors import BadInput
from sirev.printing import out_path, say, write
from sirev.quoting import as_typed
from sirev.reporting.sections import ALL, SECTIONS
from sirev.reporting.sections.run_rows import names_of
from sirev.reporting.selection import others_in_words
from sirev.reporting.summary import FORMATS, Report, report
from sirev.store.store import Store
from sirev.suggest import suggest

_PATIENCE = 3.0
"""Seconds after which what is being done is told step by step."""
_DRAWS = 8
"""Draws of each problem that a page shows unless told otherwise."""
FILES = {"html": "a page, such as report.html", "figures": "a folder"}
"""What a report can be written as, instead of a section to print -> what `--output` then names."""


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
    """Print the report in the form asked for, or write it; what was left out goes to stderr.

    Returns 1 if something is left out because the store lacks it.
    """
    if form not in FORMATS:  # in words that tell the type checker
        raise BadInput(f"--format: unknown format {form!r}{suggest(form, list(FORMATS))}")
    written = section in FILES
    if section is not None and not written and section != ALL and section not in SECTIONS:
        raise BadInput(f"unknown section {section!r}{suggest(section, [ALL, *SECTIONS, *FILES])}")
    if written and output is None:
        raise BadInput(f"sirev report {section} needs --output: {FILES[section or '']}")
    if output is not None and not written:
        raise BadInput("--output goes with html or figures; a section is printed")
    if written and form != "table":
        raise BadInput(f"--format goes with tables, not with {section}")
    asked: dict[str, Any] = {"recipes": recipes, "methods": methods, "runs": runs, "against": against}
    if output is not None:
        _check(section or "", output)
    opened = Store(store)
    with Comparing() as watch:
        made = report(None if written else section, **asked, store=opened, watch=watch)
    options = [word for method in methods for word in ("--method", method)]
    options += ["--draws", str(draws)] if section == "html" and draws != _DRAWS else []
    _say(*made.notes, *made.missing, *others_in_words(made.selection, section, store, output, options))
    if output is not None:
        return _write(section or "", made, opened, output, draws)
    if form == "table":
        made.print(asked=_options(recipes, methods, runs))
    else:
        write(made.text(form))
    return 1 if made.missing else 0


def _options(recipes: list[str], methods: list[str], runs: list[str]) -> str:
    """The options that ask for the same runs."""
    named = {"--recipe": recipes, "--method": methods, "--run": runs}
    return as_typed(*(word for option, values in named.items() for value in values for word in (option, value)))


def _check(what: str, output: Path) -> None:
    """BadInput for what can't be written, before anything is computed for it."""
    if what == "html":
        from sirev.reporting.web import check_output

        check_output(output)


def _write(what: str, made: Report, store: Store, output: Path, draws: int) -> int:
    lacking = False
    try:
        if what == "html":
            lacking = _page(made, store, output, draws)
        else:
            _figures(made, output)
    except OSError as error:
        raise BadInput(f"{output}: can't be written: {error.strerror or error}") from None
    return 1 if lacking or made.missing else 0


def _page(made: Report, store: Store, output: Path, draws: int) -> bool:
    """Write the page; returns whether the store lacks something for it."""
    from sirev.reporting.web import write_page

    _say(f"writing {output} ...")
    since = time.monotonic()

    def told(line: str) -> None:
        if time.monotonic() - since > _PATIENCE:
            _say(f"{line} ...")

    page = write_page(made, store, output, draws, told)
    out_path(page.path)
    if page.missing:
        _say("the page lacks what the store lacks:", *page.missing, "to fix:", *(f"  {command}" for command in page.mends))
    return bool(page.missing)


def _figures(made: Report, output: Path) -> None:
    """Write the figures of each study, in a folder of its own where there are several, and then those of all side by side."""
    from sirev.reporting.figures import write_figures, write_grids
    from sirev.reporting.figures.grids import arranged

    _say(f"drawing figures into {output} ...")
    if len(made.studies) != 1:
        for path in write_grids(arranged(made.studies, made.published), output):
            out_path(path)
    for study, name in zip(made.studies, names_of(made.studies), strict=True):
        folder = output / name if len(made.studies) > 1 else output
        for path in write_figures(study, folder, published=made.published.get(str(study["recipe"]))):
            out_path(path)


def _say(*lines: str) -> None:
    """Lines for stderr; those that are indented are commands, to be copied as they stand."""
    for line in lines:
        say(line if line.startswith("  ") else f"sirev: {line}")
