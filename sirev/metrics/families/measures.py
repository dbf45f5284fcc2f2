"""The measures of one model as arrays over the problems, in one order for all models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MeasureRow = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Measures:
    """What was measured of one M_t: rows by problem id, each list empty or None where it was not asked for.

    `greedy`, `draws`, `train`, `ood` (greedy), `ood_draws` and `temperatures` are accuracies, `families` the other families'
    measures of the draws, `ood_diversity` that family's of the draws on suites.
    """

    greedy: Sequence[MeasureRow] | None
    draws: Sequence[MeasureRow] | None
    train: Sequence[MeasureRow] | None = None
    families: Mapping[str, Sequence[MeasureRow]] = field(default_factory=dict)
    ood: Mapping[str, Sequence[MeasureRow]] = field(default_factory=dict)
    ood_draws: Mapping[str, Sequence[MeasureRow]] = field(default_factory=dict)
    ood_diversity: Mapping[str, Sequence[MeasureRow]] = field(default_factory=dict)
    temperatures: Mapping[str, Sequence[MeasureRow]] = field(default_factory=dict)

    def on_suite(self, suite: str) -> Measures:
        """What was measured on a suite of other problems, as `greedy`, `draws` and `families`."""
        diversity = {"diversity": self.ood_diversity[suite]} if suite in self.ood_diversity else {}
        return Measures(self.ood.get(suite), self.ood_draws.get(suite), families=diversity)


def column(rows: Sequence[T] | None, pick: Callable[[T], float | None], n: int) -> Floats:
    """One number a row, NaN for None; all NaN where there are no rows."""
    import numpy as np

    if rows is None:
        return np.full(n, np.nan)
    return np.array([np.nan if (value := pick(row)) is None else value for row in rows], dtype=np.float64)


def counts(rows: Sequence[MeasureRow] | None, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many answers each problem has and how many of them are right; zeros where there are none."""
    import numpy as np

    if rows is None:
        return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    return np.array([row["n"] for row in rows], dtype=np.int64), np.array([row["correct"] for row in rows], dtype=np.int64)


def share_of(name: str) -> Callable[[MeasureRow], float | None]:
    """Picks a count over the number of answers, such as the share of them that was cut off."""
    return lambda row: row[name] / row["n"] if row.get(name) is not None and row["n"] else None


def sorted_levels(levels: Sequence[str]) -> list[str]:
    """The distinct levels, easiest first: shorter names before longer, so that 10 comes after 9."""
    return sorted(set(levels), key=lambda level: (len(level), level))
