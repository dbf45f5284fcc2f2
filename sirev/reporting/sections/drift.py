"""Tables of drift: the problems that a model can still solve, and its success by their difficulty for M_1."""

from __future__ import annotations

from collections.abc import Iterator

from sirev.metrics.comparison.contents import Support
from sirev.reporting.sections.run_rows import (
    HEADS,
    ModelData,
    RunData,
    Study,
    cells,
    iteration_rows,
    keys,
    later_rows,
    named,
    reasons,
    runs_of,
)
from sirev.reporting.tables import ABSENT, TextTable, fixed, percent, points, with_interval

_BINS = {"0": "never", "0-25": "to 25%", "25-50": "to 50%", "50-75": "to 75%", "75-100": "above 75%", "100": "always"}
"""Bin of M_1's share of correct draws, as named in a comparison -> its name in a table."""


def support_table(studies: list[Study]) -> list[TextTable]:
    """Problems that M_1 and M_t solve at all, on the test set and on suites with draws."""
    table = TextTable(
        "Problems solved at all in k samples", [*HEADS, "problems of", "k", "by M_1", "by M_t", "lost", "gained", "kept %"], 4
    )
    absent = []
    for run, iteration in later_rows(runs_of(studies)):
        for name, found in _supports(iteration):
            sizes = [found[field] for field in ("first", "later", "shrinkage", "expansion")]
            shown = [ABSENT if one is None else fixed(one, 0 if one.is_integer() else 1) for one in map(_float, sizes)]
            k = ABSENT if found["k"] is None else str(found["k"])
            table.rows.append([*named(run, iteration["t"]), name, k, *shown, with_interval(found["retention"])])
            absent += reasons([found["retention"]])
    table.notes += list(dict.fromkeys(absent))
    table.notes.append("lost: by M_1 and not by M_t; gained: the reverse; kept: share of M_1's that M_t solves too [95%].")
    return [table]


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _supports(iteration: ModelData) -> Iterator[tuple[str, Support]]:
    yield "test", iteration["support"]
    for name, suite in iteration["ood"].items():
        if "support" in suite:
            yield name, suite["support"]


def drift_tables(studies: list[Study]) -> list[TextTable]:
    """Success by difficulty for M_1, and the difficulty of the problems with correct training samples."""
    runs = runs_of(studies)
    return [_success(runs), *_made_of(runs)]


def _success(runs: list[RunData]) -> TextTable:
    table = TextTable("Mean share of correct samples on test, by M_1's (%)", [*HEADS, *_BINS.values()], 3)
    absent = []
    for run, iteration in iteration_rows(runs):
        bins = iteration["drift"]["test"]
        is_first, is_last = (iteration is run["iterations"][place] for place in (0, -1))
        if is_first:
            counted = [ABSENT if (n := bins[name]["problems"]) is None else fixed(n, 0) for name in _BINS]
            table.rows.append([*named(run, iteration["t"])[:-1], "problems", *counted])
            absent += [bins[name]["first"] for name in _BINS]
        table.rows.append([*named(run, iteration["t"]), *(percent(bins[name]["later"]) for name in _BINS)])
        if is_last and not is_first:
            changes = [bins[name]["change"] for name in _BINS]
            table.rows.append([*named(run, iteration["t"])[:-1], "M_T − M_1", *map(points, changes)])
            sure = [one["low"] is not None and one["high"] is not None and one["low"] * one["high"] > 0 for one in changes]
            table.rows[-1][3:] = [f"{text}*" if is_sure else text for text, is_sure in zip(table.rows[-1][3:], sure, strict=True)]
    table.notes += reasons(absent)
    table.notes.append(
        "Columns: how many of one half of M_1's samples are correct; M_1's own values are of the other half, mean over all "
        "halves: chance alone moves no bin. *: the 95% interval of the change excludes 0."
    )
    return table


def _made_of(runs: list[RunData]) -> list[TextTable]:
    bins = TextTable("Of M_t's correct samples on training problems, by M_1's success there (%)", [*HEADS, *_BINS.values()], 3)
    levels = keys(i["drift"]["train"]["levels"] for run in runs for i in run["iterations"])
    by_level = TextTable("The same by level (%)", [*HEADS, *(f"level {level}" for level in levels)], 3)
    for run, iteration in iteration_rows(runs):
        made_of = iteration["drift"]["train"]
        bins.rows.append([*named(run, iteration["t"]), *cells(made_of["bins"], _BINS, percent)])
        by_level.rows.append([*named(run, iteration["t"]), *cells(made_of["levels"], levels, percent)])
        bins.notes += [reason for reason in reasons(made_of["bins"].values()) if reason not in bins.notes]
    bins.notes.append(
        "What M_{t+1} can learn from, before equal answers are dropped and their number is capped; rows add up to 100."
    )
    return [bins, by_level] if len(levels) > 1 else [bins]
