from __future__ import annotations

import re
from subprocess import CompletedProcess

import pytest

from sirev.machine import training_packages as module
from sirev.machine import trial
from sirev.machine.findings import Finding
from sirev.machine.training_packages import training_packages
from sirev.recipe import load_recipe


def found(patch: pytest.MonkeyPatch, *settings: str, on_gpu: bool = True, **installed: str) -> list[Finding]:
    """What is found of a recipe with these settings where these packages are installed, with an underscore for a hyphen."""
    there = {name.replace("_", "-"): version for name, version in installed.items()}
    patch.setattr(module, "versions", lambda names: {name: there[name] for name in names if name in there})
    recipe = load_recipe("mistral_gsm8k", [f"training.{setting}" for setting in settings])
    return list(training_packages(recipe, on_gpu))


def test_a_recipe_that_asks_for_nothing_special_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch) == []
    assert found(monkeypatch, "memory.attention=sdpa") == []


@pytest.mark.parametrize(("setting", "package"), [("liger=true", "liger-kernel"), ("attention=flash_attention_2", "flash-attn")])
def test_kernels_take_their_package_and_a_gpu(monkeypatch: pytest.MonkeyPatch, setting: str, package: str) -> None:
    there = {package.replace("-", "_"): "2.8.3"}
    (well,) = found(monkeypatch, f"memory.{setting}", **there)
    assert (well.status, well.found) == ("ok", f"{package} 2.8.3")
    (no_gpu,) = found(monkeypatch, f"memory.{setting}", on_gpu=False, **there)
    assert (no_gpu.status, no_gpu.found) == ("missing", "there is no GPU that torch can use")
    assert all("pip" not in remedy.command for remedy in no_gpu.remedies)
    (no_package,) = found(monkeypatch, f"memory.{setting}")
    assert no_package.status == "missing"
    assert re.fullmatch(rf"pip install (--no-build-isolation )?{package}", no_package.remedies[0].command)
    assert no_package.remedies[-1].command.startswith(f"--set training.memory.{setting.partition('=')[0]}=")


def test_an_attention_that_transformers_fetches_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    (well,) = found(monkeypatch, "memory.attention=flash_attention_3", kernels="0.12.0")
    assert (well.status, well.found) == ("ok", "kernels 0.12.0")


@pytest.mark.parametrize(("trouble", "status"), [("", "ok"), ("ImportError: libnvJitLink.so.13: cannot open", "missing")])
def test_bitsandbytes_is_tried(monkeypatch: pytest.MonkeyPatch, trouble: str, status: str) -> None:
    tried = []

    def run(code: str, seconds: float) -> CompletedProcess[str]:
        tried.append(code)
        return CompletedProcess([], 1 if trouble else 0, "", trouble)

    monkeypatch.setattr(trial, "run_python", run)
    (finding,) = found(monkeypatch, "optimizer=paged_adamw_8bit", bitsandbytes="0.50.2")
    assert finding.status == status
    assert finding.found == (f"0.50.2 can't be loaded: {trouble}" if trouble else "0.50.2")
    assert tried == ["from sirev.trainers.paged_states import load_bitsandbytes; load_bitsandbytes()"]
    (missing,) = found(monkeypatch, "optimizer=paged_adamw_8bit")
    assert (missing.status, missing.found, len(tried)) == ("missing", "not installed", 1)
