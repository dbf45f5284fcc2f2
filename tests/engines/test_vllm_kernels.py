from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sirev.engines.vllm_kernels import load_vllm


class Platform:
    """vLLM's platform, whose kernels may be imported."""

    def __init__(self, device_type: str) -> None:
        self.device_type = device_type
        self.asked = False

    def is_cuda(self) -> bool:
        return self.device_type == "cuda"

    def import_kernels(self) -> None:
        self.asked = True


def install(patch: pytest.MonkeyPatch, platform: Platform, *, kernels: bool = True) -> None:
    """Have such a vLLM be here, beside a torch that is built for CUDA."""
    operations = SimpleNamespace(**({"rotary_embedding": len} if kernels else {}))
    modules: dict[str, dict[str, Any]] = {
        "torch": {"version": SimpleNamespace(cuda="13.0"), "ops": SimpleNamespace(_C=operations)},
        "vllm": {"LLM": type("LLM", (), {"__module__": "vllm.entrypoints.llm"})},
        "vllm.platforms": {"current_platform": platform},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        patch.setitem(sys.modules, name, module)


def test_a_vllm_for_cpus_is_well_beside_a_torch_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform("cpu")
    install(monkeypatch, platform)
    load_vllm()
    assert platform.asked


def test_kernels_for_cuda_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Platform("cuda"))
    with pytest.raises(ImportError, match="_C_stable_libtorch"):
        load_vllm()


def test_a_vllm_without_a_device_or_without_kernels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Platform(""))
    with pytest.raises(ImportError, match="no device"):
        load_vllm()
    install(monkeypatch, Platform("cpu"), kernels=False)
    with pytest.raises(ImportError, match="vllm has no kernels for cpu"):
        load_vllm()
