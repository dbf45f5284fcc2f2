from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command, Study

SLOWER = ("--set", "training.sft.learning_rate=1e-4")


def test_the_first_misses_are_told_with_their_causes(command: Command, smoke: Study) -> None:
    told = command("why", "--recipe", "tiny_smoke", "--store", smoke.store.path, *SLOWER)
    assert (told.returncode, told.stderr) == (0, "")
    first, blank, *rest = told.stdout.splitlines()
    assert first.startswith("tiny_smoke: 3 runs, ")
    assert " hit, " in first
    assert blank == ""
    assert rest[0] == "2:train  miss (sft)"
    assert rest[1] == "  learning_rate 0.002 -> 0.0001"
    assert rest[3].startswith(f"  nearest: {smoke.of('sft').id}:2:train, made 2")
    assert rest[4].endswith(" later steps depend on it")


def test_a_finished_study_is_two_lines(command: Command, smoke: Study) -> None:
    lines = command("why", "--recipe", "tiny_smoke", "--store", smoke.store.path).stdout.splitlines()
    assert "all hits, made 2" in lines[0]
    assert len(lines) == 2


def test_a_step_that_is_named_is_told_in_full(command: Command, smoke: Study) -> None:
    told = command("why", "train:2", "--recipe", "tiny_smoke", "--store", smoke.store.path, *SLOWER).stdout.splitlines()
    assert told[0] == "2:train  miss (sft)"
    hit = told.index("2:train  hit (dpo, sft-dpo)")
    digest = smoke.artifact("dpo", "train:2").digest
    assert told[hit + 1].startswith(f"  artifact {digest[:12]}, made 2")
    assert " here in " in told[hit + 1]


@pytest.mark.slow
def test_a_step_is_addressed_as_it_is_printed(command: Command, smoke: Study) -> None:
    asked = ("--recipe", "tiny_smoke", "--store", smoke.store.path)
    told = command("why", "2:train", *asked).stdout
    assert told == command("why", "train:2", *asked).stdout
    of_one = command("why", f"{smoke.of('dpo').id}:2:train", *asked).stdout
    assert of_one.startswith("2:train  hit (dpo, sft-dpo)\n")
    assert of_one in told
    assert of_one != told


def test_seeds_tell_runs_apart(command: Command, smoke: Study) -> None:
    told = command("why", "1", "--recipe", "tiny_smoke", "--store", smoke.store.path, "--seed", 0, "--seed", 1).stdout
    assert "1:train  hit (sft seed 0, dpo seed 0, sft-dpo seed 0)" in told
    assert "1:sample/test  miss (sft seed 1, dpo seed 1, sft-dpo seed 1)\n  seed 0 -> 1\n" in told


def test_json_has_every_step_or_those_that_were_named(command: Command, smoke: Study) -> None:
    asked = ("--recipe", "tiny_smoke", "--store", smoke.store.path, "--format", "json", *SLOWER)
    every, named = (json.loads(command("why", *which, *asked).stdout) for which in ([], ["train"]))
    assert len(every["steps"]) == sum(every["total"].values())
    assert {step["stage"] for step in named["steps"]} == {"train"}
    assert named["total"] == every["total"]


def test_bad_input_is_one_line_with_status_2(command: Command, smoke: Study, tmp_path: Path) -> None:
    for arguments in (["trian"], ["--format", "yaml"]):
        told = command("why", *arguments, "--recipe", "tiny_smoke", "--store", smoke.store.path)
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert command("why", "--recipe", "tiny_smoke", "--store", tmp_path / "none").returncode == 0
    assert not (tmp_path / "none").exists()


def test_a_plan_says_why_below_its_table(command: Command, smoke: Study) -> None:
    told = command("plan", "--recipe", "tiny_smoke", "--store", smoke.store.path, *SLOWER).stdout
    assert "Because   2:train: learning_rate 0.002 -> 0.0001; likewise 3:train; " in told
    again = command("plan", "--recipe", "tiny_smoke", "--store", smoke.store.path, "--redo", "train:2").stdout
    assert "2:train: --redo asks for another realisation, whatever is stored; " in again
