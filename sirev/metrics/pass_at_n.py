"""pass@N: the chance that at least one of N answers is right."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb


def pass_at_n(n: int, c: int, k: int) -> float | None:
    """Unbiased estimate of pass@k from `n` draws of which `c` are right: 1 - C(n-c, k) / C(n, k).

    Chen et al. 2021 (arXiv 2107.03374), equation 1. None where n < k: the draws can't say.
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
