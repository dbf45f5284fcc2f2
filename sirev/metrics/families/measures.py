"""Measures of one model as arrays over the problems, in the same order for all models."""

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
    """The measures of one M_t: one row per problem, in an order shared by all models; empty or None where not measured.

    `greedy`, `draws`, `train`, `ood` (greedy), `ood_draws` and `temperatures` are accuracies, `families` the other families'
    measures of the draws, `ood_diversity` the family diversity's of draws on suites.
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
        """The measures on a suite of other problems, as `greedy`, `draws` and `families`."""
        diversity = {"diversity": self.ood_diversity[suite]} if suite in self.ood_diversity else {}
        return Measures(self.ood.get(suite), self.ood_draws.get(suite), families=diversity)


def column(rows: Sequence[T] | None, pick: Callable[[T], float | None], n: int) -> Floats:
    """One number per row, NaN for None; `n` NaN if there are no rows."""
    import numpy as np

    if rows is None:
        return np.full(n, np.nan)
    return np.array([np.nan if (value := pick(row)) is None else value for row in rows], dtype=np.float64)


def counts(rows: Sequence[MeasureRow] | None, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of answers and of right answers per problem; zeros if there are no rows."""
    import numpy as np

    if rows is None:
        return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    return np.array([row["n"] for row in rows], dtype=np.int64), np.array([row["correct"] for row in rows], dtype=np.int64)


def share_of(name: str) -> Callable[[MeasureRow], float | None]:
    """A function from a row to a count divided by the number of answers, such as the share cut off; None where unknown."""
    return lambda row: row[name] / row["n"] if row.get(name) is not None and row["n"] else None


def sorted_levels(levels: Sequence[str]) -> list[str]:
    """The distinct levels, easiest first: shorter names before longer ones, so that 10 follows 9."""
    return sorted(set(levels), key=lambda level: (len(level), level))
