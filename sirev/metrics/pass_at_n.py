"""pass@N: the probability that at least one of N answers is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Counts = npt.NDArray[np.integer[Any]]
    Floats = npt.NDArray[np.float64]


def pass_at_n(n: int, c: int, k: int) -> float | None:
    """Unbiased estimate of pass@k from `n` draws of which `c` are right: 1 - C(n-c, k) / C(n, k).

    Chen et al. 2021 (arXiv 2107.03374), equation 1. None where n < k: there are too few draws. Raises ValueError for c < 0
    or c > n.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} right of {n} draws")
    if n < k:
        return None
    return 1.0 - comb(n - c, k) / comb(n, k)


def powers_of_two(n: int) -> Iterator[int]:
    """1, 2, 4, ... up to `n`: the N at which pass@N is reported."""
    k = 1
    while k <= n:
        yield k
        k *= 2


def pass_at_n_table(n: Counts, c: Counts, ks: Sequence[int]) -> Floats:
    """pass@k of P problems at K values of k, (P, K): `pass_at_n` of each, NaN where n < k.

    `n` and `c`: draws and right draws of each problem, (P,). C(n-c, k) / C(n, k) is computed as the product of (n-c-i) / (n-i)
    over i < k, whose factors are exact and can't overflow (Chen et al. 2021, figure 3, group the product by c instead). Raises
    ValueError for c < 0 or c > n.
    """
    import numpy as np

    if np.any(c < 0) or np.any(c > n):
        raise ValueError("more right draws than draws, or fewer than none")
    table = np.full((len(n), len(ks)), np.nan)
    all_wrong = np.ones(len(n))
    columns = {k: [j for j, other in enumerate(ks) if other == k] for k in ks}
    for k in range(1, max(ks, default=0) + 1):
        left = n - (k - 1)
        all_wrong *= np.maximum(left - c, 0) / np.maximum(left, 1)
        for column in columns.get(k, []):
            table[:, column] = np.where(n >= k, 1.0 - all_wrong, np.nan)
    return table


def guessing(chance: float, k: int) -> float:
    """pass@k of random guesses, each right with probability `chance`: 1 - (1 - chance)^k, so 1 - 0.8^k on CommonsenseQA."""
    return 1.0 - (1.0 - chance) ** k
