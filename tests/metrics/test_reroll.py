from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sirev.metrics.intervals import Resamples
from sirev.metrics.pass_at_n import pass_at_n
from sirev.metrics.reroll import Counts, _Floats, chance_below, reroll_parts


def reroll(n: Counts, c: Counts, ks: Sequence[int]) -> _Floats:
    """The re-roll curve at each N of `ks`, (K,), as a comparison makes it of its parts; NaN where no draw is right."""
    numerators, weights = reroll_parts(n, c, ks)
    present = ~np.isnan(numerators)
    above = np.where(present, numerators, 0.0).sum(axis=0)
    below = np.where(present, weights[:, None], 0.0).sum(axis=0)
    curve: _Floats = np.divide(above, below, out=np.full(len(ks), np.nan), where=below > 0)
    return curve


def test_it_is_pass_at_n_of_the_other_draws_where_each_right_draw_is_the_one_more() -> None:
    n, c, k = 5, np.array([0, 1, 3, 5]), 2
    told = []
    for right in c:
        draws = [True] * right + [False] * (n - right)
        for taken in range(n):
            if draws[taken]:
                others = draws[:taken] + draws[taken + 1 :]
                told.append(pass_at_n(n - 1, sum(others), k))
    assert reroll(np.full(4, n), c, [k])[0] == pytest.approx(np.mean(told))


def test_worked_by_hand() -> None:
    # c = 1: the one right draw is the one more, the others hold none. c = 2: one of the 3 others is right.
    assert reroll(np.array([4, 4]), np.array([1, 2]), [1, 2]).tolist() == pytest.approx([2 * (1 / 3) / 3, 2 * (2 / 3) / 3])


def test_it_predicts_m1_on_what_a_redrawn_greedy_answer_gains() -> None:
    """M_1 again, one answer a problem: its "improvement set" is what luck solves, and the curve is M_1's pass@N there."""
    rng = np.random.default_rng(0)
    problems, n, ks = 400_000, 16, [1, 2, 4, 8]
    chance = rng.beta(0.4, 0.8, problems)
    c = rng.binomial(n, chance)
    gained = rng.random(problems) < chance
    from sirev.metrics.pass_at_n import pass_at_n_table

    on_gained = pass_at_n_table(np.full(problems, n), c, ks)[gained].mean(axis=0)
    on_all = pass_at_n_table(np.full(problems, n), c, ks).mean(axis=0)
    curve = reroll(np.full(problems, n), c, ks)
    assert curve == pytest.approx(on_gained, abs=0.004)
    assert (curve > on_all + 0.1).all()  # what luck gains is easy: the reason for this control


def test_parts_make_the_curve_and_its_replicates() -> None:
    n, c = np.full(6, 8), np.array([0, 1, 2, 4, 7, 8])
    parts, weights = reroll_parts(n, c, [2, 4])
    assert parts.sum(axis=0) / weights.sum() == pytest.approx(reroll(n, c, [2, 4]))
    drawn = np.random.default_rng(2).integers(0, 6, size=(20, 6))
    expected = np.array([reroll(n[row], c[row], [2, 4]) for row in drawn])
    assert Resamples(6, seed=2, replicates=20).ratios(parts, weights) == pytest.approx(expected)


def test_unequal_numbers_of_draws_weigh_a_problem_by_its_chance() -> None:
    # Both have an even chance; 2 of 4 draws and 4 of 8. One more draw solves each equally often.
    single = [reroll(np.array([n]), np.array([c]), [1])[0] for n, c in ((4, 2), (8, 4))]
    assert reroll(np.array([4, 8]), np.array([2, 4]), [1])[0] == pytest.approx(np.mean(single))
    # N = 4 is more than the 3 others of the first: it is left out.
    assert reroll(np.array([4, 8]), np.array([2, 4]), [4])[0] == pytest.approx(reroll(np.array([8]), np.array([4]), [4])[0])


def test_no_right_draw_has_no_curve() -> None:
    assert np.isnan(reroll(np.array([4, 4]), np.array([0, 0]), [1, 2])).all()
    assert np.isnan(reroll(np.array([], dtype=int), np.array([], dtype=int), [1])).all()
    assert np.isnan(reroll(np.array([4]), np.array([2]), [4])).all()


def gains(rng: np.random.Generator, problems: int, new: float) -> float:
    """p for a second model that re-rolls M_1, or whose gains are, in the share `new`, of problems taken at random."""
    chance = rng.beta(0.4, 1.2, problems)
    wrong = rng.random(problems) >= chance  # M_1's greedy answer
    c = rng.binomial(64, chance)[wrong]
    gained = rng.random(wrong.sum()) < np.where(rng.random(wrong.sum()) < new, 0.4, chance[wrong])
    if not gained.any():
        return 1.0
    return chance_below(np.full(len(c), 64), c, gained, 8, int(rng.integers(2**31)), 200)


def test_re_rolling_is_rarely_called_new_and_gains_beyond_reach_are() -> None:
    rng = np.random.default_rng(1)
    for problems in (20, 200):
        assert np.mean([gains(rng, problems, 0.0) <= 0.05 for _ in range(400)]) < 0.08
    assert np.mean([gains(rng, 200, 0.7) <= 0.05 for _ in range(100)]) > 0.8


def test_one_problem_gained_that_was_never_solved_is_no_evidence() -> None:
    c = np.array([0] * 10 + [5] * 10)
    gained = np.arange(20) == 0
    assert chance_below(np.full(20, 64), c, gained, 8, 1) > 0.05
