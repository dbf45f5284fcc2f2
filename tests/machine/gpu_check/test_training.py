"""Checks of training on faults that a GPU's path may have: each has to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sirev.execution.model_sizes import shipped_shapes
from sirev.machine.gpu_check import training as module
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.sampling import vllm_memory
from sirev.machine.gpu_check.training import LN_2, dpo, expect_memory_back, sft
from sirev.machine.gpu_check.watching import WatchedTraining
from sirev.trainers.dispatch import Trained, TrainRequest
from sirev.trainers.models import ModelSource

GPU = WatchedTraining(Trained([], 6, 100, 0, None), "cuda", "bf16", ["torch.float32"], False, 0.1, 10**9)
Child = Callable[[TrainRequest], WatchedTraining]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(module, "base", lambda bench: ModelSource(tmp_path / "base"))
    return Bench("cuda", tmp_path, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)


def answer(request: TrainRequest, losses: list[float] | None = None, **changed: Any) -> WatchedTraining:
    """What a child says of a training that went well, but for what is `changed`."""
    kind = request.parameters.kind
    losses = losses or ([LN_2, 0.6, 0.4] if kind == "dpo" else [6.0, 4.0, 2.0])
    log = [{"loss": loss, "rewards/margins": float(place)} for place, loss in enumerate(losses)]
    return replace(GPU, trained=replace(GPU.trained, log=log), **changed)


def seen_by(look: Callable[[Bench], Notes], bench: Bench, patch: pytest.MonkeyPatch, child: Child) -> list[str]:
    class Answering:
        def call(self, work: object, request: TrainRequest, on_event: object) -> WatchedTraining:
            return child(request)

    patch.setattr(bench, "child", lambda name: Answering())
    return look(bench).wrong


@pytest.mark.parametrize("look", [sft, dpo])
def test_trainings_as_they_should_be_are_well(
    look: Callable[[Bench], Notes], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen_by(look, bench, monkeypatch, answer) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"device": "cpu"}, "it trained on the device cpu"),
        ({"precision": "no"}, "it trained with mixed precision no, not bf16"),
        ({"trainable": ["torch.bfloat16"]}, "the adapter's weights are torch.bfloat16"),
        ({"frozen_changed": True}, "the base's weights changed"),
        ({"losses": [6.0, 5.0, float("nan")]}, "the loss went from 6.000 to nan"),
    ],
)
def test_each_fault_of_sft_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], told: str) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        return answer(request, **(changed if request.parameters.max_steps is None else {}))

    assert seen_by(sft, bench, monkeypatch, child) == [told]


@pytest.mark.parametrize(("loss", "told"), [(4.1, "0.100"), (float("nan"), "nan")])
def test_losses_that_checkpointing_changes_are_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, loss: float, told: str
) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        return answer(request, [6.0, loss, 2.0] if request.parameters.gradient_checkpointing else None)

    assert seen_by(sft, bench, monkeypatch, child) == [f"with gradient checkpointing the losses differ by {told}"]


def test_hooks_that_checkpointing_leaves_behind_are_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        return answer(request, hooks=6 if request.parameters.gradient_checkpointing else 0)

    (told,) = seen_by(dpo, bench, monkeypatch, child)
    assert told == "with a checkpointed reference the embeddings have 6 hooks at the end"


def test_a_reference_that_is_another_model_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        return answer(request, [0.72, 0.6, 0.4] if request.parameters.precompute_reference else None)

    (told,) = seen_by(dpo, bench, monkeypatch, child)
    assert told == "with a precomputed reference it begins at 0.7200, not at ln 2 = 0.6931"


@pytest.mark.parametrize(("free", "well"), [(80e9, True), (79.8e9, True), (60e9, False)])
def test_memory_that_is_not_given_back_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch, free: float, well: bool) -> None:
    monkeypatch.setattr(module, "gpu_in_use", lambda: ("NVIDIA H100 80GB HBM3", 85e9, free))
    monkeypatch.setattr(module, "_MEMORY_SECONDS", 0.0)
    notes = Notes()
    expect_memory_back(bench, notes, 80e9)
    assert (notes.wrong == []) is well


def test_memory_is_that_of_the_gpu_that_children_get(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = tmp_path / "nvidia-smi"
    answers = "0) echo one, 900, 1 ;; 1) echo other, 900, 2 ;; GPU-5f3c) echo third, 900, 3 ;; *) exit 6 ;;"
    driver.write_text(f'#!/bin/sh\ntest "$3" = -i && case "$4" in {answers} esac\n')
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert module.free_memory(bench) == 2**20
    for chosen, free in {"1,0": 2, "GPU-5f3c": 3}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
        assert module.free_memory(bench) == free * 2**20
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1")  # of which the driver tells nothing by -i
    assert module.free_memory(bench) is None
    assert vllm_memory(bench).skipped == "nvidia-smi does not report the memory of the GPU"
    notes = Notes()
    expect_memory_back(bench, notes, None)
    assert notes.found == ["whether memory is given back was not checked: nvidia-smi does not report the memory of the GPU"]
