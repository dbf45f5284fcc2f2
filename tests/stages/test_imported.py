from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from sirev.errors import BadInput
from sirev.parameters import keyed_parameters
from sirev.stages import grade, imported, sample, source
from sirev.stages.stage import Context
from sirev.store.artifacts import Artifact, Output
from sirev.store.store import Store
from sirev.store.tables import Table
from sirev.tasks.core import gsm8k
from sirev.tasks.rows import Row

ROWS = [
    {"id": "b", "text": "x", "correct": True, "tokens": 3, "finish": "length"},
    {"id": "a", "text": "z", "correct": False, "level": "2", "prompt": "A?", "gold": "7"},
    {"id": "b", "text": "y", "correct": False, "tokens": 4, "finish": "stop"},
]


class Heard:
    """As much of a stage's context as this one uses."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


def made(tmp_path: Path, rows: list[dict[str, Any]], inputs: Mapping[str, Artifact] | None = None, **asked: Any) -> Artifact:
    """What the stage makes of rows, in a store."""
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    parameters = imported.SamplesParameters("digest", ".jsonl", "auto", file=str(file), **asked)
    output = imported.STAGE.run(parameters, inputs or {}, cast(Context, Heard()))
    return Store(tmp_path / "store").publish(imported.STAGE.action(parameters, {}), output)


def test_the_tables_are_those_of_a_run(tmp_path: Path) -> None:
    artifact = made(tmp_path, ROWS)
    tables = artifact.manifest["tables"]
    assert tables["problems"]["columns"] == source.COLUMNS
    assert (tables["completions"]["columns"], tables["grades"]["columns"]) == (sample.COMPLETION_COLUMNS, grade.GRADE_COLUMNS)
    assert artifact.rows("problems") == [
        {"id": "a", "prompt": "A?", "target": "", "answer": "7", "level": "2"},
        {"id": "b", "prompt": "", "target": "", "answer": "", "level": ""},
    ]
    assert [tuple(row.values()) for row in artifact.rows("completions")] == [
        ("a", 0, "z", -1, ""),
        ("b", 0, "x", 3, "length"),
        ("b", 1, "y", 4, "stop"),
    ]
    assert [tuple(row.values()) for row in artifact.rows("grades")] == [
        ("a", 0, False, "wrong", ""),
        ("b", 0, True, "right", ""),
        ("b", 1, False, "wrong", ""),
    ]


def test_the_summary_says_what_a_repeat_need_not_read(tmp_path: Path) -> None:
    summary = made(tmp_path, ROWS).json("summary.json")
    counts = {"problems": 2, "completions": 3, "fewest": 1, "most": 2, "tokens": False, "finish": False, "reader": "rows"}
    assert counts.items() <= summary.items()
    assert {name: path for name, path in summary["fields"].items() if name in ("id", "gold")} == {"id": ["id"], "gold": ["gold"]}
    assert (summary["unused"], summary["numbered"]) == ({}, None)
    others = [{**row, "id": f"{row['id']}2"} for row in ROWS]
    assert made(tmp_path, others).json("summary.json")["ids"] != summary["ids"]
    assert made(tmp_path, ROWS[::-1]).json("summary.json") == summary


def test_a_completion_without_an_answer_has_that_reason(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": ["x", "y", "z"], "correct": [True, False, False], "answer": ["7", "8", None]}]
    grades = made(tmp_path, rows).rows("grades")
    assert [(row["reason"], row["answer"]) for row in grades] == [("right", "7"), ("wrong", "8"), ("no answer found", "")]


def test_a_task_leaves_the_verdicts_to_its_grader(tmp_path: Path) -> None:
    upstream = [Row(f"f:{i}", {"question": f"{i} + 1?", "answer": f"It is {i + 1}.\n#### {i + 1}"}) for i in range(3)]
    table = Table(source.COLUMNS, gsm8k.problems(upstream), ("id",))
    problems = Store(tmp_path / "store").publish({"stage": "dataset"}, Output(tables={"problems": table}))
    rows = [{"question": "2 + 1?", "response": "3"}, {"question": "0 + 1? ", "response": "1", "correct": True}]
    artifact = made(tmp_path, rows, {"problems": problems}, task="gsm8k", template="gsm8k")
    assert "grades" not in artifact.manifest["tables"]
    by_id = {row["id"]: row for row in problems.rows("problems")}
    found = {row["problem_id"]: row["text"] for row in artifact.rows("completions")}
    assert sorted((by_id[name]["answer"], text) for name, text in found.items()) == [("1", "1"), ("3", "3")]
    assert artifact.rows("problems") == [by_id[name] for name in sorted(found)]
    with pytest.raises(BadInput, match=r"rows.jsonl:1: the problem '9 \+ 1\?' is none of the 3"):
        made(tmp_path, [{"question": "9 + 1?", "response": "3"}], {"problems": problems}, task="gsm8k", template="gsm8k")


def test_with_others_it_is_narrowed_to_the_problems_that_all_have(tmp_path: Path) -> None:
    whole = made(tmp_path, [*ROWS, {"id": "c", "text": "x", "correct": True}])
    other = made(tmp_path, ROWS[:1])
    narrow = made(tmp_path, ROWS, {"samples": whole, "with/file:1": whole, "with/file:2": other})
    assert [row["id"] for row in narrow.rows("problems")] == ["b"]
    assert [row["text"] for row in narrow.rows("completions")] == ["x", "y"]
    assert [row["correct"] for row in narrow.rows("grades")] == [True, False]
    summary = narrow.json("summary.json")
    assert (summary["problems"], summary["completions"], summary["fewest"]) == (1, 2, 2)
    assert summary["fields"] == whole.json("summary.json")["fields"]
    stranger = made(tmp_path, [{"id": "z", "text": "x", "correct": True}])
    with pytest.raises(BadInput, match="--common: no problem is in every step"):
        made(tmp_path, ROWS, {"samples": whole, "with/file:1": whole, "with/file:2": stranger})


def test_where_a_file_lies_is_no_part_of_the_key() -> None:
    here, there = (imported.SamplesParameters("digest", ".jsonl", "auto", file=file) for file in ("a.jsonl", "b.jsonl"))
    assert (
        keyed_parameters(here) == keyed_parameters(there) == {"rows": "digest", "form": ".jsonl", "reader": "auto", "fields": {}}
    )


def test_golds_of_the_files_are_left_to_a_grader(tmp_path: Path) -> None:
    artifact = made(tmp_path, [{"id": "a", "text": "7", "gold": 7}], golds=True)
    assert "grades" not in artifact.manifest["tables"]
    assert [row["answer"] for row in artifact.rows("problems")] == ["7"]
    with pytest.raises(BadInput, match="no gold answer for a grader to compare with"):
        made(tmp_path, [{"id": "a", "text": "7"}], golds=True)


def test_null_responses_are_counted_and_have_no_answer(tmp_path: Path) -> None:
    artifact = made(tmp_path, [{"id": "a", "text": None, "correct": False}, {"id": "b", "text": "x", "correct": True}])
    assert artifact.json("summary.json")["failed"] == 1
    assert [row["reason"] for row in artifact.rows("grades")] == ["no answer found", "right"]


def test_splits_of_a_task_are_joined(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    inputs = {}
    for split, n in (("train", 1), ("test", 2)):
        rows = gsm8k.problems([Row("f:1", {"question": f"{n} + 1?", "answer": f"So.\n#### {n + 1}"})])
        table = Table(source.COLUMNS, rows, ("id",))
        inputs[f"problems/{split}"] = store.publish({"stage": "dataset", "split": split}, Output(tables={"problems": table}))
    rows = [{"question": f"{n} + 1?", "response": "x"} for n in (1, 2)]
    assert len(made(tmp_path, rows, inputs, task="gsm8k", template="gsm8k").rows("problems")) == 2
