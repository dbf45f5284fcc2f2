from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sirev.metrics.reroll import Luck, against_luck, luck, subset_means

Floats = npt.NDArray[np.float64]
DRAWS = 32


def wrong_problems(rng: np.random.Generator, problems: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Chances of the problems that M_1 gets wrong greedily, its likeliest answer, and right draws of `DRAWS`."""
    chance = 1 / (1 + np.exp(-rng.normal(-1.5, 2.5, problems)))
    chance = chance[rng.random(problems) > chance**1.5]
    return chance, rng.binomial(DRAWS, chance)


def test_luck_prefers_what_is_often_solved_and_may_gain_what_never_was() -> None:
    c = np.array([0] * 20 + [1, 3, 8, 16, 31, 32])
    chances = luck(np.full(26, 32), c, 4)
    assert chances.sum() == pytest.approx(4)
    assert chances[0] > 0
    assert (np.diff(chances[19:]) >= 0).all()
    assert chances[-1] < 1


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_it_is_pass_at_n_on_what_luck_gains_whose_chances_are_known(factor: float) -> None:
    """Not 1 to 6 points too low, as odds of (c + 1/2) / (n - c + 1/2) and a draw left out would make it."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(12):
        chance, c = wrong_problems(rng, 1_500)
        odds = factor * chance / (1 - chance)
        true = odds / (1 + odds)
        n = np.full(len(c), DRAWS)
        chances = luck(n, c, round(true.sum()))
        from sirev.metrics.pass_at_n import pass_at_n_table

        told = chances @ pass_at_n_table(n, c, [8])[:, 0] / chances.sum()
        errors.append(told - true @ (1 - (1 - chance) ** 8) / true.sum())
    assert abs(np.mean(errors)) < 0.005


def test_subsets_have_the_size_and_the_distribution_of_independent_gains_of_that_number() -> None:
    chances, values = np.array([0.1, 0.1, 0.5, 0.9, 0.3]), np.array([0.0, 0.0, 0.25, 1.0, 0.5])
    found = subset_means(np.column_stack([values, np.ones(5)]), chances, 2, 0, 40_000)
    assert (found[:, 1] == 1.0).all()
    odds = chances / (1 - chances)
    weight = {pair: odds[list(pair)].prod() for pair in combinations(range(5), 2)}
    expected: dict[float, float] = {}
    for pair, one in weight.items():
        mean = float(values[list(pair)].mean())
        expected[mean] = expected.get(mean, 0.0) + one / sum(weight.values())
    drawn, share = np.unique(found[:, 0], return_counts=True)
    assert set(drawn) == set(expected)
    assert share / 40_000 == pytest.approx([expected[float(mean)] for mean in drawn], abs=0.01)


def told(n: Any, c: Any, gained: Any, seed: int = 0, replicates: int = 400) -> Luck:
    return against_luck(np.asarray(n), np.asarray(c), np.asarray(gained), [8], seed, replicates)[0]


def studies(number: int, problems: int, new: float, seed: int, replicates: int = 300) -> list[Luck]:
    """M_2 gains what luck gives, but in the share `new` problems that M_1 solves in less than 1 % of draws."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        chance, c = wrong_problems(rng, problems)
        gained = rng.random(len(chance)) < (1 - new) * chance
        hard = np.flatnonzero((chance < 0.01) & ~gained)
        gained[rng.choice(hard, min(len(hard), rng.binomial(round(chance.sum()), new)), replace=False)] = True
        found.append(told(np.full(len(c), DRAWS), c, gained, int(rng.integers(2**31)), replicates))
    return found


@pytest.mark.slow
def test_luck_is_rarely_called_new_and_often_selected() -> None:
    found = studies(100, 1_300, 0.0, 1)
    assert np.mean([one.p <= 0.05 for one in found]) < 0.1  # 5 %, and two standard errors
    assert np.mean([one.bound < 0.05 for one in found]) > 0.6
    assert np.mean([one.p <= 0.05 for one in studies(200, 60, 0.0, 2)]) < 0.09


def test_a_tenth_of_new_problems_is_found_and_never_called_selected() -> None:
    found = studies(60, 1_300, 0.1, 3)
    assert np.mean([one.p <= 0.05 for one in found]) > 0.8
    assert np.mean([one.bound < 0.05 for one in found]) == 0


def test_five_points_too_few_are_called_selected_in_few_studies() -> None:
    found = studies(100, 1_300, 0.06, 4)
    assert np.mean([one.shortfall["value"] for one in found]) == pytest.approx(0.05, abs=0.01)
    assert np.mean([one.bound < 0.05 for one in found]) < 0.1
    few = studies(200, 60, 0.06, 5)
    assert np.mean([one.bound < 0.05 for one in few]) < 0.08


def test_one_problem_gained_that_was_never_solved_is_no_evidence_where_many_are_nearly_out_of_reach() -> None:
    found = told([32] * 100, [0] * 90 + [1] * 10, np.arange(100) == 0)
    assert found.p > 0.05


def test_what_is_easier_than_luck_falls_short_by_less_than_nothing() -> None:
    found = told([32] * 60, [0] * 20 + [2] * 20 + [30] * 20, np.arange(60) >= 40)
    assert found.shortfall["value"] < 0
    assert found.p == 1.0


def test_problems_may_have_different_numbers_of_draws_and_all_of_them_right() -> None:
    n, c = np.array([16, 32, 64] * 20), np.array([0, 8, 64] * 20)
    found = told(n, c, np.arange(60) % 2 == 0)
    assert 0 < found.reroll["low"] <= found.reroll["value"] <= found.reroll["high"] < 1
    assert found == told(n, c, np.arange(60) % 2 == 0)
    assert (found.reroll["n"], found.shortfall["n"]) == (60, 30)


def test_luck_needs_a_choice() -> None:
    for gained in (np.zeros(3, dtype=bool), np.ones(3, dtype=bool)):
        with pytest.raises(ValueError, match="luck has no choice"):
            told([16] * 3, [1, 2, 3], gained)
