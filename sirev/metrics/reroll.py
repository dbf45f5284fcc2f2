"""The re-roll control: pass@N of M_1 on as many problems as M_t gained, chosen by luck.

IS(t) holds problems that M_1 got wrong and M_t gets right. M_1's pass@N on them is high even if M_t learnt nothing, since
problems that another attempt solves are within M_1's reach. So IS(t) is compared with equally many problems that M_1 itself would
gain by drawing again. Loads numpy and scipy: import only from code that computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import brentq
from scipy.special import betainc, expit, xlogy

from sirev.metrics.intervals import Resamples
from sirev.metrics.pass_at_n import pass_at_n_table
from sirev.metrics.statistic import Statistic, bounded

Counts = npt.NDArray[np.integer[Any]]
_Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

LOGITS = np.linspace(-10.0, 10.0, 121)
"""Possible probabilities of a right draw on a problem, as logits: 0.00005 to 0.99995."""
ROUNDS = 200
"""Steps of the EM algorithm that estimates the distribution of these probabilities; later ones move the control by less than
0.001."""
_LEVEL = 0.05


def luck(n: Counts, c: Counts, size: int) -> _Floats:
    """The probability of each problem to be gained by luck, (P,); they sum to `size`, which is below P.

    `n` and `c` (P,): draws of M_1 and the right ones on W, the problems that it gets wrong greedily. A problem with probability p
    per draw is gained with odds p / (1 - p); one factor on all odds makes `size` the expected number. Since c is known and not p,
    a problem's probability is the mean over p given its c. The distribution of p over W is estimated from all c by maximum
    likelihood without assuming a form (Kiefer and Wolfowitz 1956, Ann. Math. Statist. 27, 887; by EM, Laird 1978, JASA 73, 805),
    with one problem of Jeffreys' distribution added, so that problems never solved may be gained too.

    Why not odds of (c + 1/2) / (n - c + 1/2), with the gaining draw left out of pass@N: problems never solved then count twice,
    as gained and as gained by their only right draw, and with `size` near P nothing should be left out. In simulated worlds like
    the paper's data sets such a control is 1 to 6 points of pass@8 too low; this one is within 0.6.
    """
    kinds, of, weight = np.unique(np.column_stack([n, c]), axis=0, return_inverse=True, return_counts=True)
    logs = xlogy(kinds[:, 1:], expit(LOGITS)) + xlogy(kinds[:, :1] - kinds[:, 1:], expit(-LOGITS))
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    edges = np.concatenate([[0.0], expit((LOGITS[1:] + LOGITS[:-1]) / 2), [1.0]])
    jeffreys = np.diff(betainc(0.5, 0.5, edges))
    prior = np.full(len(LOGITS), 1 / len(LOGITS))
    for _ in range(ROUNDS):
        of_kind = likelihood * prior
        prior = (weight @ (of_kind / of_kind.sum(axis=1, keepdims=True)) + jeffreys) / (len(n) + 1)
    of_kind = likelihood * prior
    of_kind /= of_kind.sum(axis=1, keepdims=True)

    def chances(tilt: float) -> _Floats:
        found: _Floats = of_kind @ expit(LOGITS + tilt)
        return found

    tilt = float(brentq(lambda tilt: float(weight @ chances(tilt)) - size, -60.0, 60.0))
    found: _Floats = chances(tilt)[of.reshape(-1)]
    return found


def subset_means(values: _Floats, chances: _Floats, size: int, seed: int, replicates: int) -> _Floats:
    """Means (R, K) of `values` (P, K) over R random subsets of exactly `size` problems.

    Problems are in a subset independently, each with its own probability, given that there are `size` of them (conditional
    Bernoulli sampling; Chen, Dempster and Liu 1994, Biometrika 81, 457). Problems of equal probability and values form a kind.
    The number of each kind is drawn kind by kind, from its exact distribution given the number left for the others.
    """
    rng = np.random.default_rng(seed)
    kinds, count = np.unique(np.column_stack([chances, values]), axis=0, return_counts=True)
    order = np.argsort(count, kind="stable")  # the most frequent kind takes the rest, without a draw
    kinds, count = kinds[order], count[order]
    each = [stats.binom.pmf(np.arange(m + 1), m, chance) for m, chance in zip(count, kinds[:, 0], strict=True)]
    after = [each[-1]]
    for one in each[-2:0:-1]:
        after.insert(0, np.convolve(one, after[0]))
    left = np.full(replicates, size)
    sums = np.zeros((replicates, values.shape[1]))
    for one, rest, kind in zip(each, after, kinds, strict=False):
        of, where = np.unique(left, return_inverse=True)
        others = of[:, None] - np.arange(len(one))
        possible = (others >= 0) & (others < len(rest))
        weights = np.cumsum(np.where(possible, one * rest[np.clip(others, 0, len(rest) - 1)], 0.0), axis=1)
        steps = weights / weights[:, -1:] + np.arange(len(of))[:, None]  # ascending over all rows, so that one search serves them
        found = np.searchsorted(steps.ravel(), where + rng.random(replicates), side="right") - where * len(one)
        drawn = np.minimum(found, len(one) - 1)
        sums += drawn[:, None] * kind[1:]
        left = left - drawn
    means: _Floats = (sums + left[:, None] * kinds[-1, 1:]) / size
    return means


@dataclass(frozen=True)
class Luck:
    """IS(t) against luck at one N."""

    reroll: Statistic
    """The mean over subsets of W, with the band that contains 95 % of them; `n` is |W|."""
    shortfall: Statistic
    """`reroll` minus M_1's pass@N on IS(t), with a 95 % interval; `n` is |IS(t)|."""
    bound: float
    """The upper one-sided 95 % bound of the shortfall."""
    p: float
    """The one-sided p of the hypothesis that IS(t) is no harder than the problems gained by luck."""


def against_luck(n: Counts, c: Counts, gained: _Mask, ks: Sequence[int], seed: int, replicates: int = 10_000) -> list[Luck]:
    """IS(t) against luck at each N of `ks`.

    `n`, `c` (P,): M_1's draws, at least max(ks) each, and the right ones, on the problems W that it gets wrong greedily; `gained`
    (P,): whether M_t gets each right; ValueError if it gets none or all.

    Luck's mean and band are those of M_1's pass@N over subsets of W as large as IS(t), drawn with the probabilities of `luck`.
    These are given c, so no draw is left out of pass@N. p: the share of subsets that are no easier than IS(t). A bootstrap of
    IS(t) would not do, since it has no spread where one problem was gained.

    The shortfall's interval is the hull of two. (1) The percentile bootstrap over the problems of W, each with its draws and
    whether it was gained. Both means are from one sample, and luck's probabilities follow the number gained to first order: with
    q a problem's probability, g whether it was gained, f its pass@N, and C the mean of f weighted by q (1 - q), luck's mean is
    that of q f + C (g - q) over that of g. (2) The shortfalls at which a subset would look like IS(t) in 2.5 % of studies: each
    problem of a subset is replaced, with a common probability, by one that M_1 never solves. Without (2), ten problems gained by
    luck would prove that no other ten hold a new one. `bound` is the hull's upper end at 5 %, one-sided. With a true shortfall of
    5 points, `bound` is below 5 points in 1 to 6 % of simulated studies.
    """
    size = int(gained.sum())
    if not 0 < size < len(n):
        raise ValueError(f"{size} of {len(n)} problems gained: luck has no choice")
    values = pass_at_n_table(n, c, ks)
    chances = luck(n, c, size)
    means = subset_means(values, chances, size, seed, replicates)
    spread = chances * (1.0 - chances)
    lucky = chances[:, None] * values + (gained - chances)[:, None] * (spread @ values / spread.sum())
    columns = np.column_stack([lucky - gained[:, None] * values, gained])
    sums = Resamples(len(n), seed, replicates).means(columns)
    some = sums[sums[:, -1] > 0]
    shortfalls = some[:, :-1] / some[:, -1:]
    return [_judged(means[:, i], float(values[gained, i].mean()), shortfalls[:, i], size, len(n)) for i in range(len(ks))]


def _judged(means: _Floats, observed: float, shortfalls: _Floats, size: int, problems: int) -> Luck:
    mean = float(means.mean())
    low, high = (float(end) for end in np.quantile(means, [0.025, 0.975]))
    least, most, bound = (float(end) for end in np.quantile(shortfalls, [0.025, 0.975, 1 - _LEVEL]))
    hull = min(least, low - observed), max(most, _most(means, observed, size, _LEVEL / 2))
    return Luck(
        reroll=bounded(mean, min(low, mean), max(high, mean), problems),  # the band of one problem may be a point
        shortfall=bounded(mean - observed, *hull, size),
        bound=max(bound, _most(means, observed, size, _LEVEL)),
        p=float((1 + (means <= observed + 1e-12).sum()) / (1 + len(means))),
    )


def _most(means: _Floats, observed: float, size: int, tail: float) -> float:
    """The largest shortfall with which subsets are as easy as IS(t) in the share `tail` of studies, as in `against_luck`.

    K of a subset's `size` problems are replaced by ones never solved, K binomial: its mean L becomes L (1 - K / size).
    """
    easier = float(np.quantile(means, 1 - tail))
    if easier <= observed:  # IS(t) is easier even without a new problem
        return easier - observed
    at_most = np.floor(size * (1.0 - observed / np.maximum(means, 1e-12)) + 1e-9)
    replaced, share = np.unique(at_most[at_most >= 0].astype(np.int64), return_counts=True)

    def excess(new: float) -> float:
        return float((share * stats.binom.cdf(replaced, size, new)).sum()) / len(means) - tail

    mean = float(means.mean())
    return mean if excess(1.0) >= 0 else mean * float(brentq(excess, 0.0, 1.0))
