from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.grading import extract, mbpp
from sirev.grading.dispatch import Graded, GradeRequest, grade, grade_all
from sirev.grading.grade import Grade
from sirev.grading.graders import GRADERS, Settings
from sirev.grading.sandbox import Found
from sirev.processes.resident import Resident
from tests.grading.conftest import Published

TESTS = '{"tests": ["assert f(1) == 2"]}'
OWN = "tests.grading.judges:last_word"


def settings_of(grader: str, seconds: float) -> Settings:
    return Settings(seconds, function=OWN if grader == "python" else "")


def graded(grader: str, *pairs: tuple[str, str], seconds: float = 10) -> list[Grade]:
    return grade_all(grader, pairs, settings_of(grader, seconds), workers=2, progress=lambda done, total: None).grades


@pytest.mark.parametrize(
    ("grader", "text", "gold", "expected"),
    [
        ("final_number", "#### 19", "19", Grade(True, "right", "19")),
        ("gsm8k_strict", "so 1,875\n#### 1,875", "1875", Grade(True, "right", "1875")),
        ("gsm8k_strict", "#### 1875.00", "1,875", Grade(True, "right", "1875.00")),
        ("gsm8k_strict", "#### 0.5", r"\frac{1}{2}", Grade(True, "right", "0.5")),
        ("gsm8k_strict", "the answer is 3", "3", Grade(False, "no answer found", "")),
        ("gsm8k_flexible", "the answer is $3.", "3", Grade(True, "right", "3")),
        ("gsm8k_flexible", "the answer is $3.50.", "3", Grade(False, "wrong", "3.50")),
        ("math", r"so $\boxed{1/2}$", r"\frac{1}{2}", Grade(True, "right", "1/2")),
        ("math", "#### 0.5", r"\frac{1}{2}", Grade(True, "right", "0.5")),
        ("math", r"\boxed{1/3}", r"\frac{1}{2}", Grade(False, "wrong", "1/3")),
        ("math", r"\boxed{}", "5", Grade(False, "wrong", "")),
        ("math", "one half", r"\frac{1}{2}", Grade(False, "no answer found", "")),
        ("letter", "Answer: B", "B", Grade(True, "right", "B")),
        ("letter", "Answer: C", "B", Grade(False, "wrong", "C")),
        ("letter", "no idea", "B", Grade(False, "no answer found", "")),
        ("exact", " yes\n", "yes", Grade(True, "right", "yes")),
        ("exact", "Yes", "yes", Grade(False, "wrong", "Yes")),
        ("exact", " ", "yes", Grade(False, "no answer found", "")),
        ("python", "so it is 7", "7", Grade(True, "right", "7")),
        ("mbpp", "def f(x): return 2", TESTS, Grade(True, "right", "def f(x): return 2")),
        ("mbpp", "def f(x): return 3", TESTS, Grade(False, "failed assertion: 1", "def f(x): return 3")),
        ("mbpp", "x = 1", '{"tests": ["assert x == 1"]}', Grade(True, "right, in process", "x = 1")),
    ],
)
def test_each_grader_judges(grader: str, text: str, gold: str, expected: Grade) -> None:
    assert graded(grader, (text, gold)) == [expected]


@pytest.mark.parametrize("grader", GRADERS)
def test_every_grader_takes_nothing_and_tells_its_progress(grader: str) -> None:
    told: list[tuple[int, int]] = []
    gold = TESTS if grader == "mbpp" else "1"
    assert graded(grader) == []
    found = grade_all(grader, [("", gold)], settings_of(grader, 1), workers=1, progress=lambda *counts: told.append(counts))
    assert found.grades == [Grade(False, "no code found" if grader == "mbpp" else "no answer found", "")]
    assert told[-1] == (1, 1)


@pytest.mark.parametrize("grader", ["exact", "math", "gsm8k_strict", "gsm8k_flexible", "mbpp"])
def test_answers_are_cut_to_200_characters(grader: str) -> None:
    gold = TESTS if grader == "mbpp" else "1"
    (long,) = graded(grader, ("#### " + "1" * 5000, gold))
    assert len(long.answer) == 200


def test_order_is_kept_among_answers_of_all_kinds() -> None:
    pairs = [
        (r"\boxed{1/2}", "0.5"),
        ("none", "1"),
        (r"\boxed{9^{9^{9^{9^{9}}}}}", "1"),
        (r"\boxed{3}", "3"),
        (r"\boxed{x}", "y"),
    ]
    found = graded("math", *(pairs * 3), seconds=2)
    assert [g.reason for g in found] == ["right", "no answer found", "timeout", "right", "wrong"] * 3


def test_a_resident_child_grades_files(tmp_path: Path) -> None:
    pairs, out = tmp_path / "pairs.json", tmp_path / "out.json"
    pairs.write_text(json.dumps([[r"\boxed{1/2}", "0.5"], ["\ud800", "1"], [r"\boxed{2}", r"\frac{1}{2}"]]))
    request = GradeRequest("math", Settings(5), pairs, out, workers=2)
    events: list[Any] = []
    child = Resident("grade", tmp_path / "log", threads=1)
    try:
        assert child.call(grade, request, events.append) == 3
    finally:
        child.stop()
    found = Graded.of_json(json.loads(out.read_text()))
    assert found == Graded([Grade(True, "right", "1/2"), Grade(False, "no answer found", ""), Grade(False, "wrong", "2")])
    assert events[-1].done == events[-1].total == 3
    assert events[-1].rate > 0


def test_programs_are_refused_where_they_can_not_be_confined_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbpp, "best_tier", lambda: Found("C", {"A": "unshare: no", "B": "Landlock: no"}))
    line = r"tier B at least \(.*offers C \(.*no tier A: unshare: no; no tier B: Landlock: no.*--allow-unsafe-code"
    with pytest.raises(BadInput, match=line):
        grade_all("mbpp", [("x", TESTS)], Settings(1), workers=1, progress=lambda done, total: None)


def test_programs_run_unconfined_where_that_is_allowed_and_it_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbpp, "best_tier", lambda: Found("C", {"A": "unshare: no", "B": "Landlock: no"}))
    (tmp_path / "pairs.json").write_text(json.dumps([["def f(x): return 2", TESTS]]))
    events: list[Any] = []
    places = {"pairs": tmp_path / "pairs.json", "out": tmp_path / "out.json"}
    grade(GradeRequest("mbpp", Settings(1, sandbox="C"), **places, workers=1), events.append)
    assert "UNCONFINED" in events[0].text
    found = Graded.of_json(json.loads((tmp_path / "out.json").read_text()))
    assert found.summary["sandbox"]["tier"] == "C"
    assert found.grades[0].correct


def test_an_unknown_grader_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text("[]")
    request = GradeRequest("nope", Settings(1), tmp_path / "pairs.json", tmp_path / "unused", workers=1)
    with pytest.raises(KeyError, match="nope"):
        grade(request, lambda event: None)


def test_agreement_with_all_5276_labels_of_openai(published: Published) -> None:
    pairs, labels = [], []
    for row in published("labelled/gsm8k_openai_model_solutions.jsonl.gz"):
        gold = row["ground_truth"].rpartition("A: ")[2]
        for solution in (value for value in row.values() if isinstance(value, dict)):
            pairs.append((solution["solution"], gold))
            labels.append(solution["is_correct"])
    assert len(labels) == 5276
    assert [g.correct for g in graded("gsm8k_flexible", *pairs)] == labels


@pytest.mark.parametrize("grader", ["gsm8k_strict", "gsm8k_flexible"])
def test_every_gsm8k_answer_is_right_against_its_number(grader: str, published: Published) -> None:
    rows = published("gsm8k_train.jsonl.gz") + published("gsm8k_test.jsonl")
    pairs = [(row["answer"], row["answer"].rpartition("#### ")[2]) for row in rows]
    assert len(pairs) == 8792
    assert all(g.reason == "right" for g in graded(grader, *pairs))


def test_every_math_solution_is_right_against_its_own_answer(published: Published) -> None:
    rows = published("math_train.jsonl.gz") + published("math_test.jsonl.gz")
    pairs = [(row["solution"], extract.boxed(row["solution"]) or "") for row in rows]
    assert len(pairs) == 12500
    assert all(g.reason == "right" for g in graded("math", *pairs))


def test_math_answers_in_gsm8k_format_are_right(published: Published) -> None:
    golds = [extract.boxed(row["solution"]) or "" for row in published("math_test.jsonl.gz")]
    some = random.Random(2).sample([gold for gold in golds if gold and "\n" not in gold], 500)
    assert all(g.reason == "right" for g in graded("math", *((f"so\n#### ${gold}$.", gold) for gold in some)))


def test_letters_of_commonsenseqa_are_right_and_others_wrong(published: Published) -> None:
    keys = [row["answerKey"] for row in published("commonsenseqa_dev.jsonl")]
    assert len(keys) == 1221
    assert all(g.correct for g in graded("letter", *((f"Because.\nAnswer: ({key})", key) for key in keys)))
    assert not any(g.correct for g in graded("letter", *((f"Answer: {'ABCDE'['BCDEA'.index(key)]}", key) for key in keys)))
