from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sirev.metrics import intervals
from sirev.metrics.intervals import Resamples, clopper_pearson, interval, t_interval, t_test
from sirev.metrics.statistic import absent, bounded

NAN = float("nan")


def test_replicates_are_means_of_resampled_problems() -> None:
    values = np.random.default_rng(0).random((7, 2))
    resamples = Resamples(7, seed=5, replicates=40)
    drawn = np.random.default_rng(5).integers(0, 7, size=(40, 7))
    assert resamples.means(values) == pytest.approx(values[drawn].mean(axis=1))


def test_the_same_seed_resamples_the_same_problems_for_every_column_and_call() -> None:
    values = np.arange(5.0)[:, None]
    resamples = Resamples(5, seed=1, replicates=100)
    first = resamples.means(values)
    assert np.array_equal(first, resamples.means(np.hstack([values, -values]))[:, :1])
    assert np.array_equal(first, Resamples(5, seed=1, replicates=100).means(values))
    assert not np.array_equal(first, Resamples(5, seed=2, replicates=100).means(values))


def test_blocks_and_what_is_kept_change_no_replicate(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((50, 3))
    whole = Resamples(50, seed=1, replicates=101).means(values)
    monkeypatch.setattr(intervals, "BLOCK", 50 * 7)
    monkeypatch.setattr(intervals, "KEPT", 0)
    small = Resamples(50, seed=1, replicates=101)
    assert np.array_equal(small.means(values), small.means(values))
    assert small.means(values) == pytest.approx(whole)


def test_a_problem_left_out_counts_in_no_mean() -> None:
    values = np.array([[1.0], [NAN], [3.0]])
    drawn = np.random.default_rng(0).integers(0, 3, size=(50, 3))
    expected = np.array([np.nanmean(row) if np.isfinite(row).any() else NAN for row in values[drawn, 0]])
    found = Resamples(3, seed=0, replicates=50).means(values)[:, 0]
    assert np.isnan(expected).any()  # some replicate draws problem 1 alone
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_ratio_is_resampled_as_one() -> None:
    numerators, weights = np.array([[1.0, NAN], [4.0, 2.0], [0.0, 0.0]]), np.array([2.0, 5.0, 0.0])
    drawn = np.random.default_rng(3).integers(0, 3, size=(60, 3))
    found = Resamples(3, seed=3, replicates=60).ratios(numerators, weights)
    for row, (one, other) in zip(drawn, found, strict=True):
        below = weights[row].sum()
        assert one == pytest.approx(numerators[row, 0].sum() / below if below else NAN, nan_ok=True)
        drawn_of_other = (row == 1).sum()  # problem 0 lacks the second value: its weight is left out with it
        assert other == pytest.approx(2 / 5 if drawn_of_other else NAN, nan_ok=True)


def test_values_of_other_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="for 4 problems"):
        Resamples(4, seed=0, replicates=2).means(np.ones((3, 1)))


def test_no_problem_has_no_mean() -> None:
    assert np.isnan(Resamples(0, seed=0, replicates=3).means(np.empty((0, 2)))).all()


def test_the_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).beta(2, 3, 60)
    ours = interval(Resamples(60, seed=0).means(values[:, None])[:, 0])
    scipys = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1))
    assert ours == pytest.approx(tuple(scipys.confidence_interval), abs=0.004)


def test_an_interval_needs_half_of_its_replicates() -> None:
    assert interval(np.array([1.0, 2.0, NAN, NAN]), level=1.0) == (1.0, 2.0)
    assert interval(np.array([1.0, NAN, NAN])) is None
    assert interval(np.array([])) is None


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_clopper_pearson_agrees_with_scipy(case: tuple[int, int], level: float) -> None:
    expected = stats.binomtest(*case).proportion_ci(level, method="exact")
    assert clopper_pearson(*case, level) == pytest.approx((expected.low, expected.high))


def test_clopper_pearson_refuses_what_is_no_share() -> None:
    for c, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="is no share"):
            clopper_pearson(c, n)


def test_resampling_draws_would_bias_pass_at_k_and_problems_do_not() -> None:
    # 64 draws, 2 right, k = 32: the truth of the estimate is 0.754; draws drawn again say about 0.65 on average.
    from sirev.metrics.pass_at_n import pass_at_n_table

    n, right = 200, 2
    value = pass_at_n_table(np.array([64]), np.array([right]), [32])[0, 0]
    redrawn = np.random.default_rng(0).binomial(64, right / 64, size=20_000)
    biased = pass_at_n_table(np.full(20_000, 64), redrawn, [32]).mean()
    problems = Resamples(n, seed=0, replicates=100).means(np.full((n, 1), value))
    assert biased < value - 0.05
    assert problems == pytest.approx(value)


def test_t_interval_over_three_seeds_worked_by_hand() -> None:
    found = t_interval([1.0, 2.0, 3.0])
    half = 4.302653 / 3**0.5  # t(2 df) * sd 1 / sqrt(3)
    assert found == bounded(2.0, pytest.approx(2 - half), pytest.approx(2 + half), 3)
    assert t_interval([0.4]) == absent("one seed has no spread", 1)
    assert t_interval([]) == absent("no seed")


def test_the_t_test_agrees_with_its_interval() -> None:
    values = [0.01, 0.03, 0.05]
    low = t_interval(values)["low"]
    assert low is not None
    assert t_test([value - low for value in values]) == pytest.approx(0.05)  # the end of the interval is rejected at its level
    assert t_test([0.02, 0.02, 0.02]) == 0.0
    assert t_test([0.0, 0.0]) == 1.0
    assert t_test([0.1]) is None
