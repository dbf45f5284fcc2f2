"""A store from somebody else can lie, but it cannot run code: not without the flag of whoever runs the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sirev.api.recompute import recompute
from sirev.api.regrade import regrade
from sirev.recipe import load_recipe
from sirev.stages import dataset, grade, sample, source
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import sealed, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table
from sirev.tasks.load import DatasetParameters
from tests.conftest import SIREV

ALLOW = "--allow-unsafe-code"
WITHOUT_LANDLOCK = """
import errno, os, struct, sys
from sirev.grading.sandbox import kernel
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | errno.ENOSYS), (0x06, 0, 0, 0x7FFF0000)]
kernel.no_new_privileges()
kernel.Filter(b"".join(struct.pack("=HBBI", *one) for one in code), []).set(0)
os.execv(sys.argv[1], sys.argv[1:])
"""
SAMPLED = {"problem_id": "string", "draw": "int", "text": "string", "tokens": "int", "finish": "string"}

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is no sandbox to take away")


def without_landlock(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `sirev` as on a kernel that lacks what confines programs."""
    call = [sys.executable, "-c", WITHOUT_LANDLOCK, SIREV, *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=300, env={**os.environ, "NO_COLOR": "1"})


def pinned(store: Store, stage: Stage, parameters: Any, inputs: dict[str, Artifact], output: Output) -> tuple[Pin, Artifact]:
    """Something that a stage is said to have made."""
    given = {name: artifact.semantic for name, artifact in inputs.items()}
    if isinstance(parameters, dict):
        action = {"stage": stage.name, "version": stage.version, "parameters": parameters, "inputs": given}
    else:
        action = stage.action(parameters, given)
    artifact = store.publish(action, output)
    return Pin(action_key(action), artifact.digest), artifact


def problems(answer: str = "a") -> Output:
    row = {"id": "11", "prompt": "p", "target": "t", "answer": answer, "level": ""}
    return Output(tables={"problems": Table(source.COLUMNS, [row], ("id",))})


@pytest.fixture
def programs(tmp_path: Path) -> tuple[Store, Path]:
    """A run that says of itself that its programs need no sandbox, and the file that its one program makes."""
    store, made = Store(tmp_path / "store"), tmp_path / "made"
    settings = load_recipe("mistral_mbpp", ["evaluation.grader.sandbox=C"]).settings()
    tests = json.dumps({"tests": ["assert f(1) == 1"], "setup": ""})
    text = f"```python\nopen({str(made)!r}, 'w').close()\ndef f(x): return 1\n```"
    row = {"problem_id": "11", "draw": 0, "text": text, "tokens": 3, "finish": "stop"}
    asked = {"source": {"rows": {"hub": "x"}}, "options": {}}
    of_problems, rows = pinned(store, dataset.STAGE, asked, {}, problems(tests))
    answers = Output(tables={"completions": Table(SAMPLED, [row], ("problem_id", "draw"))})
    of_sample, completions = pinned(store, sample.STAGE, {"x": 1}, {}, answers)
    verdict = {"problem_id": "11", "draw": 0, "correct": False, "reason": "x", "answer": ""}
    grades = Output(tables={"grades": Table(grade.GRADE_COLUMNS, [verdict], ("problem_id", "draw"))})
    parameters = grade.GradeParameters("mbpp", grade.GRADERS["mbpp"].version, 17.0, 1024, "C", True)
    of_grade, _ = pinned(store, grade.STAGE, parameters, {"problems": rows, "completions": completions}, grades)
    pins = {"dataset/test": of_problems, "sample/test/greedy:1": of_sample, "grade/greedy:1": of_grade}
    store.runs.save(Run("study-sft-s0", "mistral_mbpp", "sft", 0, 1, settings, "2026", "complete", pins=pins))
    return store, made


@linux
def test_regrade_runs_no_program_unconfined_for_a_run_that_says_so(programs: tuple[Store, Path]) -> None:
    store, made = programs
    refused = without_landlock("regrade", "study", "--store", store.path)
    assert not made.exists()
    assert refused.returncode != 0
    assert ALLOW in refused.stderr
    assert "Traceback" not in refused.stderr
    other = ("--set", "evaluation.grader.seconds=9")  # else the verdict that is there is the answer
    allowed = without_landlock("regrade", "study", "--store", store.path, *other, ALLOW)
    assert (allowed.returncode, made.exists()) == (0, True), allowed.stderr


@linux
def test_verify_recomputes_no_program_unconfined_for_a_run_that_says_so(programs: tuple[Store, Path]) -> None:
    store, made = programs
    command = ("store", "verify", "--recompute", 5, "--store", store.path)
    refused = without_landlock(*command)
    assert not made.exists()
    assert f"1:grade/greedy: it asks for no sandbox, and programs run unconfined only with {ALLOW}" in refused.stdout
    allowed = without_landlock(*command, ALLOW)
    assert made.exists()
    assert "sirev: warning: model-written programs run UNCONFINED here" in allowed.stderr
    assert "1 of 2 deterministic steps recomputed: 1 differ" in allowed.stdout


def test_where_there_is_a_sandbox_regrade_uses_it(programs: tuple[Store, Path]) -> None:
    store, made = programs
    done = subprocess.run([SIREV, "regrade", "study", "--store", store.path], capture_output=True, text=True, timeout=300)
    assert not made.exists()
    graded = [one.action["parameters"]["sandbox"] for one in store.records.all() if one.action["stage"] == "grade"]
    assert graded in (["C", "B"], ["C"]), done.stderr  # the second where this machine has no sandbox, and it was refused


@pytest.mark.parametrize("form", ["as sirev records it", "without a name of the class"])
def test_verify_recompute_runs_no_class_of_the_stores(tmp_path: Path, form: str) -> None:
    store, made, code = Store(tmp_path / "store"), tmp_path / "made", tmp_path / "store" / "x.py"
    store.create()
    row = {"id": "11", "prompt": "p", "target": "t", "answer": "a"}
    code.write_text(f"open({str(made)!r}, 'w').close()\nclass Evil:\n    def problems(self, split): return [{row!r}]\n")
    if form == "as sirev records it":
        rows = {"rows": {"sha256": LocalFiles(store.objects).digest(code)}}
        options: dict[str, Any] = {"class": "Evil", "options": {}}
    else:
        bait = Path(f"{code}:Evil")
        bait.write_text("dummy")
        memory = {"path": str(bait), "digest": sha256(b"dummy"), "stats": {"": [0, 0, 0]}, "names": None}
        (store.path / "local").mkdir()
        (store.path / "local" / f"{sha256(str(bait).encode())[:32]}.json").write_bytes(sealed(memory))
        rows, options = {"class": {"sha256": sha256(b"dummy")}}, {"options": {}}
    parameters = DatasetParameters("python", "test", rows, "", options)
    pin, _ = pinned(store, dataset.STAGE, parameters, {}, problems())
    store.runs.save(Run("study-sft-s0", "x", "sft", 0, 1, {"env": "any"}, "2026", "complete", pins={"dataset/test": pin}))
    found = recompute(store, 5)
    assert found.skipped == {
        "study-sft-s0:dataset/test": "its rows come from a class, whose code runs only with --allow-unsafe-code"
    }
    assert not made.exists()
    allowed = recompute(store, 5, unsafe_code=True)
    if form == "as sirev records it":
        assert (allowed.alike, made.exists()) == (["study-sft-s0:dataset/test"], True)
    else:
        assert "its record is not one that sirev writes: KeyError" in allowed.skipped["study-sft-s0:dataset/test"]
        assert not made.exists()


@pytest.mark.parametrize(
    "parameters", [{}, {"task": "jsonl"}, {"task": "jsonl", "source": 5}, {"task": "jsonl", "source": {"rows": 5}}]
)
def test_a_record_that_lacks_what_a_stage_needs_is_one_line(tmp_path: Path, parameters: dict[str, Any]) -> None:
    store = Store(tmp_path / "store")
    pin, _ = pinned(store, dataset.STAGE, parameters, {}, problems())
    store.runs.save(Run("study-sft-s0", "x", "sft", 0, 1, {"env": "any"}, "2026", "complete", pins={"dataset/test": pin}))
    command = [SIREV, "store", "verify", "--recompute", "5", "--store", store.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "study-sft-s0:dataset/test: its record is not one that sirev writes: " in done.stdout


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Store, Path]:
    """A run that says of itself that a function grades, and the file that this function makes."""
    store, made, code = Store(tmp_path / "store"), tmp_path / "made", tmp_path / "store" / "evil.py"
    store.create()
    code.write_text(f"open({str(made)!r}, 'w').close()\ndef judge(completion, answer): return True\n")
    settings = load_recipe("mistral_gsm8k", [f"evaluation.grader={code}:judge"]).settings()
    row = {"problem_id": "11", "draw": 0, "text": "#### a", "tokens": 3, "finish": "stop"}
    of_problems, rows = pinned(store, dataset.STAGE, {"task": "gsm8k"}, {}, problems())
    answers = Output(tables={"completions": Table(SAMPLED, [row], ("problem_id", "draw"))})
    of_sample, completions = pinned(store, sample.STAGE, {"x": 1}, {}, answers)
    verdict = {"problem_id": "11", "draw": 0, "correct": False, "reason": "x", "answer": ""}
    grades = Output(tables={"grades": Table(grade.GRADE_COLUMNS, [verdict], ("problem_id", "draw"))})
    digest = LocalFiles(store.objects).digest(code)
    parameters = grade.GradeParameters("python", 1, 10.0, function="judge", code=digest)
    of_grade, _ = pinned(store, grade.STAGE, parameters, {"problems": rows, "completions": completions}, grades)
    pins = {"dataset/test": of_problems, "sample/test/greedy:1": of_sample, "grade/greedy:1": of_grade}
    store.runs.save(Run("study-sft-s0", "mistral_gsm8k", "sft", 0, 1, settings, "2026", "complete", pins=pins))
    return store, made


def test_verify_recompute_runs_no_function_of_the_stores(judged: tuple[Store, Path]) -> None:
    store, made = judged
    why = f"its grades come from a function, whose code runs only with {ALLOW}"
    assert recompute(store, 5).skipped["study-sft-s0:1:grade/greedy"] == why
    assert not made.exists()
    found = recompute(store, 5, unsafe_code=True)
    assert made.exists()
    assert [one.what for one in found.differences] == [
        "table 'grades': at problem_id '11', draw 0, correct is False and recomputing gives True"
    ]


def test_regrade_runs_no_function_of_the_stores_but_one_that_is_named(judged: tuple[Store, Path], tmp_path: Path) -> None:
    store, made = judged
    why = f"its grader is a function that the run names, whose code runs only with {ALLOW}"
    for overrides in ([], ["evaluation.grader.seconds=5"], ["evaluation.grader={name: python, seconds: 6}"]):
        found = regrade("study", overrides=overrides, store=store)
        assert (found.steps, found.missing) == ([], {"grade/greedy:1": why})
    assert not made.exists()
    mine = tmp_path / "mine.py"
    mine.write_text("def judge(completion, answer):\n    return completion.endswith(answer)\n")
    (step,) = regrade("study", overrides=[f"evaluation.grader={mine}:judge"], store=store).steps
    assert (step.wrong_to_right, made.exists()) == (1, False)
    (step,) = regrade("study", overrides=["evaluation.grader.seconds=7"], store=store, unsafe_code=True).steps
    assert (step.wrong_to_right, made.exists()) == (1, True)
