"""M_t against M_1 on the same problems: tests, the interval for "no change", and the smallest change that would show.

Differences are per problem, M_t - M_1, each in -1..1; NaN leaves a problem out. Loads numpy and scipy: import only from code that
computes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import bdtr, betaincinv, ndtri

from sirev.margins import UNSOLVED_SHARE
from sirev.metrics.intervals import BLOCK, interval

_Floats = npt.NDArray[np.float64]
K = TypeVar("K")

POWER = 2.8
"""Standard errors of a difference that a two-sided test at 5 % finds with a power of 80 %: 1.96 + 0.84."""

NEGLIGIBLE = 1e-12
"""Distance from the end of the range below which a value counts as the end."""


def sign_test(gained: int, lost: int) -> float:
    """Exact two-sided p of `gained` against `lost` under a fair coin; 1 if both are 0."""
    return min(1.0, 2.0 * float(bdtr(min(gained, lost), gained + lost, 0.5))) if gained + lost else 1.0


def mcnemar(b: int, c: int) -> float:
    """Exact two-sided McNemar test of b = |IS| problems gained against c = |LS| lost (McNemar 1947; binomial form)."""
    return sign_test(b, c)


def label_swap(differences: _Floats, seed: int, permutations: int = 10_000) -> _Floats:
    """Two-sided p of each column of `differences` (n, K) when models may swap labels within each problem: (K,).

    A swap flips the sign of a problem's difference, in all columns at once. p = (1 + #{|T*| >= |T|}) / (1 + permutations), where
    T is the sum of differences (Phipson and Smyth 2010: never 0). A problem left out, NaN, adds nothing to T or T*.
    """
    present = np.nan_to_num(differences, nan=0.0)
    n = len(present)
    # Sums of the same terms in another order differ in the last bits: a tie must count as one.
    least = np.abs(present.sum(axis=0)) - 1e-9 * np.abs(present).sum(axis=0)
    generator = np.random.default_rng(seed)
    rows = max(1, min(BLOCK // max(n, 1), 500))
    reached = np.zeros(present.shape[1])
    for start in range(0, permutations, rows):
        size = min(rows, permutations - start)
        packed = np.frombuffer(generator.bytes((size * n + 7) // 8), dtype=np.uint8)
        turned = np.unpackbits(packed, count=size * n).reshape(size, n).astype(np.float64)
        sums = present.sum(axis=0) - 2.0 * (turned @ present)
        reached += (np.abs(sums) >= least).sum(axis=0)
    result: _Floats = (1.0 + reached) / (1.0 + permutations)
    return result


def change_interval(differences: _Floats, replicates: _Floats, level: float = 0.90) -> tuple[float, float] | None:
    """Interval of the mean difference M_t - M_1, for the claim that it lies within a margin; None without problems.

    `differences` (n,) in -1..1, else ValueError; `replicates` (R,): bootstrap replicates of their mean, or of any value in the
    same units that the margin is about. The result is the hull of the percentile interval and of Gaffke's bounds.

    Why not the percentile interval alone, nor Agresti and Min's (Stat. Med. 24, 729, 2005: half a problem more in each of the
    four cells): where few problems differ, a sample often holds too few of the losses to show them. If M_t loses 3 % of problems,
    gains none, and the margin is 3 points, "same" may come out in at most 5 % of samples. With n up to 400 it comes out in up to
    19 % (percentile), 16 % (Agresti-Min), both with +-(1 - alpha^(1/n)) where no problem differs, and in up to 5 % (here); the
    tests compute all three exactly.

    Gaffke's lower bound (Gaffke 2005, Math. Methods Statist. 14, 451; Learned-Miller and Thomas, arXiv 1905.06208): the alpha
    quantile of sum w_i d_i, w uniform on the simplex (Dirichlet(1, ..., 1)), over the differences and one more problem at -1; the
    upper one mirrors it. It equals Clopper-Pearson's where differences take one value besides the end of the range, so
    +-(1 - alpha^(1/n)) where all are 0. No distribution is known for which its coverage is too low. For many problems it
    approaches the bootstrap's, shifted by 1/n.
    """
    present = differences[~np.isnan(differences)]
    if not len(present):
        return None
    if np.abs(present).max() > 1 + 1e-9:
        raise ValueError("a difference of shares lies in -1..1")
    tail = (1 - level) / 2
    low, high = _gaffke(present, tail), -_gaffke(-present, tail)
    percentiles = interval(replicates, level)
    if percentiles is not None:
        low, high = min(low, percentiles[0]), max(high, percentiles[1])
    return low, high


def smallest_change(differences: _Floats) -> float | None:
    """The smallest mean difference that these data would have shown to be one: 2.8 standard errors.

    None for fewer than two problems, or if all differences are equal: no spread is seen then, which is not a spread of 0.
    """
    present = differences[~np.isnan(differences)]
    if len(present) < 2 or np.ptp(present) == 0:
        return None
    return POWER * float(present.std(ddof=1)) / math.sqrt(len(present))


def widening(first: _Floats, differences: _Floats) -> float | None:
    """The factor, at least 1, by which an interval widens if the margin is a share of what M_1 leaves unsolved.

    `first` (n,) are M_1's values. "later - first > -share (1 - first)" is about one mean, of later - first + share (1 - first),
    where share is `UNSOLVED_SHARE`. Its error exceeds the difference's: luck of M_1 that raises the margin raises the difference
    too. Without the factor, a loss of the margin is called held in up to 8 % of simulated studies. None if all differences are
    equal.
    """
    if len(differences) < 2 or np.ptp(differences) == 0:
        return None
    against = differences + UNSOLVED_SHARE * (1.0 - first)
    return max(1.0, float(against.std() / differences.std()))


def holm(ps: Mapping[K, float]) -> dict[K, float]:
    """Adjusted p of each test (Holm 1979): rejecting those of at most alpha keeps the family-wise error rate at alpha."""
    adjusted = {}
    largest = 0.0
    for rank, (key, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(ps) - rank) * p))
        adjusted[key] = largest
    return {key: adjusted[key] for key in ps}


def _gaffke(differences: _Floats, tail: float) -> float:
    """The quantile `tail` of sum w_i d_i over `differences` and -1, w Dirichlet(1, ..., 1).

    With e = d + 1: w is a vector of exponentials over their sum, so P(sum w e <= q) = P(S <= 0) with S = sum E_i (e_i - q), whose
    cumulant function is known: -sum log(1 - s (e_i - q)). Barndorff-Nielsen's r*, from the saddlepoint s of q, gives this
    probability to three digits without simulation (Butler 2007, Saddlepoint Approximations, chapter 1; the tests compare with
    200,000 draws). Finding s from q means solving an equation, but q from x = -s / (1 + s q) is the mean of e with weights
    1 / (1 + x e), so the search is over x.
    """
    shifted = differences + 1.0
    e, counts = np.unique(np.append(np.where(shifted < NEGLIGIBLE, 0.0, shifted), 0.0), return_counts=True)
    if len(e) == 1:
        return -1.0
    if len(e) == 2:  # exact: the weight on the larger value is Beta
        return -1.0 + float(e[1]) * float(betaincinv(counts[1], counts[0], tail))

    def at(log_x: float) -> tuple[float, float]:
        x = math.exp(log_x)
        weights = counts / (1.0 + x * e)
        q = float((weights * e).sum() / weights.sum())
        r = -math.sqrt(2.0 * float((counts * (np.log1p(x * e) - math.log1p(x * q))).sum()))
        u = -x * math.sqrt(float((counts * ((e - q) / (1.0 + x * e)) ** 2).sum()))
        return q, r + math.log(u / r) / r

    bracket = math.log(1e-4 / e[-1]), math.log(1e9 / e[1])  # r* runs from about 0 to below -5
    found = brentq(lambda log_x: at(log_x)[1] - float(ndtri(tail)), *bracket)
    return at(float(found))[0] - 1.0
