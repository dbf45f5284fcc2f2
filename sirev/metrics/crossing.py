"""The k at which a later model's pass@k falls to that of the first. Loads numpy: import only from code that computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sirev.metrics.statistic import Statistic, absent

_Floats = npt.NDArray[np.float64]


def crossing_point(first: _Floats, later: _Floats, ks: Sequence[int]) -> float | None:
    """The smallest k where `later` (K,) is at or below `first`, although it is above at the smallest of the increasing `ks`.

    Interpolated between two neighbouring k as if both curves were straight in log2 k, as they are drawn, so that the answer does
    not jump from 8 to 16 where no k between was computed. None where later is not above at the start, or never falls to first.
    """
    found = float(_crossings(first[None, :], later[None, :], ks)[0])
    return found if ks[0] < found < np.inf else None


def crossing(
    first: _Floats, later: _Floats, ks: Sequence[int], first_replicates: _Floats, later_replicates: _Floats, n: int
) -> tuple[Statistic, float | None]:
    """The crossing of two curves (K,) with a 95 % percentile interval, and the share of replicates that cross.

    `first_replicates`, `later_replicates` (R, K): over the same resampled problems; `n`: number of problems. A replicate whose
    curves do not cross counts as beyond the largest k, one in which later is not above at the start as at ks[0]; neither counts
    in the share. A bound beyond the largest k is null, and `reason` says so.
    """
    replicates = _crossings(first_replicates, later_replicates, ks)
    replicates = np.sort(replicates[~np.isnan(replicates)])
    share = float(np.mean((replicates > ks[0]) & (replicates < np.inf))) if len(replicates) else None
    value = crossing_point(first, later, ks)
    if value is None:
        above = later[0] > first[0]
        why = f"the curves do not cross up to k = {ks[-1]}" if above else f"the later curve is not above at k = {ks[0]}"
        return absent(why, n), share
    low, high = (_finite(replicates, level) for level in (0.025, 0.975))
    beyond = None if high is not None else f"more than 2.5 % of the replicates do not cross up to k = {ks[-1]}"
    return {"value": value, "low": low, "high": high, "n": n, "reason": beyond}, share


def _crossings(first: _Floats, later: _Floats, ks: Sequence[int]) -> _Floats:
    """The crossing in each row of (R, K): ks[0] where later is not above there, inf without a crossing, NaN where unknown."""
    above = later - first
    ends = above <= 0  # False where NaN, so that a k with too few draws is no crossing
    index = np.where(ends.any(axis=1), ends.argmax(axis=1), -1)
    found = np.full(len(above), np.inf)
    found[index == 0] = ks[0]
    rows = np.flatnonzero(index > 0)
    right = index[rows]
    a, b = above[rows, right - 1], above[rows, right]
    steps = np.log2(np.asarray(ks, dtype=np.float64))
    found[rows] = 2.0 ** (steps[right - 1] + (steps[right] - steps[right - 1]) * a / (a - b))
    found[np.isnan(above[:, 0])] = np.nan
    return found


def _finite(replicates: _Floats, level: float) -> float | None:
    """A quantile of sorted replicates, always one of them, as nothing lies between a k and infinity; None if it is infinite."""
    if not len(replicates):
        return None
    found = float(replicates[min(int(np.ceil(level * len(replicates))), len(replicates)) - 1])
    return found if np.isfinite(found) else None
