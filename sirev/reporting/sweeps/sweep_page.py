"""The report of a sweep as one HTML page, and the panels of its figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sirev.quoting import as_typed
from sirev.reporting.facts import facts_of
from sirev.reporting.figures.grids import Grid, GridPanel, in_rows_and_columns
from sirev.reporting.output_files import check_output, place_file
from sirev.reporting.page import Part, render_overview, tables_as_html
from sirev.reporting.page.grid import grid_as_html
from sirev.reporting.sweeps.cells import grid_cells, late_in_words
from sirev.reporting.sweeps.grid_table import label_columns
from sirev.reporting.sweeps.sweep_report import SweepReport
from sirev.reporting.sweeps.swept_studies import SweptStudy
from sirev.reporting.web import for_others, grid_figures
from sirev.store.store import Store


def write_sweep_page(made: SweepReport, store: Store, path: Path, told: Callable[[str], None] = lambda line: None) -> None:
    """Write the report of a sweep as one self-contained HTML file.

    The grid comes first, then figures with a panel per study, a part per study, and the tables. Figures and answers of one study
    are on a separate page, whose command is in its part. `told` is called with each stage of the work.
    """
    check_output(path)
    report = for_others(made.report, store)
    parts: dict[int, Part] = {}
    for of in made.studies:
        if of.study is not None:
            name = name_of(of, made.studies)
            command = as_typed("sirev", "report", "html", *own_options(of, made.studies), "--output", f"{name}.html")
            parts[id(of)] = Part(name, of.study, replace(facts_of(of.study, store), title=of.title), [], command)
    grid, *_ = replace(made, report=report).tables()
    tables = report.tables() if parts else []
    figures = grid_figures(panels_of(made.studies), told)
    names = {place: part.name for place, part in parts.items()}
    page = render_overview(
        "Progress or regress? A sweep",
        grid.title,
        figures,
        [*parts.values()],
        tables_as_html([replace(grid, notes=[]), *tables]),
        report.missing,
        grid_as_html(made.studies, label_columns(made.studies), names, grid.notes),
    )
    place_file(page, path)


def panels_of(studies: Sequence[SweptStudy]) -> Grid:
    """The panels of a sweep's figures: rows are models with settings, columns are tasks."""
    labels = label_columns(studies)
    alike = not {"model", "task"} & set(labels)  # then settings are the whole title
    at: dict[tuple[str, str], GridPanel] = {}
    for of in studies:
        row = "; ".join(say(of) for title, say in labels.items() if title != "task")
        late = "; ".join(filter(None, map(late_in_words, grid_cells([of]))))
        title, subtitle = f"{of.model}, {of.task}", of.set_apart
        if alike and subtitle:
            title, subtitle = subtitle, ""
        at[row, of.task] = GridPanel(title, of.study, subtitle=subtitle, unfinished=late)
    return in_rows_and_columns(at)


def name_of(of: SweptStudy, studies: Sequence[SweptStudy]) -> str:
    """The name of a study among several: its recipe, with the digits of its settings if the recipe has several."""
    return of.recipe if sum(other.recipe == of.recipe for other in studies) == 1 else f"{of.recipe}-{of.digits}"


def own_options(of: SweptStudy, studies: Sequence[SweptStudy]) -> list[str]:
    """The options of `sirev report` for a study: the digits of its settings, or its runs if the digits are not unique."""
    if sum(other.digits == of.digits for other in studies) == 1 and of.digits:
        return ["--run", of.digits]
    return [word for one in of.progress for word in ("--run", one.run.id)]
