"""The report as one HTML page: facts, verdicts, figures, tables, and the answers behind them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sirev.quoting import as_typed
from sirev.reporting.explorer_answers import explorer, mends
from sirev.reporting.facts import facts_of
from sirev.reporting.figures import FIGURES, both_themes, both_themes_of_grid, describe, describe_grid, figures_of
from sirev.reporting.figures.grids import GRIDS, Grid, arranged, grids_of
from sirev.reporting.output_files import check_output, place_file
from sirev.reporting.page import Part, render_overview, render_page, tables_as_html
from sirev.reporting.published import PAPER
from sirev.reporting.sections import ALL
from sirev.reporting.sections.run_rows import Study, names_of
from sirev.reporting.summary import Report
from sirev.store.store import FOLDERS, MARKER, Store
from sirev.study.remedies import store_option


@dataclass(frozen=True)
class Page:
    """A written page. `missing` are the gaps of the store, a line each; `mends` the commands that fill them."""

    path: Path
    missing: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()


def write_page(report: Report, store: Store, path: Path, draws: int = 8, told: Callable[[str], None] = lambda line: None) -> Page:
    """Write the report as one self-contained HTML file.

    The page of a single study shows the greedy answer and the first `draws` draws of every problem. It names the answers that
    the store lacks, and so does the result. A page of several studies compares them first; a part per study follows, without
    answers. A report against the paper without studies gives such a page with the paper's numbers alone. `told` is called with
    each stage of the work.
    """
    check_output(path)
    report = for_others(report, store)
    if len(report.studies) != 1:
        return _overview(report, store, path, told)
    study = report.studies[0]
    told("reading the answers")
    data, gaps = explorer(study, store, draws)
    lacking = tuple(map(str, gaps))
    told("drawing the figures")
    text = render_page(
        study,
        facts=facts_of(study, store),
        tables_html=_tables(report),
        figures=_figures(study, report),
        explorer=data,
        missing=lacking,
        mends=mends(gaps, None),  # the page is for others: keep the store's place out of it
    )
    place_file(text, path)
    return Page(path, lacking, tuple(mends(gaps, store)))


def for_others(report: Report, store: Store) -> Report:
    """The report as others read it on a page: where the store lies, of which it lacks something, is not their business."""
    return replace(report, missing=tuple(_without_place(line, store) for line in report.missing))


def _without_place(line: str, store: Store) -> str:
    # A relative path may be an ordinary word, such as "store", so it is hidden only in the phrases of messages.
    place = re.escape(str(store.path))
    below = "|".join(map(re.escape, (*FOLDERS, MARKER)))
    line = line.replace(store_option(store), "")
    line = re.sub(rf"(?<=\bthe store) {place}(?=[ ;:,]|$)", "", line)
    line = re.sub(rf"\b(in|from) {place}(?= is | was |[;:]|$)", r"\1 the store", line)
    return re.sub(rf"(?<!\S){place}/(?=(?:{below})\b)", "", line)


def _overview(report: Report, store: Store, path: Path, told: Callable[[str], None]) -> Page:
    figures = grid_figures(arranged(report.studies, report.published), told)
    parts = []
    for study, name in zip(report.studies, names_of(report.studies), strict=True):
        told(f"drawing the figures of {name}")
        asked = ("--recipe", name) if name == study["recipe"] else ("--run", name)
        command = as_typed("sirev", "report", "html", *asked, "--output", f"{name}.html")
        parts.append(Part(name, study, facts_of(study, store), _figures(study, report), command))
    title = f"{len(parts)} studies" if parts else "Progress or regress? The published numbers"
    lead = ", ".join(part.name for part in parts) or PAPER["source"]
    place_file(render_overview(title, lead, figures, parts, _tables(report), report.missing), path)
    return Page(path)


def grid_figures(grid: Grid, told: Callable[[str], None]) -> list[dict[str, Any]]:
    """The figures of several studies, for `render_overview`."""
    told("drawing the figures of all studies")
    return [_figure(name, GRIDS[name][0], describe_grid(grid, name), both_themes_of_grid(grid, name)) for name in grids_of(grid)]


def _tables(report: Report) -> str:
    """All tables of a page except the summary of verdicts, which the cards show.

    In a report against the paper, the tables with the paper's numbers come first.
    """
    own = replace(report, against=None).tables()[1:] if report.studies else []
    if own:
        own[0].notes += [f"Missing: {sentence}." for sentence in report.missing]
    beside = replace(report, section=None if report.studies else ALL).tables() if report.against is not None else []
    return tables_as_html([*beside, *own])


def _figures(study: Study, report: Report) -> list[dict[str, Any]]:
    row = report.published.get(str(study["recipe"]))
    return [_figure(name, FIGURES[name][0], describe(study, name), both_themes(study, name, row)) for name in figures_of(study)]


def _figure(name: str, title: str, alt: str, drawn: tuple[str, str] | None) -> dict[str, Any]:
    light, dark = drawn or (None, None)
    return {"name": name, "title": title, "alt": alt, "light": light, "dark": dark}
