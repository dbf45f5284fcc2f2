from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import sirev
from sirev.store.runs import step_title
from tests.conftest import SIREV, Command, Study, tree

EXACT = ("--set", "evaluation.grader=exact")


def test_regrade_counts_by_step_and_lists_twenty_flips(command: Command, smoke: Study, smoke_copy: Path) -> None:
    run = smoke.of("sft").id
    done = command("regrade", "tiny_smoke-sft-s0", *EXACT, "--store", smoke_copy)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d+ steps cached, \d+ computed, \d+\.\d s$", done.stderr, re.M)
    found = sirev.regrade(run, overrides=["evaluation.grader=exact"], store=smoke_copy)
    assert f"{run}, regraded" in done.stdout
    for step in found.steps:
        counts = (step.answers, step.right_before, step.right_after, step.right_to_wrong, step.wrong_to_right, step.other_reasons)
        assert re.search(rf"^ {step_title(step.step)} +{' +'.join(map(str, counts))} *$", done.stdout, re.M)
    total = sum(len(step.flips) for step in found.steps)
    assert total > 20
    assert f"Flipped: {total}" in done.stdout
    assert done.stdout.count("right → wrong") == 1 + 20  # a note, and the flips
    assert done.stdout.splitlines()[-1] == f"{total - 20} more; --format csv and --format json list all."


@pytest.mark.slow
def test_csv_and_json_list_every_flip(command: Command, smoke: Study, smoke_copy: Path) -> None:
    run = smoke.of("sft").id
    found = sirev.regrade(run, overrides=["evaluation.grader=exact"], store=smoke_copy)
    flips = [(s.step, f.problem, str(f.draw), f.before, f.after) for s in found.steps for f in s.flips]
    listed = command("regrade", run, *EXACT, "--store", smoke_copy, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(listed)))
    assert [tuple(row[field] for field in ("step", "problem", "draw", "before", "after")) for row in rows] == flips
    assert {row["run"] for row in rows} == {run}
    told = json.loads(command("regrade", run, *EXACT, "--store", smoke_copy, "--format", "json").stdout)
    assert (told["schema"], told["run"], told["missing"], told["computed"]) == (1, run, {}, [])
    assert [
        (s["step"], f["problem"], str(f["draw"]), f["before"], f["after"]) for s in told["steps"] for f in s["flips"]
    ] == flips
    assert [s["right_after"] for s in told["steps"]] == [s.right_after for s in found.steps]
    table = command("regrade", run, *EXACT, "--store", smoke_copy, "--format", "markdown").stdout
    assert "| 1:grade/greedy | 24 |" in table


def test_where_nothing_flipped_it_says_so_and_writes_nothing(command: Command, smoke: Study) -> None:
    before = tree(smoke.store.path)
    done = command("regrade", smoke.of("dpo").id, "--store", smoke.store.path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "Nothing flipped."
    assert "0 computed" in done.stderr
    assert tree(smoke.store.path) == before


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_answers_that_are_gone_are_one_line_in_every_format(command: Command, smoke: Study, smoke_copy: Path, form: str) -> None:
    (entry,) = smoke.artifact("sft", "sample/test/greedy:2").manifest["files"].values()
    sirev.Store(smoke_copy).objects.path(entry["sha256"]).unlink()
    done = command("regrade", smoke.of("sft").id, *EXACT, "--store", smoke_copy, "--format", form)
    assert done.returncode == 0
    lines = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if any(step in line for step in ("2:grade/greedy", "grade/greedy:2"))
    ]
    assert len(lines) == 1
    assert "its completions are no longer in the store" in lines[0]
    assert ("grade/greedy:1" if form in ("csv", "json") else "1:grade/greedy") in done.stdout


def test_bad_input_is_one_clear_line_and_status_2(command: Command, smoke: Study, tmp_path: Path) -> None:
    run = smoke.of("sft").id
    for arguments, words in (
        (["tiny_smoke-stf-s0"], "did you mean"),
        (["tiny_smoke"], "several runs"),
        ([run, "--set", "T=4"], "models and answers are held fixed"),
        ([run, "--set", "evaluation.grader=exakt"], "did you mean 'exact'"),
        ([run, "--format", "xml"], "unknown format 'xml'"),
        ([run, "--store", tmp_path / "empty"], "run first: sirev iterate --recipe tiny"),
        ([], "RUN"),
    ):
        done = command("regrade", *arguments, SIREV_STORE=str(smoke.store.path))
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("sirev: error: ")
        assert words in done.stderr
        assert (done.stderr.count("\n"), done.stdout) == (1, "")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_regrading_that_nobody_reads_to_the_end_is_no_error(smoke: Study, form: str) -> None:
    regrade = f"'{SIREV}' regrade {smoke.of('sft').id} --format {form} --store '{smoke.store.path}'"
    done = subprocess.run(["bash", "-c", f"{regrade} | true; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] in ("0", "141")
    assert done.stderr.count("\n") == 1  # how many steps were found


def test_ctrl_c_exits_130_and_the_same_command_goes_on(command: Command, smoke: Study, smoke_copy: Path) -> None:
    arguments = ["regrade", smoke.of("sft").id, *EXACT, "--store", smoke_copy]
    assert command(*arguments).returncode == 0
    store = sirev.Store(smoke_copy)
    grades = [record for record in store.records.all() if record.action["parameters"].get("grader") == "exact"]
    store.records.path(grades[-1].key, grades[-1].artifact).unlink()
    with store.lock(grades[-1].action):  # so that it waits, as for another process that is at it
        process = subprocess.Popen([SIREV, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        waits = process.stderr.readline().rstrip()
        process.send_signal(signal.SIGINT)
        last = process.stderr.read().rstrip()
        assert process.wait() == 130
    assert waits.endswith(f"waiting for process {os.getpid()} on {os.uname().nodename}")
    assert last == "sirev: interrupted; run the same command again to continue"
    assert "15 steps cached, 1 computed" in command(*arguments).stderr
