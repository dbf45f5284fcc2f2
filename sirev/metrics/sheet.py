"""A sheet of values per problem over one set of problems, whose columns become statistics together.

One bootstrap serves all columns. So a value derived from several of them (a ratio, a difference of means) is resampled as one:
the same problems are drawn for all its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sirev.metrics.intervals import Resamples, clopper_pearson, interval
from sirev.metrics.statistic import Statistic, absent

Values = NDArray[np.float64]
"""One number per problem; NaN where it has none."""
ColumnFunction = Callable[..., Any]
"""Function of the means of some columns, which are numbers or arrays of replicates."""


@dataclass(frozen=True, eq=False)
class SheetCell:
    """Placeholder, in a tree of results, of a statistic that is computed when the sheet is settled."""

    index: int
    parts: tuple[SheetCell, ...] = ()
    function: ColumnFunction | None = None
    reason: str = ""
    binomial: bool = True


class Sheet:
    """Columns over `n` problems, bootstrapped together: percentile intervals at 95 %, Clopper-Pearson's for shares."""

    def __init__(self, n: int, seed: int, replicates: int) -> None:
        self.n = n
        self._resamples = Resamples(n, seed, replicates)
        self._columns: list[Values] = []
        self._cells = 0
        self._means: list[float] = []
        self._replicates: Values | None = None

    def mean(self, values: Values, reason: str, *, binomial: bool = True) -> SheetCell:
        """The mean of `values` over the problems that have one; `reason` is given where none has.

        `binomial` False is for differences, which are no shares even if all of them are 0 or 1.
        """
        self._columns.append(np.asarray(values, dtype=np.float64))
        return SheetCell(len(self._columns) - 1, reason=reason, binomial=binomial)

    def derived(self, function: ColumnFunction, parts: Sequence[SheetCell], reason: str) -> SheetCell:
        """The value of `function` of the means of `parts`; `reason` is given where that is no finite number."""
        return SheetCell(-1, tuple(parts), function, reason)

    def settle(self, tree: Any) -> Any:
        """The tree with a statistic in place of each cell."""
        self._compute()
        return self._settled(tree)

    def replicates_of(self, cell: SheetCell) -> Values:
        """The bootstrap replicates of a cell, (replicates,), NaN where it has no value."""
        self._compute()
        assert self._replicates is not None
        if cell.function is None:
            found: Values = self._replicates[:, cell.index]
            return found
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(cell.function(*(self.replicates_of(part) for part in cell.parts)), dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)

    def value_of(self, cell: SheetCell) -> float:
        """The value of a cell, NaN where it has none."""
        self._compute()
        if cell.function is None:
            return self._means[cell.index]
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(cell.function(*(np.float64(self.value_of(part)) for part in cell.parts)))

    def _compute(self) -> None:
        if len(self._means) == len(self._columns):
            return
        new = np.column_stack(self._columns[len(self._means) :])
        there = ~np.isnan(new)
        with np.errstate(invalid="ignore"):
            means = np.where(there, new, 0.0).sum(axis=0) / there.sum(axis=0)
        self._means += means.tolist()
        found = self._resamples.means(new)
        self._replicates = found if self._replicates is None else np.column_stack([self._replicates, found])

    def _settled(self, tree: Any) -> Any:
        if isinstance(tree, SheetCell):
            return self._statistic(tree)
        if isinstance(tree, dict):
            return {key: self._settled(value) for key, value in tree.items()}
        return [self._settled(value) for value in tree] if isinstance(tree, list) else tree

    def _statistic(self, cell: SheetCell) -> Statistic:
        value, n = self.value_of(cell), self._count(cell)
        if not np.isfinite(value):
            return absent(cell.reason, n)
        if cell.function is None and cell.binomial:
            column = self._columns[cell.index]
            present = column[~np.isnan(column)]
            if np.isin(present, (0.0, 1.0)).all():
                low, high = clopper_pearson(int(present.sum()), len(present))
                return {"value": value, "low": low, "high": high, "n": n, "reason": None}
        # The bootstrap of one problem has no spread, so it gives no interval.
        bounds = (interval(self.replicates_of(cell)) if n > 1 else None) or (None, None)
        return {"value": value, "low": bounds[0], "high": bounds[1], "n": n, "reason": None}

    def _count(self, cell: SheetCell) -> int:
        if cell.function is None:
            return int((~np.isnan(self._columns[cell.index])).sum())
        return min(self._count(part) for part in cell.parts)
