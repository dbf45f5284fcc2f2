from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sirev.study.external.unjudged import grader_for, how_to_judge


@pytest.mark.parametrize(
    ("golds", "grader"),
    [
        (["A", "E"], "letter"),
        (["1,234", "-5", "0.5"], "gsm8k_flexible"),
        (["\\frac{1}{2}", "x^2", "7", "\\text{even}"], "math"),
        (["Yes", "No"], "exact"),
        (["A", "7"], "exact"),
    ],
)
def test_the_grader_reads_answers_like_the_golds(golds: list[str], grader: str) -> None:
    assert grader_for(golds) == grader


def found(tmp_path: Path, row: dict[str, Any], **fields: str) -> Any:
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    return how_to_judge({"M1": tmp_path / "a.jsonl"}, fields, "auto")


@pytest.mark.parametrize(("name", "task"), [("Mbpp/2", "mbpp_sanitized"), ("HumanEval/0", "humaneval")])
def test_programs_of_evalplus_have_the_base_tests(tmp_path: Path, name: str, task: str) -> None:
    assert found(tmp_path, {"task_id": name, "completion": "x"}).task == task


def test_files_that_say_right_or_wrong_are_left_alone(tmp_path: Path) -> None:
    assert found(tmp_path, {"id": 1, "text": "x", "gold": "7", "is_correct": True}) is None
    assert found(tmp_path, {"id": 1, "text": "x", "gold": "7", "ok": True}, correct="ok") is None


def test_nothing_fits_answers_without_golds(tmp_path: Path) -> None:
    assert found(tmp_path, {"id": 1, "text": "x"}) is None
    assert how_to_judge({"M1": tmp_path / "gone.jsonl"}, {}, "auto") is None
