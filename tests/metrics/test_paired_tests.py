from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sirev.metrics import paired_tests
from sirev.metrics.intervals import Resamples, clopper_pearson
from sirev.metrics.paired_tests import change_interval, holm, label_swap, mcnemar, sign_test, smallest_change, widening

NAN = float("nan")
NO_REPLICATES = np.array([])


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test_of_the_discordant(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)
    assert sign_test(c, b) == mcnemar(b, c)


def test_mcnemar_worked_by_hand() -> None:
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(4, 1) == pytest.approx(2 * 6 / 32)
    assert mcnemar(3, 3) == 1.0


def test_label_swap_is_the_share_of_all_swaps() -> None:
    differences = np.array([0.5, 0.25, -0.125, 0.375, 0.0, 0.625])
    signs = np.array(list(itertools.product((-1, 1), repeat=6)))
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
    assert label_swap(differences[:, None], seed=0, permutations=40_000)[0] == pytest.approx(exact, abs=0.01)


def test_label_swap_of_greedy_answers_agrees_with_mcnemar() -> None:
    differences = np.repeat([1.0, -1.0, 0.0], [14, 5, 40])
    assert label_swap(differences[:, None], seed=0, permutations=40_000)[0] == pytest.approx(mcnemar(14, 5), abs=0.008)


def test_label_swap_turns_all_columns_at_once_leaves_nan_out_and_is_seeded() -> None:
    column = np.random.default_rng(0).normal(0.1, 0.3, 40)
    table = np.column_stack([column, -column, np.append(column[:-1], NAN), np.append(column[:-1], 0.0)])
    found = label_swap(table, seed=3, permutations=2_000)
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert np.array_equal(found, label_swap(table, seed=3, permutations=2_000))
    assert not np.array_equal(found, label_swap(table, seed=4, permutations=2_000))


def test_label_swap_is_never_0_and_1_without_a_difference() -> None:
    assert label_swap(np.full((60, 1), 0.1), seed=0, permutations=99)[0] == 1 / 100
    assert label_swap(np.zeros((60, 1)), seed=0, permutations=99)[0] == 1.0
    assert label_swap(np.empty((0, 2)), seed=0, permutations=99).tolist() == [1.0, 1.0]


def test_label_swap_counts_a_tie_though_it_sums_in_another_order() -> None:
    # |T*| = |T| in half of all swaps; without a tolerance rounding would miss many of them.
    differences = np.array([0.1, 0.2, 0.3, 0.6, 0.7])
    signs = np.array(list(itertools.product((-1, 1), repeat=5)))
    exact = np.mean(np.abs(signs @ (differences * 10).round()) >= 19)
    assert label_swap(differences[:, None], seed=0, permutations=40_000)[0] == pytest.approx(exact, abs=0.01)


def test_label_swap_holds_its_level_where_models_are_exchangeable() -> None:
    rng = np.random.default_rng(0)
    rejected = [
        label_swap((rng.beta(0.3, 0.3, (60, 20)) - rng.beta(0.3, 0.3, (60, 20))), seed=i, permutations=400) for i in range(60)
    ]
    assert np.mean(np.concatenate(rejected) <= 0.05) == pytest.approx(0.05, abs=0.02)


@given(st.integers(1, 400), st.integers(0, 400))
def test_change_of_losses_alone_is_bounded_by_clopper_pearson(n: int, lost: int) -> None:
    lost = min(lost, n)
    found = change_interval(np.repeat([-1.0, 0.0], [lost, n - lost]), NO_REPLICATES)
    assert found is not None
    assert found[0] == pytest.approx(-clopper_pearson(lost, n, 0.9)[1], rel=1e-6)


def test_no_difference_leaves_room_for_those_that_were_not_drawn() -> None:
    for n in (1, 59, 1_000):
        bound = 1 - 0.05 ** (1 / n)
        assert change_interval(np.zeros(n), NO_REPLICATES) == pytest.approx((-bound, bound))
    assert change_interval(np.array([NAN, NAN]), NO_REPLICATES) is None
    assert change_interval(np.array([1.0, 1.0]), NO_REPLICATES) == pytest.approx((1 - 2 * (1 - 0.05**0.5), 1.0))


def test_the_bound_is_the_quantile_of_random_weights() -> None:
    rng = np.random.default_rng(0)
    for n, spread in ((3, 0.5), (30, 0.2), (200, 0.05)):
        differences = np.clip(rng.normal(0.1, spread, n), -1, 1)
        weights = rng.exponential(size=(200_000, n + 1))
        weights /= weights.sum(axis=1, keepdims=True)
        low = np.quantile(weights @ np.append(differences, -1.0), 0.05)
        high = np.quantile(weights @ np.append(differences, 1.0), 0.95)
        width = high - low
        assert change_interval(differences, NO_REPLICATES) == pytest.approx((low, high), abs=0.01 * width)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_a_change_mirrors_and_holds_the_mean(values: list[float]) -> None:
    differences = np.array(values)
    found, mirrored = change_interval(differences, NO_REPLICATES), change_interval(-differences, NO_REPLICATES)
    assert found is not None
    assert mirrored == pytest.approx((-found[1], -found[0]))
    assert -1 - 1e-9 <= found[0] <= differences.mean() + 1e-9
    assert differences.mean() - 1e-9 <= found[1] <= 1 + 1e-9


@pytest.mark.parametrize("power", [1, 5, 9, 14, 300])
def test_differences_near_the_end_of_the_range_have_bounds(power: int) -> None:
    near = -1 + np.array([1.0, 2.0, 5.0]) * 10.0**-power
    for differences in (near, -near, np.append(near, 1.0), np.append(np.zeros(1_000), 10.0**-power)):
        found = change_interval(differences, NO_REPLICATES)
        assert found is not None
        assert -1 <= found[0] <= differences.mean() + 1e-9
        assert differences.mean() - 1e-9 <= found[1] <= 1


def test_for_many_problems_it_is_the_bootstraps_and_never_inside() -> None:
    differences = np.clip(np.random.default_rng(0).normal(0.02, 0.3, 2_000), -1, 1)
    replicates = Resamples(2_000, seed=0).means(differences[:, None])[:, 0]
    low, high = np.quantile(replicates, [0.05, 0.95])
    found = change_interval(differences, replicates)
    assert found is not None
    assert low - 0.002 < found[0] <= low
    assert high <= found[1] < high + 0.002


def test_a_difference_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"-1\.\.1"):
        change_interval(np.array([1.5]), NO_REPLICATES)


def same_at_the_margin(n: int, bound: npt.NDArray[np.float64], margin: float) -> float:
    """The chance that "same" comes out though a share `margin` of problems is lost; bound[k]: the lower one at k lost."""
    return float((stats.binom.pmf(np.arange(len(bound)), n, margin) * (bound > -margin)).sum())


def test_few_losses_do_not_pass_as_the_same() -> None:
    """Exact: what the docstring of `change_interval` says of three intervals."""
    margin, z = 0.03, stats.norm.ppf(0.95)
    worst = {"percentile": 0.0, "agresti_min": 0.0, "ours": 0.0}
    for n in range(20, 401):
        lost = np.arange(int(margin * n) + 1)
        percentile = -stats.binom.ppf(0.95, n, lost / n) / n
        agresti_min = (-lost - z * np.sqrt(lost + 1 - lost**2 / (n + 2))) / (n + 2)
        percentile[0] = agresti_min[0] = -(1 - 0.05 ** (1 / n))
        ours = []
        for k in lost:
            found = change_interval(np.repeat([-1.0, 0.0], [k, n - k]), NO_REPLICATES)
            assert found is not None
            ours.append(found[0])
        bounds = {"percentile": percentile, "agresti_min": agresti_min, "ours": np.array(ours)}
        worst = {name: max(worst[name], same_at_the_margin(n, bound, margin)) for name, bound in bounds.items()}
    assert worst["ours"] <= 0.05
    assert worst["percentile"] == pytest.approx(0.19, abs=0.005)
    assert worst["agresti_min"] == pytest.approx(0.16, abs=0.005)


@pytest.mark.parametrize("n", [60, 110, 160, 400])
def test_rare_losses_of_another_size_do_not_either(n: int) -> None:
    """pass@N: few problems lose a lot, most a little; mean -3 points."""
    rng = np.random.default_rng(n)
    same = 0
    for seed in range(400):
        small = rng.uniform(-0.02, 0.02, n)
        differences = np.where(rng.random(n) < 0.03 / 0.8, -0.8, small - small.mean())
        found = change_interval(differences, Resamples(n, seed, 500).means(differences[:, None])[:, 0])
        assert found is not None
        same += found[0] > -0.03 and found[1] < 0.03
    assert same <= 0.07 * 400


def test_smallest_change_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    differences = rng.normal(0, 0.4, 900)
    change = smallest_change(differences)
    assert change == pytest.approx(2.8 * 0.4 / 30, rel=0.1)
    found = [stats.ttest_1samp(rng.normal(2.8 * 0.4 / 30, 0.4, 900), 0.0).pvalue <= 0.05 for _ in range(1_000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)
    assert smallest_change(np.append(differences, NAN)) == change


def test_no_spread_seen_is_not_a_spread_of_0() -> None:
    assert smallest_change(np.zeros(50)) is None
    assert smallest_change(np.array([0.3])) is None
    assert smallest_change(np.array([])) is None


def test_holm_worked_by_hand() -> None:
    # 0.01 * 3, then 0.03 * 2, then 0.04 * 1, which may not fall below the one before.
    assert holm({"b": 0.04, "a": 0.01, "c": 0.03}) == pytest.approx({"b": 0.06, "a": 0.03, "c": 0.06})
    assert holm({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@given(st.dictionaries(st.integers(), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_stepping_down_rejects(ps: dict[int, float]) -> None:
    adjusted = holm(ps)
    assert list(adjusted) == list(ps)
    rejected = set()
    for rank, key in enumerate(sorted(ps, key=ps.__getitem__)):
        if ps[key] * (len(ps) - rank) > 0.05:
            break
        rejected.add(key)
    assert {key for key, p in adjusted.items() if p <= 0.05} == rejected


def test_a_tie_that_spans_blocks_is_drawn_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(0).normal(0, 1, (16, 2)).clip(-1, 1)
    whole = label_swap(differences, seed=0, permutations=600)
    monkeypatch.setattr(paired_tests, "BLOCK", 16 * 100)
    assert np.array_equal(label_swap(differences, seed=0, permutations=600), whole)


def test_a_margin_that_is_an_estimate_widens_the_interval() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(5, 0.5, 4_000)
    first, later = rng.random((2, 4_000)) < chance
    differences = later.astype(float) - first
    against = later - first.astype(float) + 0.25 * (1 - first)
    assert widening(first.astype(float), differences) == pytest.approx(against.std() / differences.std())
    assert 1.1 < against.std() / differences.std() < 1.25  # independent models: (1 + share) times the spread of one of the two
    assert widening(np.full(50, 0.9), np.zeros(50)) is None
