from __future__ import annotations

import pytest

from sirev.tasks.core.gsm8k import problems
from sirev.tasks.rows import Row
from tests.tasks.conftest import OnTheHub, Published, assert_is_problem_set, refusal

ROW = {"question": "How many?", "answer": "He has 2*600=<<2*600=1200>>1,200.\nThat is all.\n#### 1,200"}


def test_target_is_the_working_without_marks_and_the_answer_without_separators() -> None:
    (found,) = problems([Row("f:1", ROW)])
    assert found["target"] == "He has 2*600=1,200.\nThat is all.\n#### 1200"
    assert found["answer"] == "1200"
    assert found["level"] == ""
    assert found["prompt"].endswith("Problem: How many?\nSolution:\n")


def test_calculator_marks_change_the_target_alone() -> None:
    (bare,), (marked,) = problems([Row("f:1", ROW)]), problems([Row("f:1", ROW)], calculator=True)
    assert marked == {**bare, "target": "He has 2*600=<<2*600=1200>>1,200.\nThat is all.\n#### 1200"}


@pytest.mark.parametrize("answer", ["It is 5.", "It is 5.\n#### five", "It is 5. #### 5", "#### 5", "<<1=1>>\n#### 5"])
def test_an_answer_without_working_and_final_line_is_refused(answer: str) -> None:
    said = refusal(lambda: problems([Row("f.jsonl:7", {"question": "q", "answer": answer})]))
    assert said.startswith('f.jsonl:7: field "answer"')


@pytest.mark.parametrize(("name", "size"), [("gsm8k_train.jsonl.gz", 7473), ("gsm8k_test.jsonl", 1319)])
def test_published_splits(published: Published, name: str, size: int) -> None:
    rows = published(name)
    found = problems(rows)
    assert len(found) == size
    assert_is_problem_set(found)
    for problem in found:
        assert problem["target"].endswith(f"\n#### {problem['answer']}")
        assert problem["answer"].removeprefix("-").isdigit()
        assert "<<" not in problem["target"]
    assert problems(rows[::-1]) == found


def test_splits_share_no_id(published: Published) -> None:
    train, test = problems(published("gsm8k_train.jsonl.gz")), problems(published("gsm8k_test.jsonl"))
    assert not {p["id"] for p in train} & {p["id"] for p in test}


def test_hub_rows_give_the_same_problems(published: Published, on_the_hub: OnTheHub) -> None:
    rows = published("gsm8k_test.jsonl")[:50]
    assert problems(on_the_hub([{**row.values, "extra": 1} for row in rows])) == problems(rows)
