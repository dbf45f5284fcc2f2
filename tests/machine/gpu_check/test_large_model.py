from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.execution.model_sizes import Shape, shape_of, shipped_shapes
from sirev.machine.gpu_check import large_model as module
from sirev.machine.gpu_check.large_model import large_model_training
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.watching import WatchedTraining
from sirev.processes.resident import ChildFailed
from sirev.processes.torch_gpu import TorchGpu
from sirev.recipe import load_recipe
from sirev.trainers.dispatch import Trained, TrainRequest
from sirev.trainers.models import ModelSource

MISTRAL = shipped_shapes()["mistralai/Mistral-7B-v0.1"]
SEEN = WatchedTraining(Trained([], 4, 100, 0, None), "cuda", "bf16", ["torch.float32"], False, 0.5, 30 * 10**9)
CARDS = [
    ("NVIDIA H100 80GB HBM3", 85, "mistralai/Mistral-7B-v0.1", 1024),
    ("NVIDIA H100 80GB HBM3", 85, "meta-llama/Llama-2-7b-hf", 280),  # its KV cache is four times Mistral's
    ("NVIDIA A100-SXM4-80GB", 85, "mistralai/Mistral-7B-v0.1", 256),
    ("an unknown GPU", 85, "mistralai/Mistral-7B-v0.1", 256),
    ("NVIDIA GeForce RTX 4090", 24, "mistralai/Mistral-7B-v0.1", 72),
]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench("cuda", tmp_path, MISTRAL, 1)


def trained(bench: Bench, patch: pytest.MonkeyPatch, gigabytes: int, child: Callable[[TrainRequest], WatchedTraining]) -> Notes:
    """What the check says on a GPU of so many GB whose child answers so."""

    class Answering:
        def call(self, work: object, request: Any, on_event: object) -> WatchedTraining:
            return child(request)

    patch.setattr(module, "torch_gpu", lambda: TorchGpu("2.13.0", "13.0", None, "a GPU", (9, 0), gigabytes * 10**9))
    patch.setattr(module, "_configuration", lambda bench: ModelSource(bench.folder / "large"))
    patch.setattr(bench, "child", lambda name: Answering())
    return large_model_training(bench)


def test_rates_are_of_the_shape_and_of_the_way_it_was_trained(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = trained(bench, monkeypatch, 85, lambda request: SEEN)
    assert notes.wrong == []
    rates = {(rate.checkpointing, rate.reference): rate for rate in notes.rates}
    assert len(rates) == 4
    assert {rate.parameters for rate in notes.rates} == {MISTRAL.parameters}
    assert rates[False, False].tokens_per_second == 8 * 768 / 0.5
    assert rates[True, True].tokens_per_second == 4 * 2 * 768 / 0.5
    assert {rate.micro_tokens for rate in notes.rates} == {8 * 768}
    assert {rate.peak for rate in notes.rates} == {SEEN.peak}
    assert "sft 8 x 768: 12,288 tokens/s, 30.0 GB" in notes.found


def test_what_does_not_fit_is_told_and_what_does_is_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        if not request.parameters.gradient_checkpointing:
            raise ChildFailed("OutOfMemoryError: CUDA out of memory. Tried to allocate", bench.folder / "log")
        return SEEN

    notes = trained(bench, monkeypatch, 24, child)
    assert notes.wrong == []
    assert [rate.checkpointing for rate in notes.rates] == [True, True]
    assert {rate.micro_tokens for rate in notes.rates} == {768, 2 * 768}  # one at a time on a small GPU
    assert "sft 1 x 768: out of memory" in notes.found


def test_the_last_training_leaves_the_adapter_that_is_served(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        if not request.parameters.gradient_checkpointing:
            raise ChildFailed("OutOfMemoryError: CUDA out of memory", bench.folder / "log")
        adapter = bench.folder / f"large-{request.parameters.kind}" / "out" / "adapter_config.json"
        adapter.parent.mkdir(parents=True, exist_ok=True)
        adapter.write_text("{}")
        return SEEN

    trained(bench, monkeypatch, 48, child)
    assert (bench.folder / "large-sft" / "out" / "adapter_config.json").is_file()


def test_a_model_that_no_training_fits_for_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        raise ChildFailed("OutOfMemoryError: CUDA out of memory", bench.folder / "log")

    assert trained(bench, monkeypatch, 24, child).wrong == ["no training fits into the GPU's memory"]


def test_another_error_of_a_training_is_no_want_of_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(request: TrainRequest) -> WatchedTraining:
        raise ChildFailed("RuntimeError: an illegal memory access was encountered", bench.folder / "log")

    with pytest.raises(ChildFailed, match="illegal"):
        trained(bench, monkeypatch, 85, child)


def test_a_gpu_that_is_too_small_for_the_weights_is_not_tried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = trained(bench, monkeypatch, 16, lambda request: SEEN)
    assert notes.skipped == "weights of 14.5 GB leave too little of the GPU's 16 GB"


def test_a_configuration_has_the_sizes_of_the_shape(tmp_path: Path) -> None:
    shape = Shape(64, 96, 3, 4, 2, 16, 1000, False)
    module.make_configuration(module.ShapeRequest(shape, str(tmp_path)), lambda event: None)
    model = load_recipe("smollm2_gsm8k", [f"model={tmp_path}"]).model
    assert shape_of(model) == shape


@pytest.mark.parametrize(("name", "gigabytes", "shape", "answers"), CARDS)
def test_as_many_answers_are_asked_for_as_are_written_at_a_time(
    monkeypatch: pytest.MonkeyPatch, name: str, gigabytes: int, shape: str, answers: int
) -> None:
    seen = TorchGpu("2.13.0", "13.0", None, name, (9, 0), gigabytes * 10**9)
    monkeypatch.setattr(module, "torch_gpu", lambda: seen)
    assert module._answers_at_a_time(shipped_shapes()[shape], 400) == answers
