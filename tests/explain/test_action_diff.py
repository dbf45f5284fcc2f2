from __future__ import annotations

from typing import Any

import pytest

from sirev.explain.action_diff import ComponentChange, Root, changes, changes_in_words, distance, leaves, parts, short_value

TRAIN: dict[str, Any] = {
    "stage": "train",
    "version": 1,
    "parameters": {"kind": "sft", "learning_rate": 5e-5, "seed": 11, "lora": {"r": 8, "alpha": 16}},
    "inputs": {"data": "d" * 64, "init": "e" * 64},
}


def train(**changed: Any) -> dict[str, Any]:
    return {**TRAIN, "parameters": {**TRAIN["parameters"], **changed}}


def test_equal_actions_do_not_differ() -> None:
    assert changes(TRAIN, train()) == []
    assert distance(parts(TRAIN), parts(train())) == 0


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (train(learning_rate=1e-4), ["learning_rate 5e-05 -> 0.0001"]),
        (train(lora={"r": 16, "alpha": 16}), ["lora.r 8 -> 16"]),
        (train(lora=None), ["lora (r 8, alpha 16) -> none"]),
        (train(beta=0.1), ["beta none -> 0.1"]),
        (train(dtype="bfloat16"), ["dtype auto -> bfloat16"]),
        (train(forgotten=3), ["forgotten (absent) -> 3"]),
        ({**TRAIN, "version": 2}, ["stage version 1 -> 2"]),
        ({**TRAIN, "stage": "grade"}, ["made by the stage grade, previously by train"]),
        ({**TRAIN, "env": {"trl": "1.16.0"}}, ["env none -> strict"]),
        ({**TRAIN, "inputs": {"data": "d" * 64}}, ["input init is gone"]),
        ({**TRAIN, "inputs": {**TRAIN["inputs"], "reference": "f" * 64}}, ["input reference is new"]),
    ],
)
def test_each_component_is_told_in_words(new: dict[str, Any], said: list[str]) -> None:
    assert changes_in_words(changes(TRAIN, new)) == said


def test_a_parameter_left_out_of_the_key_stands_for_its_value() -> None:
    (change,) = changes(train(beta=0.1), TRAIN)
    assert (change.old, change.new, change.missing) == (0.1, None, None)


def test_packages_of_a_strict_environment_are_told_one_by_one_and_are_one_step_away() -> None:
    old, new = ({**TRAIN, "env": {"trl": trl, "torch": torch}} for trl, torch in (("1.16.0", "2.12"), ("1.17.0", "2.13")))
    assert changes_in_words(changes(old, new)) == ["env: torch 2.12 -> 2.13", "env: trl 1.16.0 -> 1.17.0"]
    assert distance(parts(old), parts(new)) == 1


def test_a_derived_seed_is_told_as_the_runs_seeds() -> None:
    (change,) = changes(TRAIN, train(seed=22), seeds=(0, 1))
    assert change == ComponentChange("seed", "seed", 0, 1)
    assert changes(TRAIN, train(seed=22), seeds=(0, 0))[0].kind == "parameter"


def test_whole_numbers_and_fractions_are_told_apart() -> None:
    assert [change.words() for change in changes(train(learning_rate=1), train(learning_rate=1.0))] == ["learning_rate 1 -> 1.0"]
    assert distance(parts(train(learning_rate=1)), parts(train(learning_rate=1.0))) == 1
    assert distance(parts(train(learning_rate=1)), parts(train(learning_rate="1"))) == 1


def test_distance_counts_components_and_leaves_out_inputs_that_are_not_known() -> None:
    other = {**train(learning_rate=1e-4, lora={"r": 4, "alpha": 8}), "inputs": {"data": "0" * 64}}
    assert distance(parts(TRAIN), parts(other)) == 5
    assert distance(parts(TRAIN, inputs=False), parts(other, inputs=False)) == 3


def test_lists_of_groups_are_compared_inside() -> None:
    old, new = ({"runs": [{"method": "sft", "seed": seed}]} for seed in (0, 1))
    assert [change.words() for change in leaves("parameter", old, new)] == ["runs.0.seed 0 -> 1"]


def test_inputs_that_changed_for_one_reason_are_told_together() -> None:
    hotter = ComponentChange("parameter", "temperature", 0.7, 1.0)
    one = ComponentChange("input", "data", "a", "b", made_by="select:2", roots=(Root("sample/train:1", hotter, ("select:2",)),))
    other = ComponentChange("input", "init", "c", "d", made_by="train:1", roots=(Root("sample/train:0", hotter, ("train:1",)),))
    assert changes_in_words([one]) == ["input data changed: temperature 0.7 -> 1.0 at 1:sample/train, by way of 2:select"]
    assert changes_in_words([one, other]) == [
        "inputs data, init changed: temperature 0.7 -> 1.0 at 1:sample/train, 0:sample/train"
    ]


def test_long_values_and_digests_are_cut() -> None:
    assert short_value("0123456789abcdef" * 4) == "0123456789ab"
    assert len(short_value("word " * 100)) < 60
    assert (short_value(None), short_value(""), short_value(True), short_value([1, 2])) == ("none", '""', "true", "[1,2]")
