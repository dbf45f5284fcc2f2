"""Statistics of answers to other sets of problems: coverage of training and test problems, accuracy on suites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sirev.metrics.disparity import disparity_change, group_disparity
from sirev.metrics.families.accuracy import NO_DRAWS, by_level, pass_curve
from sirev.metrics.families.family import Tree
from sirev.metrics.families.measures import MeasureRow, Measures, column, share_of
from sirev.metrics.pass_at_n import powers_of_two
from sirev.metrics.sheet import Sheet, SheetCell

NO_TRAIN = "no draws on training problems"
NO_PROBLEM = "no problem"
NEVER_RIGHT = "the easiest level is never right"


def coverage_statistic(sheet: Sheet, rows: Sequence[MeasureRow] | None, reason: str) -> dict[str, SheetCell]:
    """Correct answer coverage, two readings: `mass`, the mean share of right draws; `solved`, the share of problems with one."""
    return {
        "mass": sheet.mean(column(rows, share_of("correct"), sheet.n), reason),
        "solved": sheet.mean(column(rows, lambda row: float(row["correct"] > 0) if row["n"] else None, sheet.n), reason),
    }


def suite(sheet: Sheet, first: Measures, model: Measures, is_first: bool) -> Tree:
    """Statistics of M_t's greedy answers to a suite, and of its draws where there are some; `first` has M_1's measures.

    Accuracy, overall and by level, and the group disparity between the easiest and the hardest level, with its change since M_1.
    """
    overall, levels, disparity, change = _by_levels(sheet, first.greedy, model.greedy, is_first)
    tree: Tree = {"accuracy": overall, "levels": levels, "group_disparity": disparity, "disparity_change": change}
    if model.draws:
        overall, levels, disparity, change = _by_levels(sheet, first.draws, model.draws, is_first)
        sizes = list(powers_of_two(min(row["n"] for row in model.draws)))
        tree |= {
            "pass_at_n": pass_curve(sheet, model.draws, sizes),
            "mean_accuracy": overall,
            "mean_levels": levels,
            "mean_group_disparity": disparity,
            "mean_disparity_change": change,
        }
    return tree


def _by_levels(
    sheet: Sheet, first: Sequence[MeasureRow] | None, rows: Sequence[MeasureRow] | None, is_first: bool
) -> tuple[SheetCell, dict[str, SheetCell], SheetCell, SheetCell]:
    """Accuracy, accuracy by level, group disparity, and its change since M_1."""
    levels = [row["level"] for row in rows or ()]
    was, now = (column(some, share_of("correct"), sheet.n) for some in (first, rows))
    overall, cells = sheet.mean(now, NO_PROBLEM), by_level(sheet, now, levels, NO_PROBLEM)
    if len(cells) < 2:
        none = sheet.mean(np.full(sheet.n, np.nan), "the suite has one level only")
        return overall, cells, none, none
    disparity = sheet.derived(group_disparity, _ends(cells), NEVER_RIGHT)
    if is_first or first is None:
        why = "M_1 is not compared with itself" if is_first else NO_DRAWS
        return overall, cells, disparity, sheet.mean(np.full(sheet.n, np.nan), why)
    parts = [*_ends(cells), *_ends(by_level(sheet, was, levels, NO_PROBLEM))]
    return overall, cells, disparity, sheet.derived(disparity_change, parts, NEVER_RIGHT)


def _ends(levels: dict[str, SheetCell]) -> list[SheetCell]:
    """The easiest and the hardest level."""
    return [*levels.values()][:: len(levels) - 1]
