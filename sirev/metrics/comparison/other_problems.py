"""Statistics of answers to other sets of problems: coverage of training and test problems, skill out of distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sirev.metrics.disparity import group_disparity
from sirev.metrics.families.accuracy import by_level
from sirev.metrics.families.family import Tree
from sirev.metrics.families.measures import MeasureRow, column, share_of
from sirev.metrics.sheet import Sheet, SheetCell

NO_TRAIN = "no draws on training problems"


def coverage_statistic(sheet: Sheet, rows: Sequence[MeasureRow] | None, reason: str) -> dict[str, SheetCell]:
    """Correct answer coverage in both readings: `mass`, the mean share of right draws, and `solved`, problems with one."""
    return {
        "mass": sheet.mean(column(rows, share_of("correct"), sheet.n), reason),
        "solved": sheet.mean(column(rows, lambda row: float(row["correct"] > 0) if row["n"] else None, sheet.n), reason),
    }


def suite(sheet: Sheet, rows: Sequence[MeasureRow]) -> Tree:
    """Accuracy of an OOD suite, whole and by level, and the group disparity between its easiest and hardest level."""
    levels = [row["level"] for row in rows]
    right = column(rows, lambda row: row["correct"] / row["n"], sheet.n)
    cells = by_level(sheet, right, levels, "no problem")
    easiest, *rest = cells.values()
    if rest:
        disparity = sheet.derived(group_disparity, [easiest, rest[-1]], "the easiest level is never right")
    else:
        disparity = sheet.mean(np.full(sheet.n, np.nan), "the suite has one level only")
    return {"accuracy": sheet.mean(right, "no problem"), "levels": cells, "group_disparity": disparity}
