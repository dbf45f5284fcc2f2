"""Checks of ways to train a large model on what children may say: each fault has to be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sirev.execution.model_sizes import shipped_shapes
from sirev.machine.gpu_check import large_model, large_ways
from sirev.machine.gpu_check.large_ways import (
    all_parameters,
    full_training,
    full_training_with_cache,
    in_given_order,
    sorted_batches,
    training_in_given_order,
)
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.watching import WatchedTraining
from sirev.processes.resident import ChildFailed
from sirev.processes.torch_gpu import TorchGpu
from sirev.trainers.dispatch import Trained, TrainRequest
from sirev.trainers.models import ModelSource
from sirev.trainers.parts import PartLimits

MISTRAL, LLAMA = shipped_shapes()["mistralai/Mistral-7B-v0.1"], shipped_shapes()["meta-llama/Meta-Llama-3-8B"]
LOG = [{"loss": loss} for loss in (10.4, 10.3, 10.2, 10.1)]
SEEN = WatchedTraining(Trained(LOG, 4, 100, 0, None), "cuda", "bf16", ["torch.float32"], False, 1.0, 60 * 10**9)
Answers = dict[Any, WatchedTraining | ChildFailed]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench("cuda", tmp_path, MISTRAL, 1)


@pytest.fixture
def out_of_memory(tmp_path: Path) -> ChildFailed:
    return ChildFailed("OutOfMemoryError: CUDA out of memory", tmp_path / "log")


def on(bench: Bench, patch: pytest.MonkeyPatch, gigabytes: int, answers: Answers) -> list[TrainRequest]:
    """Have the children of a GPU of so many GB answer so, each kind of work by itself; returns what they are asked."""
    asked = []

    class Answering:
        def call(self, work: object, request: TrainRequest, on_event: object) -> WatchedTraining:
            asked.append(request)
            answer = answers[work]
            if isinstance(answer, ChildFailed):
                raise answer
            return answer

    for module in (large_model, large_ways):
        patch.setattr(module, "torch_gpu", lambda: TorchGpu("2.13.0", "13.0", None, "a GPU", (9, 0), gigabytes * 10**9))
    patch.setattr(large_model, "_configuration", lambda bench: ModelSource(bench.folder / "large"))
    patch.setattr(bench, "child", lambda name: Answering())
    return asked


def test_examples_go_by_length_and_as_they_come(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    slower = replace(SEEN, seconds_per_step=1.5)
    asked = on(bench, monkeypatch, 85, {large_model.large_training: SEEN, training_in_given_order: slower})
    notes = sorted_batches(bench)
    assert notes.wrong == []
    assert notes.found[0].endswith(" tokens/s, 1.50 times as fast as in random order")
    assert {(request.parameters.batch_size, request.parameters.micro_batch_size) for request in asked} == {(32, 8)}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seconds_per_step": 0.5}, "batches cut by length take 2.00 times as long"),
        ({"trained": replace(SEEN.trained, log=[{"loss": 10.4}] * 4)}, "the losses of batches cut by length and as they come"),
    ],
)
def test_batches_by_length_that_are_slow_or_others_are_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], told: str
) -> None:
    other = replace(SEEN, **{"seconds_per_step": 1.5, **changed})
    on(bench, monkeypatch, 85, {large_model.large_training: SEEN, training_in_given_order: other})
    (wrong,) = sorted_batches(bench).wrong
    assert wrong.startswith(told)


def test_the_given_order_is_kept() -> None:
    lengths = [[3], [9], [1], [7], [5]]
    assert in_given_order(lengths, PartLimits(2, None)) == [[0, 1], [2, 3], [4]]
    assert in_given_order(lengths, PartLimits()) == [[0, 1, 2, 3, 4]]


def in_full(bench: Bench, patch: pytest.MonkeyPatch, plain: Any, cached: Any, gigabytes: int = 85) -> tuple[Notes, int]:
    """What the check says where the trainings with and without autocast's cache go so; and how many there are."""
    asked = on(bench, patch, gigabytes, {full_training: plain, full_training_with_cache: cached})
    return all_parameters(bench), len(asked)


def test_the_memory_with_and_without_the_cache_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    notes, _ = in_full(bench, monkeypatch, SEEN, replace(SEEN, peak=74 * 10**9))
    assert notes.wrong == []
    assert notes.found[1:] == ["float32 with plain SGD, 1 x 768: 60.0 GB; with autocast's cache 74.0 GB"]
    assert notes.rates == []  # of an optimizer without states


def test_a_cache_that_does_not_fit_is_no_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch, out_of_memory: ChildFailed) -> None:
    notes, _ = in_full(bench, monkeypatch, SEEN, out_of_memory)
    assert notes.wrong == []
    assert notes.found[0].endswith("; with autocast's cache out of memory")


def test_a_run_that_keeps_the_cache_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    notes, _ = in_full(bench, monkeypatch, SEEN, SEEN)
    assert notes.wrong == ["a run takes as much memory as with autocast's cache, which it should do without"]


def test_arithmetic_that_is_wrong_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch, out_of_memory: ChildFailed) -> None:
    notes, _ = in_full(bench, monkeypatch, out_of_memory, out_of_memory)
    assert notes.wrong == ["it does not fit into the GPU's memory, though by arithmetic it does"]


@pytest.mark.parametrize(("shape", "gigabytes"), [(MISTRAL, 48), (LLAMA, 85)])
def test_what_does_not_fit_by_arithmetic_is_not_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, shape: Any, gigabytes: int
) -> None:
    bench.shape = shape
    notes, asked = in_full(bench, monkeypatch, SEEN, SEEN, gigabytes)
    assert notes.skipped.endswith(f" GB of the GPU's {gigabytes} GB")
    assert asked == 0
