from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.recompute import recompute
from sirev.stages import STAGES, grade
from sirev.store.artifacts import Output
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table
from sirev.store.upkeep.verify import verify
from tests.conftest import Study, tree

EVERYTHING = 10_000
NAMES = {stage.name for stage in STAGES.values() if stage.deterministic}


def stage_of(step: str) -> str:
    return step.rpartition(":")[2].partition("/")[0]


def steps_of(store: Store) -> set[tuple[str, str]]:
    """Key and artifact of every pinned step of a deterministic stage."""
    pins = {(pin.key, pin.artifact) for run in store.runs.all() for pin in run.pins.values()}
    return {pin for pin in pins if (record := store.records.get(*pin)) and record.action["stage"] in NAMES}


def repinned(store: Store, run: Run, step: str, output: Output) -> None:
    """Put something else in the place of what a run made of a step, as somebody who lies would: every digest is right."""
    pin = run.pins[step]
    record = store.records.get(pin.key, pin.artifact)
    assert record is not None
    lie = store.publish(record.action, output)
    for one in store.runs.all():
        pins = {name: Pin(pin.key, lie.digest) if old == pin else old for name, old in one.pins.items()}
        store.runs.save(replace(one, pins=pins))


def test_every_deterministic_step_of_a_study_comes_out_the_same_and_nothing_is_written(smoke: Study) -> None:
    before = tree(smoke.store.path)
    found = recompute(smoke.store, EVERYTHING)
    assert (found.differences, found.skipped) == ([], {})
    assert len(found.alike) == found.deterministic == len(steps_of(smoke.store))
    assert {"source", "overlap", "select", "grade", "measure", "compare"} == {stage_of(step) for step in found.alike}
    assert tree(smoke.store.path) == before


def test_a_sample_is_spread_over_the_stages_and_a_larger_one_holds_it(smoke: Study) -> None:
    few, more = recompute(smoke.store, 6), recompute(smoke.store, 9)
    spread = dict.fromkeys(("source", "overlap", "select", "grade", "measure", "compare"), 1)
    assert Counter(stage_of(step) for step in few.alike) == spread
    assert more.alike[:6] == few.alike
    assert len(more.alike) == 9


def test_grades_that_lie_are_found_though_every_digest_is_right(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    honest = store.artifact(run.pins["grade/draws:2"].artifact)
    rows = honest.rows("grades")
    at = next(i for i, row in enumerate(rows) if not row["correct"])
    rows[at] = {**rows[at], "correct": True}
    repinned(store, run, "grade/draws:2", Output(tables={"grades": Table(grade.GRADE_COLUMNS, rows, ("problem_id", "draw"))}))
    assert verify(Store(smoke_copy)).whole
    found = recompute(Store(smoke_copy), EVERYTHING)
    (difference,) = found.differences
    assert difference.step.endswith(":2:grade/draws")
    where = f"problem_id {rows[at]['problem_id']!r}, draw {rows[at]['draw']}"
    assert difference.what == f"table 'grades': at {where}, correct is True and recomputing gives False"
    assert any("its input grades is not in the store" in why for why in found.skipped.values())  # measured from honest ones


def test_measures_that_lie_are_found_by_their_file(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("dpo", store)
    told = store.artifact(run.pins["measure/draws:2"].artifact).json("measures.json")
    told["problems"][0]["correct"] += 1
    repinned(store, run, "measure/draws:2", Output(files={"measures.json": json.dumps(told).encode()}))
    (difference,) = recompute(Store(smoke_copy), EVERYTHING).differences
    assert difference.step == f"{run.id}:2:measure/draws"
    assert difference.what.startswith("file 'measures.json' ")


def test_what_no_stage_could_have_made_does_not_come_out_at_all(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    pin = run.pins["grade/draws:2"]
    record = store.records.get(pin.key, pin.artifact)
    assert record is not None
    swapped = {"problems": record.action["inputs"]["completions"], "completions": record.action["inputs"]["problems"]}
    action = {**record.action, "inputs": swapped}
    lie = store.publish(action, Output(files={"grades": b""}))
    store.runs.save(replace(run, pins={**run.pins, "grade/draws:2": Pin(action_key(action), lie.digest)}))
    (difference,) = recompute(Store(smoke_copy), EVERYTHING).differences
    assert difference.what.startswith("it can't be recomputed: KeyError")


def test_steps_of_other_versions_and_with_lost_inputs_are_skipped_with_the_reason(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    pins = {}
    changes: dict[str, dict[str, Any]] = {
        "grade/greedy:1": {"version": 99},
        "grade/draws:1": {"parameters": {"grader": "final_number", "grader_version": 99}},
        "measure/draws:1": {"parameters": {"family": "accuracy", "family_version": 99}},
        "select:2": {"parameters": {"kind": "sft", "colour": "red"}},
        "grade/train:1": {"inputs": {"problems": "0" * 64, "completions": "1" * 64}},
        "measure/greedy:1": {"env": {"python": "2.7"}},
    }
    for name, change in changes.items():
        record = store.records.get(run.pins[name].key, run.pins[name].artifact)
        assert record is not None
        action = {**record.action, **change}
        pins[name] = Pin(action_key(action), store.publish(action, Output(files={"a": name.encode()})).digest)
    store.runs.save(replace(run, id="odd", pins=pins))
    found = recompute(Store(smoke_copy), EVERYTHING)
    assert found.differences == []
    assert {name: why for name, why in found.skipped.items() if name.startswith("odd:")} == {
        "odd:1:grade/greedy": "it was made by version 99 of the stage grade, not 1",
        "odd:1:grade/draws": "this sirev has no grader final_number of version 99",
        "odd:1:measure/draws": "this sirev has no measures accuracy of version 99",
        "odd:2:select": "this sirev knows no parameter colour of the stage select",
        "odd:1:grade/train": "its input completions is not in the store",
        "odd:1:measure/greedy": "it was made by other versions of the packages, which its recipe keys (env: strict)",
    }


def test_rows_of_the_users_are_read_again_as_long_as_they_are_as_they_were(tmp_path: Path) -> None:
    data = tmp_path / "task.jsonl"
    data.write_text(
        "".join(json.dumps({"id": f"p{i}", "question": f"What is {i}?", "answer": f"#### {i}"}) + "\n" for i in range(4))
    )
    files = {}
    for step, right in (("M1", 2), ("M2", 3)):
        rows = [{"id": f"p{i}", "completion": f"#### {i if i < right else -1}"} for i in range(4)]
        files[step] = tmp_path / f"{step}.jsonl"
        files[step].write_text("".join(json.dumps(row) + "\n" for row in rows))
    store = Store(tmp_path / "store")
    sirev.measure("mine", steps=files, task="jsonl", data=data, grader="final_number", store=store)
    found = recompute(store, EVERYTHING)
    assert (found.differences, found.skipped) == ([], {})
    assert {stage_of(step) for step in found.alike} == {"task", "grade", "measure", "compare"}
    away = data.rename(tmp_path / "away")
    os.mkfifo(data)
    found = recompute(store, EVERYTHING)
    assert found.differences == []
    (said,) = {*found.skipped.values()}
    assert said.startswith(f"the file that its rows came from can't be read: {data}: is a pipe")
    data.write_text(away.rename(data).read_text() + "\n")
    found = recompute(store, EVERYTHING)
    assert found.differences == []
    assert {*found.skipped.values()} == {"the file that its rows came from is no longer here, or has changed"}


def test_programs_that_nothing_confined_are_not_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    parameters = {"grader": "mbpp", "grader_version": 1, "seconds": 1.0, "memory_mb": 512, "sandbox": "C", "prelude": True}
    problems = store.publish({"stage": "source", "version": 0, "parameters": {}, "inputs": {}}, Output(files={"a": b"1"}))
    action = {"stage": "grade", "version": 1, "parameters": parameters, "inputs": {"problems": problems.semantic}}
    graded = store.publish(action, Output(files={"a": b"2"}))
    pins = {"source/test": Pin("0" * 64, problems.digest), "grade/draws:1": Pin(action_key(action), graded.digest)}
    store.runs.save(Run("code-sft-s0", "code", "sft", 0, 1, {"env": "any"}, "2026", "complete", pins=pins))
    why = "it asks for no sandbox, and programs run unconfined only with --allow-unsafe-code"
    assert recompute(store, EVERYTHING).skipped == {"code-sft-s0:1:grade/draws": why}


@pytest.mark.parametrize("count", [0, 1])
def test_no_more_steps_are_run_than_were_asked_for(smoke: Study, count: int) -> None:
    told: list[tuple[str, int, int]] = []
    found = recompute(smoke.store, count, lambda *at: told.append(at))
    assert len(found.alike) == count
    assert [(done, total) for _, done, total in told] == [(i, count) for i in range(count)]
