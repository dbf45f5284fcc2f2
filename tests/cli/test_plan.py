from __future__ import annotations

import json
from pathlib import Path

import pytest

from sirev.cli import plan
from sirev.execution.gpus import known_gpus
from sirev.recipe import load_recipe
from tests.conftest import Command, Study


@pytest.mark.slow
def test_the_command_takes_the_gpu_from_an_option_or_an_overlay(command: Command, tmp_path: Path) -> None:
    asked = ["plan", "--recipe", "mistral_gsm8k", "--store", tmp_path / "store"]
    assert "Fits      on 24 GB: yes" in command(*asked, "--overlay", "24gb").stdout
    assert "Fits      on 16 GB: no" in command(*asked, "--overlay", "24gb", "--gpu-memory", "16").stdout
    named = command(*asked, "--overlay", "24gb", "--gpu", "a100").stdout
    assert "Fits      on an A100 of 85.9 GB: yes" in named
    assert "in all on an A100" in named
    assert "Fits      on an A100 of 16 GB: no" in command(*asked, "--gpu", "a100", "--gpu-memory", "16").stdout


@pytest.mark.parametrize(("chosen", "name"), [(None, "h100"), ("0", "h100"), ("1", "4090"), ("GPU-5f3c", "4090")])
def test_the_gpu_here_is_the_first_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, name: str
) -> None:
    answers = "0) echo NVIDIA H100 80GB HBM3, 81559, 80000 ;; 1|GPU-5f3c) echo NVIDIA GeForce RTX 4090, 24564, 24000 ;;"
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f'#!/bin/sh\ntest "$3" = -i && case "$4" in {answers} *) exit 6 ;; esac\n')
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    monkeypatch.setattr(plan, "could_use_gpu", lambda: True)
    target = plan.target_of(load_recipe("mistral_gsm8k"), None, None, [])
    assert target.gpu == known_gpus()[name]
    assert (target.here, target.bytes) == (True, target.gpu.bytes)


def test_an_unknown_gpu_is_one_line_with_the_known_ones(command: Command) -> None:
    refused = command("plan", "--recipe", "mistral_gsm8k", "--gpu", "h800")
    assert refused.returncode == 2
    assert refused.stderr.startswith("sirev: error: --gpu h800: unknown; known are h200, h100, ")
    assert refused.stderr.count("\n") == 1


def test_without_a_gpu_one_that_the_recipe_takes_is_assumed(command: Command, tmp_path: Path) -> None:
    told = command("plan", "--recipe", "mistral_gsm8k", "--store", tmp_path / "store", "--format", "json").stdout
    assert json.loads(told)["gpu"] == {"name": "h100", "bytes": None, "here": False, "assumed": True}
    small = command("plan", "--recipe", "tiny", "--store", tmp_path / "store", "--format", "json").stdout
    assert json.loads(small)["gpu"] == {"name": None, "bytes": None, "here": True, "assumed": False}


def test_json_has_stages_runs_and_the_estimate(command: Command, smoke: Study) -> None:
    asked = ["plan", "--recipe", "tiny_smoke", "--store", smoke.store.path, "--set", "training.sft.learning_rate=1e-3"]
    told = json.loads(command(*asked, "--format", "json").stdout)
    assert (told["schema"], told["recipe"]) == (2, "tiny_smoke")
    assert set(told["stages"]["train"]) == {"hit", "run", "unknown"}
    assert any(steps["train:2"] == "run" for steps in told["runs"].values())
    assert told["estimate"]["steps"]["train"] > 0
    assert told["estimate"]["times"]["train"]["source"] == "seen"
    assert told["estimate"]["times"]["train"]["hours"] > 0
    assert told["estimate"]["footprint"]["to_train"] > 0
    assert command("plan", "--recipe", "tiny_smoke", "--format", "yaml").returncode == 2


def test_every_step_is_listed_on_demand(command: Command, tmp_path: Path) -> None:
    asked = ["plan", "--recipe", "tiny", "--method", "sft", "--store", tmp_path / "store"]
    assert "1:sample/train" not in command(*asked).stdout
    assert "1:sample/train" in command(*asked, "--steps").stdout
