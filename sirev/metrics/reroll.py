"""The re-roll control: what one more draw of the same model would gain, beside pass@N on an improvement set.

IS(t) holds problems that M_1 got wrong and M_t gets right. M_1's pass@N on them is high even if M_t learnt nothing, since
problems that a second attempt solves are those within M_1's reach. Imported by what computes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sirev.metrics.pass_at_n import pass_at_n_table

Counts = npt.NDArray[np.integer[Any]]
_Floats = npt.NDArray[np.float64]


def reroll_parts(n: Counts, c: Counts, ks: Sequence[int]) -> tuple[_Floats, _Floats]:
    """Numerators (P, K) and weights (P,) whose sums over problems make the re-roll curve, for `Resamples.ratios`.

    `n` and `c` (P,): draws and right draws of the problems W that M_1 gets wrong greedily. One more draw solves problem x with
    chance c/n, the weight. Take one of its c right draws for that one more: of the other n - 1 draws c - 1 are right, so
    pass@N without it is 1 - C(n-c, N) / C(n-1, N). With equal n the weights c/n and c give the same curve; with unequal n
    only c/n makes one more draw of every problem. Numerators are NaN where n - 1 < N; shown for N <= n/2.
    """
    weights = np.divide(c, n, out=np.zeros(len(n)), where=n > 0)
    others = pass_at_n_table(np.maximum(n - 1, 0), np.maximum(c - 1, 0), ks)
    return weights[:, None] * others, weights


def chance_below(n: Counts, c: Counts, gained: Any, k: int, seed: int, replicates: int = 2_000) -> float:
    """One-sided p that the `gained` of the problems W are no harder for M_1 than what its own next draws would solve.

    `n`, `c` (P,): M_1's draws and the right ones on W; `gained` (P,): a mask. As many problems as were gained are drawn from W
    without replacement, with chances in proportion to (c + 1/2) / (n + 1), Jeffreys' estimate of one more draw being right: so
    a problem never solved can be gained by luck too. The mean of their pass@k, that draw left out (as in `reroll_parts`), is
    compared with the mean of M_1's pass@k on what was gained. A bootstrap of the gained problems would not do: of one problem,
    or of problems never solved, it has no spread.
    """
    if not gained.any():
        raise ValueError("nothing was gained")
    rng = np.random.default_rng(seed)
    without, weights = reroll_parts(n, c, [k])
    value = np.divide(without[:, 0], weights, out=np.zeros(len(n)), where=weights > 0)
    logs = np.log((c + 0.5) / (n + 1))
    size = int(gained.sum())
    observed = float(pass_at_n_table(n[gained], c[gained], [k]).mean())
    keys = logs - np.log(-np.log(rng.random((replicates, len(n)))))  # the largest are a weighted draw (Gumbel, top k)
    drawn = np.argpartition(-keys, size - 1, axis=1)[:, :size]
    means = value[drawn].mean(axis=1)
    return float((1 + (means <= observed + 1e-12).sum()) / (1 + replicates))
