from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.family import AnswerType, Draw
from sirev.metrics.families.measures import Measures
from sirev.metrics.families.process import NOT_MATH, NOT_MEASURED, measure
from tests.conftest import Study
from tests.metrics.comparison.studies import draws, greedy, study

MATH = AnswerType("math", True)


def draw(text: str, right: bool) -> Draw:
    return Draw(text, 0, 1, False, right, False, False)


def test_draws_are_counted_by_whether_they_are_right_and_hold_a_false_equation() -> None:
    found = measure(
        [draw("1 + 1 = 2", True), draw("1 + 1 = 3, 2 + 2 = 4", True), draw("two", True), draw("1 + 1 = 3", False)], MATH
    )
    assert found == {
        "n": 4,
        "correct": 2,
        "right": {"draws": 3, "checked": 2, "false": 1},
        "wrong": {"draws": 1, "checked": 1, "false": 1},
    }


def compared(rows: dict[int, list[dict[str, Any]]], answers: str = "math") -> list[dict[str, Any]]:
    problems = dict.fromkeys("ab", 1)
    models = {t: Measures(greedy(problems), draws(4, problems), families={"process": of} if of else {}) for t, of in rows.items()}
    found: Any = compare([RunMeasures("sft", 0, models)], answers, None, ComparisonSettings(replicates=200))
    return [iteration["process"] for iteration in found["runs"][0]["iterations"]]


def test_shares_are_of_all_draws_together_and_a_draw_must_be_right_in_both_ways() -> None:
    a = measure([draw("1 + 1 = 2", True)] * 3 + [draw("1 + 1 = 3", True)], MATH)
    b = measure([draw("1 + 1 = 3", False)] * 2 + [draw("?", False), draw("?", True)], MATH)
    found = compared({1: [{"id": "a", **a}, {"id": "b", **b}]})[0]
    assert found["right"]["false"]["value"] == pytest.approx(1 / 5)
    assert found["right"]["checked"]["value"] == pytest.approx(4 / 5)
    assert found["wrong"]["false"]["value"] == pytest.approx(2 / 3)
    assert found["pass_at_n"]["1"]["value"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    # a: 1 - C(1, 2)/C(4, 2) = 1; b: 1 - C(3, 2)/C(4, 2) = 1/2
    assert found["pass_at_n"]["2"]["value"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["pass_at_n"]["4"]["value"] == 1


def test_runs_from_before_it_and_answers_without_equations_say_why_there_is_nothing() -> None:
    assert compared({1: []})[0]["right"]["false"]["reason"] == NOT_MEASURED
    assert compared({1: []}, "code")[0]["pass_at_n"]["1"]["reason"] == NOT_MATH
    old = compare(study(np.random.default_rng(0), 40), "math", None, ComparisonSettings(replicates=100))
    assert old["runs"][0]["iterations"][1]["process"]["pass_at_n"]["1"]["reason"] == NOT_MEASURED


def test_cot_pass_at_1_of_a_run_is_at_most_its_mean_accuracy(smoke: Study) -> None:
    for iteration in smoke.of("sft").iterations:
        process = iteration["process"]
        assert 0 <= process["pass_at_n"]["1"]["value"] <= iteration["mean_accuracy"]["value"]
        kept = 1 - process["right"]["false"]["value"]
        assert process["pass_at_n"]["1"]["value"] == pytest.approx(kept * iteration["mean_accuracy"]["value"])
