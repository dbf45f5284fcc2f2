from __future__ import annotations

import importlib.machinery
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.iterate import RunResult
from sirev.errors import BadInput
from sirev.grading.sandbox import Found, tiers
from sirev.machine import trial
from sirev.store.store import Store
from tests import fake_gpu
from tests.conftest import Command, Study, tree
from tests.hub_cache import HubCache

VLLM = ["engine=vllm"]
MISSING = "can't be computed here: vLLM: not installed; install it: pip install --constraint "


@pytest.fixture
def without_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM can't be found by this process."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "vllm" else find(name, *rest))


@pytest.fixture
def sampled_by_vllm(smoke_copy: Path, without_vllm: None) -> Path:
    """A finished store of tiny_smoke in which the answers are recorded as vLLM's."""
    store = Store(smoke_copy)
    for record in store.records.all():
        if record.action["stage"] in ("sample", "score"):
            parameters = {**record.action["parameters"], "engine": "vllm"}
            store.records.add(replace(record, action={**record.action, "parameters": parameters}))
    return smoke_copy


def iterated(store: Path, **asked: Any) -> RunResult:
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=VLLM, store=store, **asked)
    return result


def refused(store: Path, **asked: Any) -> list[str]:
    """The lines with which a run is refused; of what was computed nothing is left."""
    before = tree(store / "records")
    with pytest.raises(BadInput) as caught:
        iterated(store, **asked)
    assert tree(store / "records") == before
    return str(caught.value).splitlines()


def forget(store: Path, run: str, step: str) -> None:
    """Take the record of a step out of a store."""
    found = Store(store).runs.get(run)
    assert found is not None
    key = found.pins[step].key
    shutil.rmtree(store / "records" / key[:2] / key)


def test_an_engine_that_is_missing_is_told_before_anything_is_trained(tmp_path: Path, without_vllm: None) -> None:
    (line,) = refused(tmp_path / "store")
    assert line.startswith(f"1:sample/train {MISSING}")
    assert line.endswith("[vllm]', or sample without it, slowly: --set engine=transformers")


def test_an_engine_whose_kernels_can_not_be_loaded_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.machinery.ModuleSpec("vllm", None)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: spec if name == "vllm" else find(name, *rest))
    died = subprocess.CompletedProcess([], 1, "", "ImportError: libcudart.so.13: cannot open shared object file\n")
    monkeypatch.setattr(trial, "run_python", lambda code, seconds: died)
    (line,) = refused(tmp_path / "store")
    assert line.startswith("1:sample/train can't be computed here: vLLM: ")
    assert " can't be imported: ImportError: libcudart.so.13: cannot open shared object file; " in line


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_the_command_exits_with_2_and_makes_no_store(command: Command, tmp_path: Path) -> None:
    done = command("iterate", "--recipe", "tiny_smoke", "--set", "engine=vllm", "--store", tmp_path / "store")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"sirev: error: 1:sample/train {MISSING}")
    assert not (tmp_path / "store").exists()


def test_what_is_complete_replays_without_the_engine(sampled_by_vllm: Path) -> None:
    assert iterated(sampled_by_vllm).computed == ()


def test_a_run_from_before_answers_were_scored_replays_without_the_engine(sampled_by_vllm: Path) -> None:
    run = iterated(sampled_by_vllm).id
    for step in ("score/greedy:1", "score/draws:1", "score/greedy:3"):
        forget(sampled_by_vllm, run, step)
    result = iterated(sampled_by_vllm)
    assert result.computed == ("compare",)
    assert result.iterations[-1]["likelihood"]["gained"]["value"] is None


def test_only_what_the_missing_steps_need_is_looked_at(sampled_by_vllm: Path) -> None:
    run = iterated(sampled_by_vllm).id
    forget(sampled_by_vllm, run, "measure/greedy:3")
    assert iterated(sampled_by_vllm).computed == ("measure/greedy:3",)
    forget(sampled_by_vllm, run, "select:3")  # computed again it is the same, and so what follows is found
    assert iterated(sampled_by_vllm).computed == ("select:3",)
    forget(sampled_by_vllm, run, "train:3")
    (line,) = refused(sampled_by_vllm)
    assert line.startswith(f"3:sample/train {MISSING}")


def test_what_a_shared_store_has_is_pulled_and_not_looked_at(sampled_by_vllm: Path, tmp_path: Path) -> None:
    shared = str(sampled_by_vllm)
    run = iterated(tmp_path / "first", remote=shared).id
    iterated(sampled_by_vllm)
    forget(sampled_by_vllm, run, "compare")
    assert iterated(tmp_path / "second", remote=shared).computed == ("compare",)
    forget(sampled_by_vllm, run, "train:3")
    with pytest.raises(BadInput, match=f"^3:sample/train {MISSING}"):
        iterated(tmp_path / "third", remote=shared)
    made = {record.action["stage"] for record in Store(tmp_path / "third").records.all() if not record.provenance.get("pulled")}
    assert "compare" not in made


def test_all_that_is_missing_is_told_at_once(command: Command, tmp_path: Path, hub: HubCache) -> None:
    done = command("iterate", "--recipe", "mistral_gsm8k", "--store", tmp_path / "store", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("sirev: error: 1:train can't be computed here: GPU: none; ")
    assert "sirev iterate --recipe tiny" in lines[0]
    said = [line.removeprefix("sirev: error: ").partition(" is not on this machine")[0] for line in lines]
    assert "0:model can't be computed here: base model: mistralai/Mistral-7B-v0.1 at 27d67f1b5f57" in said
    assert "dataset/train can't be computed here: data: openai/gsm8k at 740312add88f" in said
    assert any(line.startswith("dataset/ood/math_algebra can't be computed here: data of math_algebra: ") for line in said)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("gigabytes", "short"), [(200, True), (350, False)])
def test_the_disk_has_to_hold_the_models_of_all_trainings(
    tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch, gigabytes: int, short: bool
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=gigabytes * 10**9))
    with pytest.raises(BadInput) as caught:
        sirev.iterate("mistral_gsm8k", overlays=["full"], overrides=["engine=transformers"], store=tmp_path / "store")
    told = [line for line in str(caught.value).splitlines() if "computed here: store: " in line]
    # Three methods share M_1, and two of them M_2: 12 trainings of 3 x 5, whose models are kept in 32 bits.
    free = f"{gigabytes}.0 GB free; each model takes 29.0 GB, and the 12 still to be trained take 347.6 GB"
    assert [line.endswith(f"{free}; name another folder: --store DIR") for line in told] == [True] * short


def test_a_gpu_that_torch_can_not_use_is_told_before_anything_is_trained(
    tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    fake_gpu.install(tmp_path / "gpu", monkeypatch, usable=False, driver="550.54.15")
    try:
        with pytest.raises(BadInput) as caught:
            sirev.iterate("mistral_gsm8k", overrides=["engine=transformers"], store=tmp_path / "store")
    finally:
        monkeypatch.undo()
        fake_gpu.forget()
    line = str(caught.value).splitlines()[0]
    assert line.startswith(
        "1:train can't be computed here: GPU: there, but torch 2.13.0 is built for CUDA 13.0, which takes driver 580"
    )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("liger=true", "liger-kernel: the package liger-kernel is not installed and there is no GPU that torch can use; "),
        ("attention=flash_attention_2", "flash_attention_2: the package flash-attn or kernels is not installed and there is "),
    ],
)
def test_kernels_that_a_training_asks_for_are_told_before_anything_is_trained(tmp_path: Path, setting: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        sirev.iterate("tiny_smoke", overrides=[f"training.memory.{setting}"], store=tmp_path / "store")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"1:train can't be computed here: {told}")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("allowed", "told"), [(False, True), (True, False)])
def test_a_sandbox_that_is_too_weak_is_told_before_programs_are_sampled(
    tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch, allowed: bool, told: bool
) -> None:
    monkeypatch.setattr(tiers, "best_tier", lambda: Found("C", {"A": "off", "B": "off"}))
    monkeypatch.setattr("sirev.grading.sandbox.best_tier", tiers.best_tier)
    with pytest.raises(BadInput) as caught:
        sirev.iterate("mistral_mbpp", overrides=["engine=transformers"], store=tmp_path / "store", unsafe_code=allowed)
    lines = [line for line in str(caught.value).splitlines() if "sandbox: tier C" in line]
    assert [line.startswith("1:grade/select can't be computed here: ") for line in lines] == [True] * told


def test_a_replay_looks_at_nothing(smoke: Study) -> None:
    program = (
        "import sys, sirev\n"
        f"sirev.iterate('tiny_smoke', store={str(smoke.store.path)!r})\n"
        "heavy = ('sirev.machine.doctor', 'sirev.machine.availability', 'urllib.request')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
