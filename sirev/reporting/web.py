"""The report as one page: facts, verdicts, figures, tables, and the answers behind them, read from the store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.quoting import as_typed
from sirev.reporting.explorer_answers import explorer, mends
from sirev.reporting.facts import facts_of
from sirev.reporting.figures import FIGURES, both_themes, describe, figures_of
from sirev.reporting.output_files import written_file
from sirev.reporting.page import render_page, tables_as_html
from sirev.reporting.sections.run_rows import Study
from sirev.reporting.summary import Report
from sirev.store.store import Store


@dataclass(frozen=True)
class Page:
    """A page that was written: `missing` says, a line each, what the store lacks for it, `mends` the commands that help."""

    path: Path
    missing: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()


def write_page(report: Report, store: Store, path: Path, draws: int = 8, told: Callable[[str], None] = lambda line: None) -> Page:
    """Write the report as one self-contained HTML file.

    The page shows the greedy answer and the first `draws` draws of every problem. Answers that the store no longer has are
    named on the page and in what is returned. `told` hears what is being done. Raises BadInput for runs of several recipes
    or settings: a page is about one study.
    """
    check_output(path)
    if len(report.studies) > 1:
        recipes = list(dict.fromkeys(str(study["recipe"]) for study in report.studies))
        if len(recipes) > 1:
            option = as_typed("--recipe", recipes[0])
            raise BadInput(f"a page is about one recipe, not {len(recipes)} ({', '.join(recipes)}); name one: {option}")
        option = as_typed("--run", report.studies[-1]["runs"][0]["id"])
        raise BadInput(
            f"a page is about one study, and these runs have {len(report.studies)} settings; name runs of one: {option}"
        )
    study = report.studies[0]
    told("reading the answers")
    data, gaps = explorer(study, store, draws)
    lacking = tuple(map(str, gaps))
    told("drawing the figures")
    text = render_page(
        study,
        facts=facts_of(study, store),
        tables_html=tables_as_html(report.tables()),
        figures=_figures(study),
        explorer=data,
        missing=lacking,
        mends=mends(gaps, None),  # others read it: where the store lies is not their business
    )
    _publish(text, path)
    return Page(path, lacking, tuple(mends(gaps, store)))


def check_output(path: Path) -> None:
    """BadInput for a path that can't be a page: a folder, a device, a pipe."""
    if path.is_dir():
        raise BadInput(f"--output {path}: is a folder; name a file in it, such as {path / 'report.html'}")
    written_file(path)


def _figures(study: Study) -> list[dict[str, Any]]:
    found = []
    for name in figures_of(study):
        light, dark = both_themes(study, name) or (None, None)
        found.append({"name": name, "title": FIGURES[name][0], "alt": describe(study, name), "light": light, "dark": dark})
    return found


def _publish(text: str, path: Path) -> None:
    path = written_file(path)  # through a link, which stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)  # a page that somebody is looking at is whole at any time
    except BaseException:
        os.unlink(scratch)
        raise
