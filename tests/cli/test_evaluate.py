from __future__ import annotations

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


def test_bad_input_ends_with_status_2_and_one_line(command: Command) -> None:
    done = command("evaluate", "mine", "--task", "gsm8k", "--step", "x=./nowhere", "--store", "store")
    assert (done.returncode, done.stdout) == (2, "")
    assert "step x: there is no folder ./nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1
