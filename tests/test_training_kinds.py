from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from sirev.recipe.sections import Training
from sirev.trainers.dispatch import TrainParameters
from sirev.trainers.trl_steps import TRAINERS
from sirev.training_kinds import DPO, IN_TURN, KINDS, METHODS, SFT, Kind, TrainingKind, kinds_of


def test_every_kind_has_its_settings_its_trainer_and_a_method() -> None:
    assert [*KINDS] == [*TRAINERS] == [*get_args(Kind)]
    assert {*KINDS} < {*Training.model_fields}
    assert {*KINDS} < {*METHODS}


@pytest.mark.parametrize("name", KINDS)
def test_every_setting_of_a_kind_is_a_parameter_of_training(name: str) -> None:
    section, _ = get_args(Training.model_fields[name].annotation)
    assert {*section.model_fields} - {"select"} <= {field.name for field in fields(TrainParameters)}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_number_of_examples_that_is_expected_is_the_number_that_is_made(kind: TrainingKind) -> None:
    for right, wrong in ((0, 0), (3, 0), (0, 3), (2, 5), (5, 2)):
        made = list(kind.examples([f"right {i}" for i in range(right)], [f"wrong {i}" for i in range(wrong)]))
        assert len(made) == kind.expected(right, wrong)
        assert all(len(answers) == kind.sequences for answers in made)


def test_a_method_has_a_kind_per_step_and_sft_dpo_takes_its_kinds_in_turn() -> None:
    assert kinds_of("dpo", 3) == ["dpo", "dpo"]
    assert kinds_of("sft-dpo", 4) == [*IN_TURN, IN_TURN[0]]
    assert kinds_of("sft-dpo", 4, ["sft", "sft", "dpo"]) == ["sft", "sft", "dpo"]
    assert kinds_of("sft-dpo", 1) == []


def test_sft_learns_from_right_answers_and_dpo_from_pairs_against_a_reference() -> None:
    assert [*SFT.examples(["1", "2"], ["3"])] == [("1",), ("2",)]
    assert [*DPO.examples(["1", "2"], ["3"])] == [("1", "3")]
    assert not SFT.has_reference
    assert DPO.has_reference
