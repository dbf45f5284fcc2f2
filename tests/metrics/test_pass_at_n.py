from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.metrics.pass_at_n import pass_at_n, powers_of_two


def by_counting(n: int, c: int, k: int) -> float:
    """The share of k-subsets of n draws, c of them right, that hold a right one."""
    draws = [i < c for i in range(n)]
    subsets = list(combinations(draws, k))
    return sum(map(any, subsets)) / len(subsets)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_it_is_the_share_of_subsets_with_a_right_draw(case: tuple[int, int, int]) -> None:
    assert pass_at_n(*case) == pytest.approx(by_counting(*case))


def test_worked_by_hand() -> None:
    # 4 draws, 1 right, 2 taken: 3 of the 6 pairs hold it. "Any of the first two" would say 0 or 1.
    assert pass_at_n(4, 1, 2) == 0.5
    assert pass_at_n(64, 64, 32) == 1.0
    assert pass_at_n(64, 0, 32) == 0.0


def test_too_few_draws_say_nothing() -> None:
    assert pass_at_n(16, 16, 32) is None


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="5 right of 4"):
        pass_at_n(4, 5, 1)


def test_powers_of_two() -> None:
    assert list(powers_of_two(50)) == [1, 2, 4, 8, 16, 32]
    assert list(powers_of_two(0)) == []
