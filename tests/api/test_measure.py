"""`sirev.measure` and `sirev measure`: completions from files, and the report of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.measure import MeasuredRun, StepRead, measure
from sirev.errors import BadInput
from sirev.reporting.headline import as_text, headline
from sirev.stages.stage import Stage
from sirev.store.provenance import now
from sirev.store.runs import Run
from sirev.store.store import Store
from tests.conftest import tree
from tests.listeners import Heard
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


def test_a_recipes_name_is_refused_since_a_report_of_it_would_be_about_two_things(tmp_path: Path) -> None:
    files = {"before": write(tmp_path / "a.jsonl", 10, 4), "after": write(tmp_path / "b.jsonl", 10, 7)}
    store = Store(tmp_path / "store")
    assert "'tiny' is a recipe's, and `sirev report tiny` would mean both" in refused("tiny", steps=files, store=store)
    assert not store.exists
    store.runs.save(Run("own-sft-s0-12345678", "own", "sft", 0, 1, {}, f"{now()}-abcdef"))
    assert "'own' is a recipe's" in refused("own", steps=files, store=store)
    assert measure("ow", steps=files, store=store).id == measure("ow", steps=files, store=store).id


def test_single_completions_are_greedy_answers(tmp_path: Path) -> None:
    files = {"before": write(tmp_path / "a.jsonl", 10, 4), "after": write(tmp_path / "b.jsonl", 10, 7)}
    found = measure("mine", steps=files, store=tmp_path / "store")
    assert [i["pass_at_1"]["value"] for i in found.iterations] == [0.4, 0.7]
    assert [i["improvement_set"]["size"] for i in found.iterations] == [0, 3]
    assert found.iterations[1]["lost_set"]["size"] == 0
    assert all(value["value"] is None and value["reason"] for value in found.iterations[1]["pass_at_n"].values())
    assert found.read[0] == StepRead(
        "before", "greedy", (str(files["before"]),), 10, 1, 1, {"id": "id", "text": "completion", "correct": "correct"}
    )
    assert found.steps == ("before", "after")
    assert ": before to after, pass@1 " in repr(found)


def test_several_completions_are_draws(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=4), "M2": write(tmp_path / "b.jsonl", 10, 7, draws=2)}
    found = measure("mine", steps=files, store=tmp_path / "store")
    first, second = found.iterations
    assert (first["mean_accuracy"]["value"], second["mean_accuracy"]["value"]) == (0.4, 0.7)
    assert second["pass_at_n"]["2"]["value"] == 0.7
    assert (first["pass_at_1"], second["pass_at_1"]) == (first["mean_accuracy"], second["mean_accuracy"])
    assert [(one.step, one.taken, one.problems, one.most) for one in found.read] == [
        ("M1", "draws", 10, 4),
        ("M2", "draws", 10, 2),
    ]
    greedy = {"M1": write(tmp_path / "c.jsonl", 10, 5), "M2": write(tmp_path / "d.jsonl", 10, 6)}
    both = measure("mine", steps=files, greedy=greedy, store=tmp_path / "store")
    assert [i["pass_at_1"]["value"] for i in both.iterations] == [0.5, 0.6]
    assert both.iterations[1]["mean_accuracy"]["value"] == 0.7
    assert [one.taken for one in both.read] == ["draws", "greedy"] * 2
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


def test_a_grader_of_the_users_own_is_known_by_the_content_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "task.jsonl").write_text("".join(json.dumps({"question": f"{i}?", "answer": str(i)}) + "\n" for i in range(4)))
    files = {}
    for step, right in (("M1", 1), ("M2", 3)):
        rows = [{"question": f"{i}?", "output": f"{i + 10 * (i >= right)}"} for i in range(4)]
        files[step] = tmp_path / f"{step}.jsonl"
        files[step].write_text("".join(json.dumps(row) + "\n" for row in rows))
    judge = tmp_path / "judge.py"
    judge.write_text("def same(completion, answer):\n    return completion == answer\n")
    options: dict[str, Any] = {"task": "jsonl", "data": tmp_path / "task.jsonl", "store": tmp_path / "store"}

    def measured(name: str = "same") -> MeasuredRun:
        return measure("mine", steps=files, grader=f"{judge}:{name}", **options)

    found = measured()
    assert [i["pass_at_1"]["value"] for i in found.iterations] == [0.25, 0.75]
    assert measured().computed == ()
    judge.write_text("def same(completion, answer):\n    return True\n")
    again = measured()
    assert [i["pass_at_1"]["value"] for i in again.iterations] == [1, 1]
    assert not any(step.startswith(("samples", "sample", "task")) for step in again.computed)
    (record, *_) = [one for one in sirev.Store(tmp_path / "store").records.all() if one.action["stage"] == "grade"]
    assert record.action["parameters"].keys() == {"grader", "grader_version", "seconds", "function", "code"}
    assert record.action["parameters"]["function"] == "same"
    with pytest.raises(BadInput, match=r"judge\.py has no function 'other' \(there: same\)"):
        measured("other")
    judge.unlink()
    assert measured().computed == ()
    nowhere = refused("mine", steps=files, grader="nowhere.py:same", **options)
    assert nowhere == "grader.function: 'nowhere.py:same' is neither a file nor an importable module, followed by :FUNCTION"


def test_problems_that_differ_are_named(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": write(tmp_path / "b.jsonl", 12, 7)}
    line = refused("mine", steps=files, store=tmp_path / "store")
    assert line.startswith(f"{files['M2']}: M2 has other problems than M1 (12 and 10): 2 only in M2, such as 'p10'")
    files["M2"] = write(tmp_path / "b.jsonl", 9, 7)
    assert "1 only in M1, such as 'p09'" in refused("mine", steps=files, store=tmp_path / "store")
    files["M2"] = write(tmp_path / "b.jsonl", 10, 7)
    several = {"M2": write(tmp_path / "c.jsonl", 10, 7, draws=3)}
    line = refused("mine", steps=files, greedy=several, store=tmp_path / "store")
    assert f"--greedy M2={several['M2']}: expected one greedy answer per problem, and the problem 'p00' has 3" in line


def test_the_problems_that_all_steps_have_can_be_compared(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=2), "M2": write(tmp_path / "b.jsonl", 8, 7, draws=2)}
    assert refused("mine", steps=files, store=tmp_path / "store").endswith("--common compares the 8 problems that every step has")
    listener = Heard()
    found = measure("mine", steps=files, common=True, store=tmp_path / "store", listener=listener)
    assert [i["pass_at_1"]["value"] for i in found.iterations] == [0.5, 0.875]
    assert [one.problems for one in found.read] == [8, 8]
    assert "--common: 8 problems that every step has; left out: M1 2" in listener.notes
    assert measure("mine", steps=files, common=True, store=tmp_path / "store").computed == ()
    same = {"M1": files["M1"], "M2": write(tmp_path / "c.jsonl", 10, 7, draws=2)}
    assert not any("common" in step for step in measure("mine", steps=same, common=True, store=tmp_path / "store").computed)


def test_other_ids_of_the_same_questions_are_mended_by_the_option_that_is_named(tmp_path: Path) -> None:
    files = {}
    for step, prefix in (("M1", "p"), ("M2", "q")):
        rows = [{"id": f"{prefix}{i}", "question": f"What is {i}?", "output": "x", "correct": i < 3} for i in range(6)]
        files[step] = tmp_path / f"{step}.jsonl"
        files[step].write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = refused("mine", steps=files, store=tmp_path / "store")
    assert line.endswith("their questions are the same, so let them name the problems: --id question")
    found = measure("mine", steps=files, fields={"id": "question"}, store=tmp_path / "store")
    assert found.iterations[0]["pass_at_1"]["value"] == 0.5


def test_ids_that_name_completions_are_refused_or_shouted_about(tmp_path: Path) -> None:
    def files(**more: Any) -> dict[str, Path]:
        made = {}
        for step in ("M1", "M2"):
            rows = [
                {"id": f"p{i:03d}_{k}", "completion": step, "correct": k < 3, **dict.fromkeys(more, f"{i}?")}
                for i in range(40)
                for k in range(8)
            ]
            made[step] = tmp_path / f"{step}{len(more)}.jsonl"
            made[step].write_text("".join(json.dumps(row) + "\n" for row in rows))
        return made

    known = files(question=True)
    assert "320 ids but 40 different questions, each under 8 ids" in refused("mine", steps=known, store=tmp_path / "store")
    grouped = measure("mine", steps=known, fields={"id": "question"}, store=tmp_path / "store")
    assert [(one.problems, one.most) for one in grouped.read] == [(40, 8), (40, 8)]
    listener = Heard()
    measure("mine", steps=files(), store=tmp_path / "store", listener=listener)
    (warning,) = listener.warnings
    assert warning.startswith("M1, M2: the 320 ids are 40 names with 8 numbers each, such as 'p000_0' and 'p000_1'")
    assert "--id FIELD" in warning
    again = Heard()
    measure("mine", steps=files(), store=tmp_path / "store", listener=again)
    assert again.warnings == listener.warnings


def test_greedy_answers_of_some_steps_alone_are_refused(tmp_path: Path) -> None:
    files = {step: write(tmp_path / f"{step}.jsonl", 10, 4, draws=4, step=step) for step in ("M1", "M2", "M3")}
    greedy = {"M1": write(tmp_path / "g.jsonl", 10, 5)}
    line = refused("mine", steps=files, greedy=greedy, store=tmp_path / "store")
    assert line.startswith("--greedy: M1 has greedy answers and M2, M3 have none")
    assert "--greedy M2=FILE" in line
    single = {"M1": files["M1"], "M2": write(tmp_path / "s.jsonl", 10, 7)}
    found = measure("mine", steps=single, greedy=greedy, store=tmp_path / "store")
    assert [i["pass_at_1"]["value"] for i in found.iterations] == [0.5, 0.7]


def test_one_completion_beside_draws_is_shouted_about_unless_it_is_a_draw(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=8), "M2": write(tmp_path / "b.jsonl", 10, 7)}
    listener = Heard()
    found = measure("mine", steps=files, store=tmp_path / "store", listener=listener)
    (warning,) = listener.warnings
    assert warning.startswith("M1 has 8 draws per problem; M2 has one completion per problem, taken as the greedy answer")
    assert "--greedy M1=FILE" in warning
    assert "--single draw" in warning
    assert found.iterations[1]["against_m1"]["pass_at_1"]["difference"]["value"] is None
    drawn = measure("mine", steps=files, single="draw", store=tmp_path / "store", listener=(quiet := Heard()))
    assert quiet.warnings == []
    assert drawn.iterations[1]["against_m1"]["pass_at_1"]["difference"]["value"] == pytest.approx(0.3)
    assert drawn.iterations[1]["against_m1"]["pass_at_n"]["difference"]["reason"] == "fewer than 2 draws"
    assert "did you mean 'draw'" in refused("mine", steps=files, single="draws", store=tmp_path / "store")


def test_several_files_of_a_step_are_its_draws(tmp_path: Path) -> None:
    for seed in range(3):
        write(tmp_path / f"m1-rs{seed}.jsonl", 10, 4, seed=seed)
    two = [write(tmp_path / f"m2-{seed}.jsonl", 10, 7, seed=seed) for seed in range(2)]
    found = measure("mine", steps={"M1": tmp_path / "m1-*.jsonl", "M2": two}, store=tmp_path / "store")
    assert [(one.taken, len(one.files), one.most) for one in found.read] == [("draws", 3, 3), ("draws", 2, 2)]
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in two:
        path.rename(folder / path.name)
    moved = measure("mine", steps={"M1": str(tmp_path / "m1-*.jsonl"), "M2": folder}, store=tmp_path / "store")
    assert (moved.id, moved.computed) == (found.id, ())


def test_the_same_file_given_twice_is_noticed(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a.jsonl", 10, 4, draws=2), write(tmp_path / "b.jsonl", 10, 7, draws=2)
    line = refused("mine", steps={"M1": [one, one], "M2": two}, store=tmp_path / "store")
    assert line == f"M1: {one} is given twice; its completions would count twice"
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(one.read_bytes())
    line = refused("mine", steps={"M1": [one, copy], "M2": two}, store=tmp_path / "store")
    assert line == f"M1: {copy} holds the same as {one}; its completions would count twice"
    listener = Heard()
    measure("mine", steps={"M1": one, "M2": copy}, store=tmp_path / "store", listener=listener)
    assert listener.warnings == [
        f"--step M1={one} and --step M2={copy} hold the same completions, read in the same way: nothing can differ between them."
    ]


def test_fields_that_were_not_used_and_measures_that_can_not_be_had_are_noted(tmp_path: Path) -> None:
    listener = Heard()
    files = {step: write(tmp_path / f"{step}.jsonl", 40, 20 + t, draws=8, answer="7") for t, step in enumerate(("M1", "M2"))}
    measure("mine", steps=files, store=tmp_path / "store", listener=listener)
    assert listener.notes[0].startswith("field 'answer' was not used; if it is meant, name it: --gold answer")
    assert "there are 8 draws per problem, all of which must be correct" in listener.notes[1]
    few = {step: write(tmp_path / f"few{step}.jsonl", 10, 4 + t, draws=16) for t, step in enumerate(("M1", "M2"))}
    measure("mine", steps=few, store=tmp_path / "store", listener=(other := Heard()))
    assert [note.rpartition(": ")[2] for note in other.notes] == ["there are 10 problems"]


def test_what_is_refused_or_fails_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = sirev.Store(tmp_path / "store")
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=2), "M2": write(tmp_path / "b.jsonl", 9, 7, draws=2)}
    for _ in range(2):
        refused("mine", steps=files, store=store)
        assert store.runs.all() == []

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    write(files["M2"], 10, 7, draws=2)
    monkeypatch.setattr("sirev.api.measure.measures.STAGE", Stage("measure", 1, object, interrupted, place=0))
    with pytest.raises(KeyboardInterrupt):
        measure("mine", steps=files, store=store)
    assert store.runs.all() == []
    monkeypatch.undo()
    found = measure("mine", steps=files, store=store)
    assert [(run.id, run.status) for run in store.runs.all()] == [(found.id, "complete")]


def test_three_seeds_of_one_model_are_three_draws(tmp_path: Path) -> None:
    folder = DATA / "samples"
    if not (folder / "nemo_output-rs0.jsonl").is_file():
        pytest.skip(f"no nemo_output-rs0.jsonl in {folder}; set SIREV_TEST_DATA to a folder of the published data sets")
    fields = {"id": "problem", "text": "generation", "correct": "symbolic_correct"}
    steps = {"one": [folder / f"nemo_output-rs{seed}.jsonl" for seed in (0, 1)], "all": folder / "nemo_output-rs*.jsonl"}
    found = measure("nemo", steps=steps, fields=fields, store=tmp_path / "store")
    assert [one.most for one in found.read] == [2, 3]
    curve = found.iterations[1]["pass_at_n"]
    assert (round(curve["1"]["value"], 3), round(curve["2"]["value"], 3)) == (0.713, 0.853)


def test_bad_requests_are_one_clear_line_and_make_no_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": write(tmp_path / "b.jsonl", 10, 7)}
    assert "becomes part of files' names" in refused("a/b", steps=files, store=store)
    assert "up to 120 characters" in refused("a" * 121, steps=files, store=store)
    odd = tmp_path / os.fsdecode(b"\xffa.jsonl")
    odd.write_bytes(files["M1"].read_bytes())
    assert "has a path that is not UTF-8; rename it" in refused("mine", steps={**files, "M1": odd}, store=store)
    assert "name a step and its file" in refused("mine", steps={}, store=store)
    assert "there is no file" in refused("mine", steps={**files, "M3": tmp_path / "no.jsonl"}, store=store)
    assert "--greedy M3: no such step (known: M1, M2)" in refused("mine", steps=files, greedy={"M3": files["M1"]}, store=store)
    assert "a name that can be printed" in refused("mine", steps={**files, "\x1b[31m": files["M1"]}, store=store)
    assert "did you mean 'lm-eval'" in refused("mine", steps=files, reader="lmeval", store=store)
    assert "unknown kind 'maths'; did you mean 'math'" in refused("mine", steps=files, answers="maths", store=store)
    assert "did you mean 'gsm8k'" in refused("mine", steps=files, task="gsm8", store=store)
    assert "--data goes with --task" in refused("mine", steps=files, data="x", store=store)
    assert "--correct and --grader" in refused("mine", steps=files, grader="exact", fields={"correct": "x"}, store=store)
    assert "runs programs against tests, which are a task's" in refused("mine", steps=files, grader="mbpp", store=store)
    assert "--correct and --task" in refused("mine", steps=files, task="gsm8k", fields={"correct": "x"}, store=store)
    assert "--grader: missing" in refused("mine", steps=files, task="jsonl", data="x.jsonl", store=store)
    assert "mbpp grades programs" in refused("mine", steps=files, task="mbpp", grader="exact", store=store)
    assert "--data: missing" in refused("mine", steps=files, task="jsonl", grader="exact", store=store)
    assert "unknown grader 'exat'; did you mean 'exact'" in refused("mine", steps=files, task="gsm8k", grader="exat", store=store)
    assert "unknown split 'dev'" in refused("mine", steps=files, task="gsm8k", split="dev", store=store)
    assert "runs no programs" in refused("mine", steps=files, task="gsm8k", unsafe_code=True, store=store)
    assert "no grader runs programs here" in refused("mine", steps=files, unsafe_code=True, store=store)
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
    assert measure("openai", **asked).computed == ()


def rows_to(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def told_in_words(path: Path, problems: int, marked: int) -> Path:
    """Sums with their golds; the first `marked` answers end in "#### N", the others in words."""
    ends = [f"#### {2 * i}" if i < marked else f"The answer is {2 * i}." for i in range(problems)]
    return rows_to(path, [{"id": i, "completion": f"{i} + {i}\n{end}", "gold": str(2 * i)} for i, end in enumerate(ends)])


def screen_of(run: str, store: Path) -> str:
    """What `sirev report` shows of a run."""
    return as_text(headline(sirev.report(runs=[run], store=store).studies))


def test_one_step_alone_is_measured_and_not_compared(tmp_path: Path) -> None:
    found = measure("mine", steps={"M1": write(tmp_path / "a.jsonl", 10, 4, draws=4)}, k=[3], store=tmp_path / "store")
    (only,) = found.iterations
    assert (only["mean_accuracy"]["value"], only["pass_at_n"]["3"]["value"]) == (0.4, 0.4)
    screen = screen_of(found.id, tmp_path / "store")
    assert "pass@3" in screen
    assert "→" not in screen.splitlines()[0]


def test_files_without_verdicts_are_graded_by_their_golds(tmp_path: Path) -> None:
    heard = Heard()
    files = {"M1": told_in_words(tmp_path / "a.jsonl", 12, 12)}
    found = measure("mine", steps=files, store=tmp_path / "store", listener=heard)
    assert found.iterations[0]["pass_at_1"]["value"] == 1.0
    assert any("compares them with the gold answers of the file" in note for note in heard.notes)


def test_a_reader_that_does_not_fit_is_said_at_once_and_at_the_end_and_first_in_a_report(tmp_path: Path) -> None:
    heard, store = Heard(), tmp_path / "store"
    files = {"M1": told_in_words(tmp_path / "a.jsonl", 12, 2), "M2": told_in_words(tmp_path / "b.jsonl", 12, 12)}
    options: dict[str, Any] = {"steps": files, "grader": "gsm8k_strict", "store": store}
    found = measure("mine", **options, listener=heard)
    (warned,) = [text for text in heard.warnings if "read no answer" in text]
    assert "gsm8k_strict read no answer in 10 of 12 answers (83.3%)" in warned
    assert "--grader gsm8k_flexible" in warned
    assert warned.count("The answer is") == 3
    again = Heard()
    measure("mine", **options, listener=again)
    assert any(note.startswith("M1: gsm8k_strict read no answer in 10 of 12") for note in again.notes)
    screen = screen_of(found.id, store)
    assert "read no answer in 10 of 12" in " ".join(screen.splitlines()[1].split())
    assert "READ UNEVENLY" in screen
    assert "of the answers read 100.0 → 100.0% are correct" in " ".join(screen.split())


def test_readings_alike_are_not_mentioned(tmp_path: Path) -> None:
    files = {"M1": told_in_words(tmp_path / "a.jsonl", 12, 12), "M2": told_in_words(tmp_path / "b.jsonl", 12, 12)}
    found = measure("mine", steps=files, grader="gsm8k_strict", store=tmp_path / "store")
    screen = screen_of(found.id, tmp_path / "store")
    assert "READ UNEVENLY" not in screen
    assert "read no answer" not in screen


def test_null_responses_are_called_failed_requests(tmp_path: Path) -> None:
    heard = Heard()
    rows = [{"id": i, "response": None if i < 3 else "x", "correct": i > 4} for i in range(10)]
    found = measure("mine", steps={"M1": rows_to(tmp_path / "a.jsonl", rows)}, store=tmp_path / "store", listener=heard)
    assert found.iterations[0]["pass_at_1"]["value"] == 0.5
    assert any("3 of 10 completions are null: failed requests" in warning for warning in heard.warnings)


def test_programs_of_evalplus_run_against_the_tests_of_sanitized_mbpp(tmp_path: Path) -> None:
    task = {"code": "def f(x):\n    return x", "test_imports": [], "prompt": "Give back."}
    data = rows_to(tmp_path / "data.jsonl", [{**task, "task_id": i, "test_list": [f"assert f({i}) == {i}"]} for i in (2, 3, 600)])
    answers = [{"task_id": f"Mbpp/{i}", "solution": f"def f(x):\n    return {'x' if i != 3 else '0'}"} for i in (2, 3, 600)]
    heard = Heard()
    files = {"M1": rows_to(tmp_path / "samples.jsonl", answers)}
    found = measure("mine", steps=files, data=data, store=tmp_path / "store", listener=heard)
    assert round(found.iterations[0]["pass_at_1"]["value"], 3) == 0.667
    assert any("against the tests of mbpp_sanitized" in note for note in heard.notes)
    run = sirev.Store(tmp_path / "store").runs.get(found.id)
    assert run is not None
    assert run.settings["task"]["grader"]["seconds"] == 5


def test_all_splits_of_a_task_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "gsm8k"
    folder.mkdir()
    for split, n in (("train", 3), ("test", 4)):
        rows_to(folder / f"{split}.jsonl", [{"question": f"{split} {n}?", "answer": f"So it is.\n#### {n}"}])
    answers = [{"question": f"{split} {n}?", "completion": f"#### {n}"} for split, n in (("train", 3), ("test", 4))]
    files = {"M1": rows_to(tmp_path / "a.jsonl", answers)}
    found = measure("mine", steps=files, task="gsm8k", data=folder, split="all", store=tmp_path / "store")
    assert (found.read[0].problems, found.iterations[0]["pass_at_1"]["value"]) == (2, 1.0)


def test_margins_and_settings_of_a_grader_are_the_users(tmp_path: Path) -> None:
    files = {"M1": told_in_words(tmp_path / "a.jsonl", 12, 12), "M2": told_in_words(tmp_path / "b.jsonl", 12, 12)}
    options: dict[str, Any] = {"steps": files, "grader": "gsm8k_flexible", "store": tmp_path / "store"}
    found = measure("mine", **options, margin=0.2, grader_settings={"seconds": 3})
    study = sirev.report(runs=[found.id], store=tmp_path / "store").studies[0]
    assert study["settings"]["margin"] == 0.2
    assert found.id != measure("mine", **options).id
    assert "no setting 'secnds'; did you mean 'seconds'" in refused("mine", **options, grader_settings={"secnds": 3})
    assert "--grader-set seconds=-1" in refused("mine", **options, grader_settings={"seconds": -1})
    assert "--k: 0 is not a number of draws" in refused("mine", **options, k=[0])
    assert "--margin: 3 must be a share" in refused("mine", **options, margin=3.0)


def test_a_steps_name_may_be_so_long_and_no_longer(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", 10, 4)
    assert "a name of 250 characters" in refused("mine", steps={"n" * 250: file}, store=tmp_path / "store")


@pytest.mark.parametrize("name", ["inspect_log_formats.json", "qwen25coder_1.5b_mbpp_eval_results.json", "nemo_output-rs*.jsonl"])
def test_published_logs_are_measured_without_options(tmp_path: Path, name: str) -> None:
    if not list((DATA / "samples").glob(name)):
        pytest.skip(f"no {name} in {DATA / 'samples'}; set SIREV_TEST_DATA to a folder of the published data sets")
    found = measure("mine", steps={"M1": DATA / "samples" / name}, store=tmp_path / "store")
    assert found.iterations[0]["pass_at_1"]["value"] is not None


def test_a_step_without_a_right_answer_is_warned_about(tmp_path: Path) -> None:
    heard = Heard()
    rows = [{"id": i, "text": "Yes.", "gold": "Yes"} for i in range(5)]
    measure("mine", steps={"M1": rows_to(tmp_path / "a.jsonl", rows)}, store=tmp_path / "store", listener=heard)
    assert "M1: exact finds no answer correct; check what it read before you trust that" in heard.warnings
