"""`sirev.grade` and `sirev grade`: verdicts without a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.grade import grade_file
from sirev.errors import BadInput


def test_pairs_have_grades_in_their_order() -> None:
    found = sirev.grade("math", [("so \\boxed{\\frac{1}{2}}", "0.5"), ("\\boxed{3}", "4"), ("no idea", "4")])
    assert [(one.correct, one.reason) for one in found] == [(True, "right"), (False, "wrong"), (False, "no answer found")]
    assert found[1].answer == "3"
    assert sirev.grade("exact", []) == []


@pytest.mark.parametrize("gold", [["assert f(1) == 2"], {"tests": ["assert f(1) == 2"]}, '{"tests": ["assert f(1) == 2"]}'])
def test_programs_run_against_their_tests(gold: Any) -> None:
    right, wrong = sirev.grade("mbpp", [("def f(x): return x + 1", gold), ("def f(x): return x", gold)])
    assert (right.correct, wrong.correct, wrong.reason) == (True, False, "failed assertion: 1")


@pytest.mark.parametrize(
    ("grader", "pairs", "line"),
    [
        ("mth", [], "unknown grader 'mth'; did you mean 'math'"),
        ("exact", ["ab"], "pairs[0]: expected (completion, gold answer), got 'ab'"),
        ("exact", [("a", None)], "pairs[0]: the gold answer must be a text, got null"),
    ],
)
def test_what_can_not_be_graded_is_one_line(grader: str, pairs: list[Any], line: str) -> None:
    with pytest.raises(BadInput) as caught:
        sirev.grade(grader, pairs)
    assert line in str(caught.value)


def test_a_file_is_graded_by_the_golds_beside_its_answers(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": ["Answer: B", "Answer: C"], "gold": "B"}, {"id": "b", "text": [None, "Answer: D"], "gold": "D"}]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = grade_file(path)
    assert found.grader == "letter"
    assert [(one.problem, one.draw, one.correct, one.answer, one.reason) for one in found.completions] == [
        ("a", 0, True, "B", "right"),
        ("a", 1, False, "C", "wrong"),
        ("b", 0, False, "", "failed request"),
        ("b", 1, True, "D", "right"),
    ]


def test_a_file_without_golds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "text": "x"}\n')
    with pytest.raises(BadInput, match="no gold answer to compare with: name its field with --gold"):
        grade_file(tmp_path / "answers.jsonl")
