from __future__ import annotations

from sirev.store.runs import Pin, Run
from sirev.study.trained_models import model_step_at, model_steps


def test_the_models_of_a_run_are_what_it_pretrained_and_trained() -> None:
    steps = ["train:2", "sample/train:1", "model/embedding", "pretrain:0", "train:1", "select:2"]
    run = Run("a-sft-s0", "a", "sft", 0, 1, {}, "2026-01-01", pins=dict.fromkeys(steps, Pin("0" * 64, "0" * 64)))
    assert model_steps(run) == ["pretrain:0", "train:2", "train:1"]


def test_where_nothing_was_trained_a_model_is_the_one_before() -> None:
    steps = ["pretrain:0", "train:1", "train:4"]
    assert [model_step_at(steps, t) for t in (0, 1, 3, 4, 9)] == [None, "train:1", "train:1", "train:4", "train:4"]


def test_of_a_null_run_its_own_training_counts() -> None:
    assert model_step_at(["train/null:2", "train:2"], 2) == "train/null:2"
