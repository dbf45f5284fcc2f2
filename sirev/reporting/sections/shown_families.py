"""Tables that families of metrics declare for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any, cast

from sirev.metrics.families import SHOWN
from sirev.metrics.families.shown import LARGEST_K, Column, ShownTable
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import NOT_MEASURED
from sirev.reporting.sections.run_rows import HEADS, RunData, at, in_words, iteration_rows, keys, named, reasons
from sirev.reporting.tables import TextTable, number, percent


def family_tables(section: str, runs: Sequence[RunData]) -> list[TextTable]:
    """The tables of all families of metrics in a section, with a row per model."""
    return [_drawn(table, runs) for shown in SHOWN if shown.section == section for table in shown.tables]


def _drawn(table: ShownTable, runs: Sequence[RunData]) -> TextTable:
    columns = [column for one in table.columns if (column := _written_out(one, runs)) is not None]
    drawn = TextTable(table.title, [*HEADS, *(column.header for column in columns)], len(HEADS))
    found = [(run, model, [at(model, column.path) for column in columns]) for run, model in iteration_rows(runs)]
    if not any(one["value"] is not None for *_, row in found for one in row):  # a line says why; no column needs a legend
        drawn.notes = ["; ".join(reasons(found[-1][-1]) if found else ()) or NOT_MEASURED]
        return drawn
    drawn.rows = [[*named(run, model["t"]), *map(_cell, row, columns)] for run, model, row in found]
    drawn.notes = [*_remarks(table, runs), *table.notes]
    return drawn


def _remarks(table: ShownTable, runs: Sequence[RunData]) -> list[str]:
    return [
        f"{in_words(run, model['t'])}: {remark.sentence.format(percent(share))}"
        for run, model in iteration_rows(runs)
        for remark in table.remarks
        if (share := at(model, remark.path))["value"]
    ]


def _cell(statistic: Statistic, column: Column) -> str:
    return percent(statistic, column.places) if column.form == "percent" else number(statistic, column.places)


def _written_out(column: Column, runs: Sequence[RunData]) -> Column | None:
    """A column with LARGEST_K replaced by the largest number that any model has; None if there is none."""
    if LARGEST_K not in column.path:
        return column
    i = column.path.index(LARGEST_K)
    above, below = column.path[:i], column.path[i + 1 :]
    largest = keys(reduce(getitem, above, cast(Any, model)) for _, model in iteration_rows(runs))[-1:]
    return replace(column, header=column.header.format(*largest), path=(*above, *largest, *below)) if largest else None
