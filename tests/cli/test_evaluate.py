from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from sirev.cli.evaluate import run
from sirev.errors import BadInput
from sirev.store.checkout import hand_out
from tests.conftest import Command, Study


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (["base"], "--step base: expected STEP=MODEL"),
        (["=ORG/NAME"], "--step =ORG/NAME: expected STEP=MODEL"),
        (["base="], "--step base=: expected STEP=MODEL"),
        (["base=ORG/A", "base=ORG/B"], "--step base=ORG/B: the step 'base' is named twice; give each model its own name"),
    ],
)
def test_a_step_is_named_once_with_its_model(steps: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        run("mine", steps, [], None, task="gsm8k", store=tmp_path / "store")
    assert str(caught.value) == words
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_the_command_says_what_each_model_is_before_the_report(
    smoke: Study, smoke_copy: Path, tmp_path: Path, command: Command
) -> None:
    for t in (1, 2):
        hand_out(smoke.store, smoke.artifact("sft", f"train:{t}"), tmp_path / f"m{t}")
    asked = ("--recipe", "tiny_smoke", "--store", smoke_copy)
    done = command("evaluate", "mine", "--step", "first=m1", "--step", f"second={tmp_path}/m2", *asked)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Models:"
    assert lines[1].startswith("  first: m1 (")
    assert lines[2].endswith(f", made by {smoke.of('sft').id}:2, without a chat template")
    assert lines[4] == "mine: 24 test problems, M_1 first → M_2 second"
    assert any("sirev report html mine" in line for line in lines)
    assert ", 0 computed" in command("evaluate", "mine", "--step", "first=m1", "--step", "second=m2", *asked).stderr


def test_a_plan_is_about_sampling_alone_and_computes_nothing(
    smoke: Study, smoke_copy: Path, tmp_path: Path, command: Command
) -> None:
    for t in (1, 2):
        hand_out(smoke.store, smoke.artifact("sft", f"train:{t}"), tmp_path / f"m{t}")
    asked = ("evaluate", "mine", "--recipe", "tiny_smoke", "--step", "first=m1", "--step", "second=m2", "--plan", "--gpu", "a100")
    done = command(*asked, "--store", "new")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"mine: 1 run, \d+ steps, 0 cached", lines[0])
    assert lines[2].startswith("sample ")
    assert " train" not in done.stdout
    assert any(line.startswith("Fits      on an A100 ") for line in lines)
    assert not list((tmp_path / "new").glob("runs/*"))
    known = command(*asked, "--store", smoke_copy).stdout.splitlines()[0]
    assert int(known.split(", ")[2].removesuffix(" cached")) > 0  # the loop has asked its M_1 and M_2 already


def test_a_plan_names_what_it_takes_for_granted(smoke: Study, tmp_path: Path, command: Command) -> None:
    hand_out(smoke.store, smoke.artifact("sft", "train:1"), tmp_path / "small")
    shutil.copytree(tmp_path / "small", tmp_path / "large")
    config = tmp_path / "large" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "num_hidden_layers": 30}))
    asked = ("evaluate", "mine", "--recipe", "tiny_smoke", "--step", "small=small", "--store", "new", "--plan")
    assert "all models have the size" not in command(*asked, "--step", "same=small").stdout
    assert "all models have the size of small" in command(*asked, "--step", "large=large").stdout


def test_options_of_a_plan_go_with_it_alone(command: Command) -> None:
    asked = ("evaluate", "mine", "--recipe", "tiny_smoke", "--step", "a=b")
    assert command(*asked, "--gpu", "a100", "--rate", "sample=9").stderr == "sirev: error: --gpu and --rate: only with --plan\n"
    assert "--rate train: an evaluation trains nothing" in command(*asked, "--plan", "--rate", "train=9").stderr
    assert "--remote: not with --plan" in command(*asked, "--plan", "--remote", "folder").stderr


def test_bad_input_ends_with_status_2_and_one_line(command: Command) -> None:
    done = command("evaluate", "mine", "--task", "gsm8k", "--step", "x=./nowhere", "--store", "store")
    assert (done.returncode, done.stdout) == (2, "")
    assert "step x: there is no folder ./nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1
