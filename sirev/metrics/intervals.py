"""95 % intervals: bootstrap over problems, Clopper-Pearson for shares of problems, Student's t over seeds.

Problems are resampled, each with all its draws. Draws are never resampled: some would occur twice, and pass@k would be
underestimated. Loads numpy and scipy: import only from code that computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt
from scipy import stats

from sirev.metrics.statistic import Statistic, absent, bounded

_Floats = npt.NDArray[np.float64]

BLOCK = 2**22
"""Counts drawn at a time, replicates x problems: 32 MiB as floats."""
KEPT = 2**25
"""Counts kept between calls, one byte each; beyond this number they are drawn again, with the same values."""


class Resamples:
    """How often each of `n` problems is drawn in each of `replicates` bootstrap samples of n problems (Efron 1979).

    The same seed gives the same samples, so means from separate calls are over the same resampled problems, and their difference,
    replicate by replicate, is paired.
    """

    def __init__(self, n: int, seed: int, replicates: int = 10_000) -> None:
        self.n = n
        self.seed = seed
        self.replicates = replicates
        self._kept: list[npt.NDArray[np.uint8]] = []

    def means(self, values: _Floats) -> _Floats:
        """Mean over problems of each column of `values` (n, K) in each replicate: (replicates, K).

        NaN leaves a problem out of its column: a mean is the sum of the values drawn over their number, NaN if there are none.
        """
        return self.ratios(values, np.ones(self.n))

    def ratios(self, numerators: _Floats, weights: _Floats) -> _Floats:
        """Sum of `numerators` (n, K) over the sum of `weights` (n,) in each replicate: (replicates, K).

        NaN leaves a problem out of its column, with its weight; NaN where the weights drawn sum to 0. Raises ValueError for other
        shapes.
        """
        if numerators.ndim != 2 or len(numerators) != self.n or weights.shape != (self.n,):
            raise ValueError(f"{numerators.shape} values and {weights.shape} weights for {self.n} problems")
        present = ~np.isnan(numerators)
        # Without NaN one column of weights is enough.
        left = weights[:, None] if present.all() else np.where(present, weights[:, None], 0.0)
        both = np.hstack([np.where(present, numerators, 0.0), left])
        sums = np.zeros((self.replicates, both.shape[1]))
        start = 0
        for counts in self._counts():
            sums[start : start + len(counts)] = counts @ both
            start += len(counts)
        columns = numerators.shape[1]
        above, below = sums[:, :columns], np.broadcast_to(sums[:, columns:], (self.replicates, columns))
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)

    def _counts(self) -> Iterator[_Floats]:
        """Blocks of counts, (rows, n)."""
        if self._kept:
            yield from (block.astype(np.float64) for block in self._kept)
            return
        # A count above 255 would need that many of n draws with probability 1/n each: it does not happen.
        keep = self.n * self.replicates <= KEPT
        kept = []
        for block in self._draw():
            if keep:
                kept.append(block.astype(np.uint8))
            yield block.astype(np.float64)
        self._kept = kept

    def _draw(self) -> Iterator[npt.NDArray[np.intp]]:
        generator = np.random.default_rng(self.seed)
        rows = max(1, min(BLOCK // max(self.n, 1), 500))
        for start in range(0, self.replicates if self.n else 0, rows):
            size = min(rows, self.replicates - start)
            drawn = generator.integers(0, self.n, size=(size, self.n))
            drawn += np.arange(size)[:, None] * self.n
            yield np.bincount(drawn.ravel(), minlength=size * self.n).reshape(size, self.n)


def interval(replicates: _Floats, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of one statistic's bootstrap replicates (R,). None where more than half of them are NaN."""
    present = replicates[~np.isnan(replicates)]
    if not len(present) or 2 * len(present) < len(replicates):
        return None
    low, high = np.quantile(present, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def clopper_pearson(c: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share, from `c` successes in `n` (Clopper and Pearson 1934, Biometrika 26, 404).

    Raises ValueError unless 0 <= c <= n and n > 0.
    """
    if not 0 <= c <= n or n == 0:
        raise ValueError(f"{c} of {n} is no share")
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, c, n - c + 1)) if c else 0.0
    high = float(stats.beta.ppf(1 - tail, c + 1, n - c)) if c < n else 1.0
    return low, high


def t_interval(values: Sequence[float], level: float = 0.95) -> Statistic:
    """The mean over S seeds with Student's t interval of S - 1 degrees of freedom; `n` is S."""
    seeds = len(values)
    if seeds < 2:
        return absent("one seed has no spread" if seeds else "no seed", seeds)
    half = float(stats.t.ppf((1 + level) / 2, seeds - 1)) * stdev(values) / seeds**0.5
    mean = fmean(values)
    return bounded(mean, mean - half, mean + half, seeds)


def t_test(values: Sequence[float]) -> float | None:
    """Two-sided p of Student's t test that the mean over S seeds is 0, S - 1 degrees of freedom; None for fewer than two."""
    if len(values) < 2:
        return None
    error = stdev(values) / len(values) ** 0.5
    if error == 0:
        return 1.0 if fmean(values) == 0 else 0.0
    return 2.0 * float(stats.t.sf(abs(fmean(values)) / error, len(values) - 1))
