from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sirev.stages import compare
from sirev.stages.compare import CompareParameters
from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.digests import canonical_json
from sirev.store.objects import Objects

DIVERSITY = {
    "answers": 4,
    "distinct_n": {"1": 0.1, "2": 0.2, "3": 0.3, "4": 0.4, "5": 0.5},
    "distinct_equations": 0.25,
}
SHORT = {"answers": 4, "distinct_n": {"1": 1.0, "2": None, "3": None, "4": None, "5": None}, "distinct_equations": 1.0}
NOTHING = {"answers": 0, "distinct_n": dict.fromkeys("12345"), "distinct_equations": None}


@pytest.fixture
def compared(tmp_path: Path) -> list[dict[str, Any]]:
    """M_1 right on a and b of a..d, M_2 right on b and c; four draws each."""
    objects = Objects(tmp_path)

    def measures(problems: dict[str, Any]) -> Artifact:
        rows = [{"id": x, "level": "1" if x in "ab" else "5", **found} for x, found in problems.items()]
        return write_artifact(objects, Output(files={"measures.json": canonical_json({"problems": rows})}))

    def counts(n: int, **right: int) -> Artifact:
        return measures({x: {"n": n, "correct": c} for x, c in right.items()})

    group = {"all": DIVERSITY, "correct": DIVERSITY, "incorrect": NOTHING}
    diversity = measures(dict.fromkeys("abcd", group))
    inputs = {
        "1/greedy": counts(1, a=1, b=1, c=0, d=0),
        "1/draws": counts(4, a=4, b=2, c=1, d=0),
        "1/train": counts(4, x=0, y=1),
        "2/greedy": counts(1, a=0, b=1, c=1, d=0),
        "2/draws": counts(4, a=3, b=4, c=4, d=0),
        "2/train": counts(4, x=4, y=4),
        **{f"{t}/diversity": diversity for t in (1, 2)},
        **{f"{t}/ood/suite": counts(1, a=1, b=1, c=1, d=0) for t in (1, 2)},
    }
    output = compare.run(CompareParameters([1, 2], ["suite"]), inputs, None)  # type: ignore[arg-type]
    data = output.files["comparison.json"]
    assert isinstance(data, bytes)
    iterations: list[dict[str, Any]] = json.loads(data)["iterations"]
    return iterations


def test_pass_at_1_is_greedy_accuracy(compared: list[dict[str, Any]]) -> None:
    assert [i["pass_at_1"]["value"] for i in compared] == [0.5, 0.5]
    assert compared[0]["levels"]["1"]["value"] == 1.0


def test_improvement_set_is_judged_by_the_draws_of_m1(compared: list[dict[str, Any]]) -> None:
    gained = compared[1]["improvement_set"]
    assert gained["size"] == 1  # c
    assert {k: s["value"] for k, s in gained["m1_pass_at_n"].items()} == {"2": 0.5, "4": 1.0}
    assert compared[1]["lost_set"]["size"] == 1  # a
    first = compared[0]["improvement_set"]
    assert first["size"] == 0
    assert set(first["m1_pass_at_n"]) == {"2", "4"}  # the same N as everywhere
    assert first["m1_pass_at_n"]["2"]["value"] is None
    assert first["m1_pass_at_n"]["2"]["reason"] == "IS(t) is empty"


def test_pass_at_n_is_the_mean_of_unbiased_estimates(compared: list[dict[str, Any]]) -> None:
    # a: 1; b: 1 - C(2,2)/C(4,2) = 5/6; c: 1 - C(3,2)/C(4,2) = 1/2; d: 0
    assert compared[0]["pass_at_n"]["2"]["value"] == pytest.approx((1 + 5 / 6 + 1 / 2) / 4)
    assert set(compared[0]["pass_at_n"]) == {"1", "2", "4"}


def test_coverage_has_two_readings_on_two_splits(compared: list[dict[str, Any]]) -> None:
    coverage = compared[0]["coverage"]
    assert coverage["mass"]["test"]["value"] == pytest.approx(7 / 16)
    assert coverage["solved"]["test"]["value"] == 0.75
    assert coverage["mass"]["train"]["value"] == 0.125
    assert coverage["solved"]["train"]["value"] == 0.5


def test_diversity_of_what_is_not_there_says_why(compared: list[dict[str, Any]]) -> None:
    diversity = compared[0]["diversity"]
    assert diversity["all"]["distinct_n"]["mean"]["value"] == pytest.approx(0.3)
    assert diversity["incorrect"]["distinct_equations"]["value"] is None
    assert diversity["incorrect"]["distinct_n"]["mean"]["reason"] == "no problem has an incorrect answer"


def test_group_disparity_is_between_easiest_and_hardest_level(compared: list[dict[str, Any]]) -> None:
    suite = compared[0]["ood"]["suite"]
    assert suite["accuracy"]["value"] == 0.75
    assert suite["group_disparity"]["value"] == pytest.approx((1.0 - 0.5) / 1.0)


def test_answers_too_short_for_an_n_gram_are_told_from_no_answers() -> None:
    found = compare.diversity_of([{"all": SHORT}, {"all": NOTHING}], "all")
    assert found["distinct_n"]["1"] == {"value": 1.0, "low": None, "high": None, "n": 1, "reason": None}
    assert found["distinct_n"]["2"]["reason"] == "no answer of 2 tokens"
    assert found["distinct_n"]["mean"]["reason"] == "no answer of 2 tokens"
