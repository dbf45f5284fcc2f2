from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.contents import SuiteAccuracy
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.measures import Measures
from sirev.metrics.paired_tests import sign_test
from sirev.metrics.pass_at_n import pass_at_n
from tests.metrics.comparison.studies import diversity, draws, greedy
from tests.typed import misfits

LEVELS = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "2", "f": "2"}
FIRST = {"a": 4, "b": 2, "c": 1, "d": 1, "e": 0, "f": 0}
LATER = {"a": 4, "b": 4, "c": 4, "d": 0, "e": 0, "f": 1}


def model(right: dict[str, int], n: int | None = 4) -> Measures:
    """Greedily right where at least half of the draws are."""
    most = {x: int(c >= 2) for x, c in right.items()}
    drawn = {"ood_draws": {"suite": draws(n, right, LEVELS)}} if n else {}
    return Measures(greedy(most), draws(12, right), ood={"suite": greedy(most, LEVELS)}, **drawn)


def compared(*models: Measures, replicates: int = 400) -> list[dict[str, Any]]:
    runs = [RunMeasures("sft", 0, dict(enumerate(models, 1)))]
    found = compare(runs, "math", None, ComparisonSettings(replicates=replicates))
    return cast(list[dict[str, Any]], found["runs"][0]["iterations"])


@pytest.fixture(scope="module")
def asked_at_the_ends() -> list[dict[str, Any]]:
    return compared(model(FIRST), model(FIRST, n=None), model(LATER))


def test_draws_on_a_suite_give_pass_at_n_on_it(asked_at_the_ends: list[dict[str, Any]]) -> None:
    first, between, last = (iteration["ood"]["suite"] for iteration in asked_at_the_ends)
    assert first["pass_at_n"]["2"]["value"] == pytest.approx(np.mean([pass_at_n(4, c, 2) for c in FIRST.values()]))
    assert set(last["pass_at_n"]) == {"1", "2", "4"}
    assert first["mean_accuracy"]["value"] == pytest.approx(8 / 24)
    assert last["mean_levels"]["2"]["value"] == pytest.approx(1 / 12)
    assert set(between) == {"accuracy", "levels", "group_disparity", "disparity_change"}


def test_problems_of_a_suite_that_only_one_model_ever_solves_are_counted(asked_at_the_ends: list[dict[str, Any]]) -> None:
    first, _, last = (iteration["ood"]["suite"] for iteration in asked_at_the_ends)
    assert last["reach"] == {"gained": 1, "lost": 1, "p": sign_test(1, 1), "reason": None}
    assert (first["reach"]["gained"], first["reach"]["lost"]) == (0, 0)


def test_the_curves_of_a_suite_cross_where_the_first_model_catches_up(asked_at_the_ends: list[dict[str, Any]]) -> None:
    first, _, last = (iteration["ood"]["suite"] for iteration in asked_at_the_ends)
    assert last["mean_accuracy"]["value"] > first["mean_accuracy"]["value"]
    assert last["pass_at_n"]["4"]["value"] == first["pass_at_n"]["4"]["value"]
    assert last["crossing"]["value"] == pytest.approx(4.0)
    assert first["crossing"]["reason"] == "M_1 is not compared with itself"


def test_the_change_of_disparity_is_of_the_same_problems(asked_at_the_ends: list[dict[str, Any]]) -> None:
    first, between, last = (iteration["ood"]["suite"] for iteration in asked_at_the_ends)
    by_draws = last["mean_group_disparity"]["value"] - first["mean_group_disparity"]["value"]
    assert last["mean_disparity_change"]["value"] == pytest.approx(by_draws)
    assert by_draws == pytest.approx((1 - 1 / 12) - (1 - 1 / 7))  # 12 and 1, 7 and 1 right draws of 12
    assert first["disparity_change"]["reason"] == "M_1 is not compared with itself"
    # M_2 is as M_1: its disparity is uncertain, and the change is not, since both are of the same resampled problems.
    same = compared(model(FIRST), model(FIRST))[1]["ood"]["suite"]
    assert same["mean_group_disparity"]["low"] < same["mean_group_disparity"]["high"]
    assert (same["mean_disparity_change"]["low"], same["mean_disparity_change"]["high"]) == (0, 0)
    assert between["disparity_change"]["value"] == 0


def test_pass_at_n_on_a_suite_is_an_outcome_at_the_most_that_both_have_draws_for() -> None:
    last = compared(model(FIRST), model({x: 2 * c for x, c in LATER.items()}, n=12))[1]
    gains = [pass_at_n(12, 2 * LATER[x], 4) - pass_at_n(4, FIRST[x], 4) for x in LATER]  # type: ignore[operator]
    change = last["against_m1"]["ood_pass_at_n/suite"]
    assert change["difference"]["value"] == pytest.approx(np.mean(gains))
    assert change["test"].startswith("label swap")
    assert last["ood"]["suite"]["reach"]["reason"] == "M_1 and M_t have different numbers of draws"
    assert "ood_pass_at_n/suite" not in compared(model(FIRST), model(LATER, n=None))[1]["against_m1"]


def test_a_suite_of_one_level_has_no_disparity() -> None:
    one = Measures(greedy({"x": 1}), None, ood={"suite": greedy({"a": 1, "b": 0})})
    found = compared(one, one)[1]["ood"]["suite"]
    assert found["group_disparity"]["reason"] == found["disparity_change"]["reason"] == "the suite has one level only"


def test_iterations_with_draws_on_suites_are_what_their_types_say(asked_at_the_ends: list[dict[str, Any]]) -> None:
    assert [misfit for one in asked_at_the_ends for misfit in misfits(one["ood"], dict[str, SuiteAccuracy])] == []


def with_diversity(distinct: float, kind: float = 1) -> Measures:
    """32 problems of a suite, each with ten right draws of twelve; on the task's own problems right answers are all unlike."""
    right = {f"p{i}": 10 for i in range(32)}
    return Measures(
        greedy(dict.fromkeys(right, 1)),
        draws(12, right),
        families={"diversity": diversity(12, right, kind)},
        ood={"suite": greedy(dict.fromkeys(right, 1))},
        ood_draws={"suite": draws(12, right)},
        ood_diversity={"suite": diversity(12, right, distinct)},
    )


def test_draws_on_a_suite_give_their_own_diversity_where_they_were_measured() -> None:
    first, last = (one["ood"]["suite"] for one in compared(with_diversity(0.75), with_diversity(0.25)))
    assert last["diversity"]["correct"]["matched"]["8"]["distinct_equations"]["value"] == pytest.approx(0.25)
    assert last["diversity"]["incorrect"]["matched"]["8"]["distinct_equations"]["reason"].startswith(
        "0 problems have 8 incorrect"
    )
    assert last["split"]["equations"]["change"]["value"] == pytest.approx(-0.5)
    assert first["split"] == {}
    assert not [*misfits(last, SuiteAccuracy)]


def test_answers_to_a_suite_may_be_of_another_kind_than_the_tasks() -> None:
    runs = [RunMeasures("sft", 0, {1: with_diversity(0.75), 2: with_diversity(0.25)})]
    found = compare(runs, "math", None, ComparisonSettings(replicates=200), suite_answers={"suite": "code"})
    last = found["runs"][0]["iterations"][1]
    assert last["diversity"]["correct"]["distinct_programs"]["reason"] == "the answers are no programs"
    assert last["ood"]["suite"]["diversity"]["correct"]["distinct_programs"]["reason"] == "no problem has a correct answer"
