from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.metrics.pass_at_n import guessing, pass_at_n, pass_at_n_table, powers_of_two


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


@given(st.lists(st.integers(0, 80).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=6))
def test_the_table_says_of_each_problem_what_the_formula_says(problems: list[tuple[int, int]]) -> None:
    ks = [1, 2, 7, 32, 64]
    table = pass_at_n_table(np.array([n for n, _ in problems]), np.array([c for _, c in problems]), ks)
    for row, (n, c) in zip(table, problems, strict=True):
        for found, k in zip(row, ks, strict=True):
            exact = pass_at_n(n, c, k)
            assert np.isnan(found) if exact is None else found == pytest.approx(exact, abs=1e-12)


def test_the_table_of_many_draws_neither_overflows_nor_loses_digits() -> None:
    n, c, k = 5_000, 3, 2_500
    exact = float(1 - Fraction(comb(n - c, k), comb(n, k)))
    assert pass_at_n_table(np.array([n]), np.array([c]), [k])[0, 0] == pytest.approx(exact, abs=1e-12)


def test_the_table_takes_ks_in_any_order_and_none() -> None:
    n, c = np.array([4]), np.array([1])
    assert pass_at_n_table(n, c, [2, 1, 2]).tolist() == [[0.5, 0.25, 0.5]]
    assert pass_at_n_table(n, c, []).shape == (1, 0)
    with pytest.raises(ValueError, match="more right draws"):
        pass_at_n_table(n, np.array([5]), [1])


def test_guessing_on_five_options() -> None:
    assert guessing(0.2, 1) == pytest.approx(0.2)
    assert guessing(0.2, 16) == pytest.approx(0.9718525)
