from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sirev.execution.model_sizes import shipped_shapes
from sirev.machine.gpu_check import device as module
from sirev.machine.gpu_check.device import apart, device, layer_inputs, layer_outcome, output_layer
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.processes.torch_gpu import TorchGpu

H100 = TorchGpu("2.13.0", "13.0", None, "NVIDIA H100 80GB HBM3", (9, 0), 85 * 10**9, 84 * 10**9)


def bench(folder: Path, on: str) -> Bench:
    return Bench(on, folder, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)


def looked_at(folder: Path, patch: pytest.MonkeyPatch, seen: TorchGpu) -> Notes:
    patch.setattr(module, "torch_gpu", lambda: seen)
    return device(bench(folder, "cuda"))


def test_a_free_gpu_that_knows_bfloat16_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = looked_at(tmp_path, monkeypatch, H100)
    assert notes.wrong == []
    assert "NVIDIA H100 80GB HBM3, capability 9.0, 84.0 GB of 85.0 GB free" in notes.found


def test_of_amds_gpu_its_own_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    amd = TorchGpu("2.13.0+rocm7.0", None, "7.0.2", "AMD Instinct MI300X", (9, 4), 200 * 10**9, 199 * 10**9)
    found = looked_at(tmp_path, monkeypatch, amd).found
    assert "ROCm 7.0.2" in found
    assert not [told for told in found if "None" in told]


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (TorchGpu("2.13.0", "13.0", trouble="no card"), "torch 2.13.0 can use none: no card"),
        (TorchGpu("2.13.0+cpu"), "torch 2.13.0+cpu is a build for CPUs only"),
        (TorchGpu("2.13.0", "13.0", None, "Tesla V100", (7, 0), 10**10, 10**10), "Tesla V100 does not support bfloat16"),
        (TorchGpu("2.13.0", "13.0", None, "A100", (8, 0), 40 * 10**9, 2 * 10**10), "only 20.0 GB of its 40.0 GB are free"),
    ],
)
def test_what_is_wrong_with_a_gpu_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: TorchGpu, wrong: str) -> None:
    assert looked_at(tmp_path, monkeypatch, seen).wrong == [wrong]


def test_a_compiler_is_asked_for_on_a_gpu_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc")
    (wrong,) = looked_at(tmp_path, monkeypatch, H100).wrong
    assert wrong.startswith("C compiler: no C compiler")
    monkeypatch.setattr(module, "torch_gpu", lambda: TorchGpu("2.13.0+cpu"))
    assert device(bench(tmp_path, "cpu")).wrong == []
    monkeypatch.setattr(module, "torch_gpu", lambda: TorchGpu("", trouble="No module named 'torch'"))
    assert device(bench(tmp_path, "cpu")).wrong == ["torch can't be asked: No module named 'torch'"]


@pytest.mark.parametrize(("name", "difference"), [("float32", 2e-4), ("bfloat16_cosine", 0.99)])
def test_an_output_layer_that_computes_something_else_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, difference: float
) -> None:
    there = bench(tmp_path, "cpu")
    seen = {"float32": 0.0, "bfloat16_cosine": 1.0, name: difference}

    class Child:
        def call(self, *asked: object) -> module.LayerDifferences:
            return module.LayerDifferences(**seen)

    monkeypatch.setattr(there, "child", lambda name: Child())
    assert len(output_layer(there).wrong) == 1
    seen[name] = {"float32": 0.0, "bfloat16_cosine": 1.0}[name]
    assert output_layer(there).wrong == []


def test_a_wrong_gradient_is_a_difference() -> None:
    small = {"tokens": 8, "hidden": 16, "vocabulary": 50}
    whole = layer_outcome(*layer_inputs(torch.float32, **small))
    again = layer_outcome(*layer_inputs(torch.float32, **small), chunk=16)
    assert max(apart(again, whole).values()) < 1e-5
    again["weights' gradient"][3] *= 1.01
    assert max(apart(again, whole).values()) > 1e-4
