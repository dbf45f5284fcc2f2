"""The report of a sweep: its grid, and the report on the studies with finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sirev.printing import json_text
from sirev.reporting.long_form import REPORT_COLUMNS
from sirev.reporting.sections import ALL
from sirev.reporting.spreadsheet import as_csv
from sirev.reporting.summary import Format, Report
from sirev.reporting.sweeps.cells import GridCell, finished_in_words, grid_cells
from sirev.reporting.sweeps.grid_table import grid_table
from sirev.reporting.sweeps.swept_studies import RunProgress, SweptStudy
from sirev.reporting.tables import TextTable, markdown
from sirev.reporting.terminal import print_tables, print_to_width

_SCHEMA = 1
"""Version of the JSON form; docs/sweeps.md describes it."""
SWEEP_COLUMNS = ("model", "task", "settings", *REPORT_COLUMNS)


@dataclass(frozen=True)
class SweepReport:
    """A report on a sweep. `path` is the file of its grid, `report` the usual report on its finished runs."""

    path: Path
    studies: Sequence[SweptStudy]
    report: Report

    @property
    def name(self) -> str:
        """The name of the grid's file."""
        return self.path.name

    @property
    def cells(self) -> list[GridCell]:
        """The cells of the grid, study by study."""
        return grid_cells(self.studies)

    def tables(self) -> list[TextTable]:
        """The grid, followed by all tables with section "all"; for a section its tables alone, if any run is finished."""
        section = self.report.section
        own = self.report.tables() if section is not None and self.report.studies else []
        if own and section != ALL:
            return own
        grid = grid_table(self.name, self.studies)
        grid.notes += [f"Missing: {sentence}." for sentence in self.report.missing]
        return [grid, *own]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as docs/sweeps.md documents it: {"schema": 1, "sweep", "cells", "studies", "missing"}."""
        told = self.report.to_dict()
        return {
            "schema": _SCHEMA,
            "sweep": self.name,
            "cells": [_cell(cell) for cell in self.cells],
            "studies": told["studies"],
            "missing": told["missing"],
        }

    def rows(self) -> list[dict[str, Any]]:
        """The numbers in long form: per study, a row for the state of each run, then a row per value."""
        rows: list[dict[str, Any]] = []
        for of in self.studies:
            named = {"model": of.model, "task": of.task, "settings": of.settings_in_words}
            rows += [{**dict.fromkeys(SWEEP_COLUMNS), **named, **_state(one)} for one in of.progress]
            if of.study is not None:
                alone = replace(self.report, studies=[of.study])
                rows += [{**named, **row} for row in alone.rows()]
        return rows

    def text(self, form: Format) -> str:
        """The report as "markdown", "csv", "json", "latex" or "latex-column"; "table" is for `print`."""
        if form == "json":
            return json_text(self.to_dict())
        if form == "csv":
            return as_csv(SWEEP_COLUMNS, ([row[column] for column in SWEEP_COLUMNS] for row in self.rows()))
        if form == "markdown":
            return markdown(self.tables())
        from sirev.reporting.latex import latex

        return latex(self.tables(), self.path.stem, column=form == "latex-column")

    def print(self) -> None:
        """Print the grid to the terminal, or the tables of a section. Of all tables, the grid comes last and stays visible."""
        if self.report.section is None:
            from sirev.reporting.sweeps.grid_screen import grid_screen

            print_to_width(lambda width: grid_screen(self, width))
        else:
            print_tables(self.tables()[::-1] if self.report.section == ALL else self.tables())

    def __repr__(self) -> str:
        return f"SweepReport({self.name}: {finished_in_words(self.studies)}; .print() shows it, .rows() has its numbers)"

    def _repr_markdown_(self) -> str:
        return self.text("markdown")  # what a notebook shows


def _state(one: RunProgress) -> dict[str, Any]:
    run = one.run
    named = {"run": run.id, "recipe": run.recipe, "method": run.method, "seed": run.seed, "t": one.measured or None}
    return {**named, "statistic": "state", "text": one.state, "reason": run.reason}


def _cell(cell: GridCell) -> dict[str, Any]:
    change, judgement = cell.change, cell.judgement
    return {
        "recipe": cell.of.recipe,
        "model": cell.of.model,
        "task": cell.of.task,
        "settings": dict(cell.of.settings),
        "method": cell.method,
        "runs": [
            {
                "run": one.run.id,
                "seed": one.run.seed,
                "state": one.state,
                "measured": one.measured,
                "T": one.T,
                "reason": one.run.reason,
            }
            for one in cell.progress
        ],
        "headline": cell.headline,
        "read_unlike": cell.read_unlike or None,
        "possible": None if judgement is None else judgement["possible"],
        "judged": cell.judged,
        "alike": cell.alike,
        "claim": cell.claim["claim"] if cell.claim else None,
        "reason": cell.why or None,
        "pass_at_1": None if change is None else {"first": change["base"], "change": change["difference"]},
        "observations": cell.observed,
    }
