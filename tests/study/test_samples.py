"""`sirev.measure` and `sirev measure`: completions from files, and the report of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.errors import BadInput
from sirev.store.runs import Run
from sirev.study.invocation import Quiet
from sirev.study.samples import MeasuredRun, measure
from tests.conftest import tree
from tests.tasks.conftest import DATA

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def write(path: Path, problems: int, right: int, draws: int = 1, **more: Any) -> Path:
    """A file of `problems` problems in which the first `right` have every draw right, the others none."""
    rows = [
        {"id": f"p{i:02d}", "completion": f"{i} + {i} = {2 * i + (i >= right)}, draw {draw}", "correct": i < right, **more}
        for draw in range(draws)
        for i in range(problems)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        measure(*arguments, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


class Noting(Quiet):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, run: Run, text: str) -> None:
        self.notes.append(text)


def test_single_completions_are_greedy_answers(tmp_path: Path) -> None:
    files = {"before": write(tmp_path / "a.jsonl", 10, 4), "after": write(tmp_path / "b.jsonl", 10, 7)}
    listener = Noting()
    found = measure("mine", steps=files, store=tmp_path / "store", listener=listener)
    assert [i["pass_at_1"]["value"] for i in found.iterations] == [0.4, 0.7]
    assert [i["improvement_set"]["size"] for i in found.iterations] == [0, 3]
    assert found.iterations[1]["lost_set"]["size"] == 0
    assert all(value["value"] is None and value["reason"] for value in found.iterations[1]["pass_at_n"].values())
    assert listener.notes[0] == "before: 10 problems, one completion each, taken as the greedy answer"
    assert found.steps == ("before", "after")


def test_several_completions_are_draws(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=4), "M2": write(tmp_path / "b.jsonl", 10, 7, draws=2)}
    listener = Noting()
    found = measure("mine", steps=files, store=tmp_path / "store", listener=listener)
    first, second = found.iterations
    assert first["pass_at_1"]["value"] is None
    assert first["pass_at_1"]["reason"] == "no greedy answers were given"
    assert (first["mean_accuracy"]["value"], second["mean_accuracy"]["value"]) == (0.4, 0.7)
    assert second["pass_at_n"]["2"]["value"] == 0.7
    assert listener.notes == ["M1: 10 problems, 4 draws each", "M2: 10 problems, 2 draws each"]
    greedy = {"M1": write(tmp_path / "c.jsonl", 10, 5), "M2": write(tmp_path / "d.jsonl", 10, 6)}
    both = measure("mine", steps=files, greedy=greedy, store=tmp_path / "store")
    assert [i["pass_at_1"]["value"] for i in both.iterations] == [0.5, 0.6]
    assert both.iterations[1]["mean_accuracy"]["value"] == 0.7
    assert both.id != found.id


def test_a_repeat_finds_everything_and_writes_nothing(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": write(tmp_path / "b.jsonl", 10, 7)}
    first = measure("mine", steps=files, store=tmp_path / "store")
    before = tree(tmp_path / "store")
    again = measure("mine", steps=files, store=tmp_path / "store")
    assert again == MeasuredRun(first.id, first.steps, first.iterations, ())
    assert tree(tmp_path / "store") == before
    moved = {step: path.rename(tmp_path / f"moved{step}.jsonl") for step, path in files.items()}
    assert measure("mine", steps=moved, store=tmp_path / "store") == again
    files = moved
    write(files["M2"], 10, 8)
    changed = measure("mine", steps=files, store=tmp_path / "store")
    assert changed.id != first.id
    assert "samples/file:1" not in changed.computed
    assert changed.iterations[1]["pass_at_1"]["value"] == 0.8


def test_the_run_has_what_a_report_reads(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=4), "M2": write(tmp_path / "b.jsonl", 10, 7)}
    store = sirev.Store(tmp_path / "store")
    found = measure("mine", steps=files, store=store)
    run = store.runs.get(found.id)
    assert run is not None
    assert (run.recipe, run.method, run.seed, run.status) == ("mine", "samples", 0, "complete")
    assert run.settings["steps"] == ["M1", "M2"]
    assert run.settings["training"] == {"parameters": "none"}
    assert "a.jsonl" in json.dumps(run.settings)
    assert str(tmp_path) not in json.dumps(run.settings)
    for step, table in [
        ("source/test", "problems"),
        ("sample/test:1", "completions"),
        ("grade/draws:1", "grades"),
        ("sample/test/greedy:2", "completions"),
        ("grade/greedy:2", "grades"),
    ]:
        assert store.artifact(run.pins[step].artifact).rows(table), step


def test_a_task_grades(tmp_path: Path) -> None:
    problems = [{"id": f"p{i}", "question": f"{i} + {i}?", "answer": str(2 * i), "level": str(i % 2)} for i in range(6)]
    data = tmp_path / "task.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in problems))
    files = {}
    for step, right in (("M1", 2), ("M2", 5)):
        rows = [{"question": row["question"], "output": f"#### {i * 2 + (i >= right)}"} for i, row in enumerate(problems)]
        files[step] = tmp_path / f"{step}.jsonl"
        files[step].write_text("".join(json.dumps(row) + "\n" for row in rows))
    options: dict[str, Any] = {"task": "jsonl", "data": data, "grader": "final_number"}
    found = measure("mine", steps=files, store=tmp_path / "store", **options)
    assert [round(i["pass_at_1"]["value"], 3) for i in found.iterations] == [0.333, 0.833]
    assert found.iterations[0]["levels"]["1"]["n"] == 3
    other = measure("mine", steps=files, store=tmp_path / "store", **{**options, "grader": "exact"})
    assert [i["pass_at_1"]["value"] for i in other.iterations] == [0, 0]
    assert not any(step.startswith("samples") for step in other.computed)
    assert measure("mine", steps=files, store=tmp_path / "store", **options).computed == ()


def test_problems_that_differ_are_named(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": write(tmp_path / "b.jsonl", 12, 7)}
    line = refused("mine", steps=files, store=tmp_path / "store")
    assert line.startswith(f"{files['M2']}: M2 has other problems than M1 (12 and 10): 2 in M2 alone, such as 'p10'")
    files["M2"] = write(tmp_path / "b.jsonl", 9, 7)
    assert "1 in M1 alone, such as 'p09'" in refused("mine", steps=files, store=tmp_path / "store")
    files["M2"] = write(tmp_path / "b.jsonl", 10, 7)
    several = {"M2": write(tmp_path / "c.jsonl", 10, 7, draws=3)}
    line = refused("mine", steps=files, greedy=several, store=tmp_path / "store")
    assert f"--greedy M2={several['M2']}: a greedy answer is one a problem, and the problem 'p00' has 3" in line


def test_bad_requests_are_one_clear_line_and_make_no_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": write(tmp_path / "b.jsonl", 10, 7)}
    assert "becomes part of files' names" in refused("a/b", steps=files, store=store)
    assert "two steps at least" in refused("mine", steps={"M1": files["M1"]}, store=store)
    assert "there is no file" in refused("mine", steps={**files, "M3": tmp_path / "no.jsonl"}, store=store)
    assert "--greedy M3: no such step (known: M1, M2)" in refused("mine", steps=files, greedy={"M3": files["M1"]}, store=store)
    assert "a name that can be printed" in refused("mine", steps={**files, "\x1b[31m": files["M1"]}, store=store)
    assert "did you mean 'lm-eval'" in refused("mine", steps=files, reader="lmeval", store=store)
    assert "unknown kind 'maths'; did you mean 'math'" in refused("mine", steps=files, answers="maths", store=store)
    assert "did you mean 'gsm8k'" in refused("mine", steps=files, task="gsm8", store=store)
    assert "--data goes with --task" in refused("mine", steps=files, data="x", store=store)
    assert "--grader goes with --task" in refused("mine", steps=files, grader="exact", store=store)
    assert "--correct and --task" in refused("mine", steps=files, task="gsm8k", fields={"correct": "x"}, store=store)
    assert "--grader: missing" in refused("mine", steps=files, task="mbpp", store=store)
    assert "graded by mbpp" in refused("mine", steps=files, task="mbpp", grader="exact", store=store)
    assert "--data: missing" in refused("mine", steps=files, task="jsonl", grader="exact", store=store)
    assert "unknown grader 'exat'; did you mean 'exact'" in refused("mine", steps=files, task="gsm8k", grader="exat", store=store)
    assert "unknown split 'dev'" in refused("mine", steps=files, task="gsm8k", split="dev", store=store)
    assert "runs no programs" in refused("mine", steps=files, task="gsm8k", unsafe_code=True, store=store)
    assert "no grader that runs programs" in refused("mine", steps=files, unsafe_code=True, store=store)
    assert not (store / "runs").exists()


def test_a_broken_file_fails_before_anything_is_graded(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"id": "p00", "completion": "x"}\n')
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": tmp_path / "b.jsonl"}
    assert f"{files['M2']}:1: no field for the verdict" in refused("mine", steps=files, store=tmp_path / "store")


def test_programs_of_evalplus_are_compared_as_programs(tmp_path: Path) -> None:
    files = {}
    for step, status in (("M1", "fail"), ("M2", "pass")):
        programs = {
            f"HumanEval/{i}": [
                {"solution": f"def f(x):\n    return x + {k}\n", "base_status": status, "plus_status": status} for k in range(4)
            ]
            for i in range(3)
        }
        files[step] = tmp_path / f"{step}_eval_results.json"
        files[step].write_text(json.dumps({"eval": programs}, indent=1))
    store = sirev.Store(tmp_path / "store")
    found = measure("mine", steps=files, store=store)
    assert [i["mean_accuracy"]["value"] for i in found.iterations] == [0, 1]
    assert found.iterations[1]["diversity"]["correct"]["distinct_programs"]["value"] == 1
    assert found.iterations[1]["diversity"]["correct"]["distinct_equations"]["value"] is None


def test_the_four_published_models(tmp_path: Path) -> None:
    path = DATA / "labelled" / "gsm8k_openai_model_solutions.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {path.parent}; set SIREV_TEST_DATA to a folder of the published data sets")
    fields = {"id": "question", "text": "{step}.solution", "correct": "{step}.is_correct"}
    asked: dict[str, Any] = {"steps": dict.fromkeys(MODELS, path), "fields": fields, "store": tmp_path / "store"}
    found = measure("openai", **asked)
    right = [round(1319 * i["pass_at_1"]["value"]) for i in found.iterations]
    assert right == [286, 515, 458, 742]
    began = time.monotonic()
    assert measure("openai", **asked).computed == ()
    assert time.monotonic() - began < 2
