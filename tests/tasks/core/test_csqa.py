from __future__ import annotations

from typing import Any

import pytest

from sirev.tasks.choices import LETTERS
from sirev.tasks.core.csqa import few_shot, problems
from sirev.tasks.csqa_examples import EXAMPLES
from sirev.tasks.rows import Row
from sirev.tasks.splits import STOP
from tests.tasks.conftest import OnTheHub, Published, assert_is_problem_set, refusal

OPTIONS = ["shelf ", "pond", "attic", "oven", "cloud"]
UPSTREAM: dict[str, Any] = {
    "id": "q1",
    "answerKey": "B",
    "question": {
        "question_concept": "duck",
        "stem": "Where does a duck swim?",
        "choices": [{"label": label, "text": option} for label, option in zip(LETTERS, OPTIONS, strict=True)],
    },
}


def in_hub_shape(values: dict[str, Any]) -> dict[str, Any]:
    question = values["question"]
    return {
        "id": values["id"],
        "question": question["stem"],
        "question_concept": question["question_concept"],
        "choices": {key: [choice[key] for choice in question["choices"]] for key in ("label", "text")},
        "answerKey": values["answerKey"],
    }


def with_choices(choices: object) -> dict[str, Any]:
    return {**UPSTREAM, "question": {**UPSTREAM["question"], "choices": choices}}


def test_letter_alone() -> None:
    (found,) = problems([Row("f:1", UPSTREAM)], "train")
    assert (found["id"], found["target"], found["answer"], found["level"]) == ("q1", "B", "B", "")
    options = "A. shelf\nB. pond\nC. attic\nD. oven\nE. cloud"
    assert found["prompt"].endswith(f"\n\nQuestion: Where does a duck swim?\n{options}\nAnswer:\n")


def test_ecqa_explanations_are_joined_by_id_and_unexplained_train_questions_left_out() -> None:
    rows = [Row("f:1", UPSTREAM), Row("f:2", {**UPSTREAM, "id": "q2"}), Row("f:3", {**UPSTREAM, "id": "q3"})]
    ecqa = [
        Row("e:1", {"id": "q1", "positives": [], "negatives": [], "explanation": " Ducks like water.\r\n"}),
        Row("e:2", {"id": "q1", "explanation": "Another."}),
        Row("e:3", {"id": "q3", "positives": []}),
    ]
    (found,) = problems(rows, "train", rationales="ecqa", explanations=ecqa)
    assert (found["id"], found["target"]) == ("q1", "Ducks like water.\nAnswer: B")
    assert found["prompt"].endswith("\nReasoning:\n")
    test = problems(rows, "test", rationales="ecqa")
    assert [p["target"] for p in test] == ["Answer: B"] * 3
    said = refusal(lambda: problems(rows, "train", rationales="ecqa", explanations=[Row("e:1", {"id": "x", "explanation": "y"})]))
    assert said == "none of the 3 questions of train has an ECQA explanation (joined by id)"


def test_self_made_rationales_start_from_no_target_and_ask_for_reasoning() -> None:
    (found,) = problems([Row("f:1", UPSTREAM)], "train", rationales="self")
    assert found["target"] == ""
    assert '"Answer: X"' in found["prompt"]
    assert problems([Row("f:1", UPSTREAM)], "test", rationales="self") == [{**found, "target": "Answer: B"}]


def test_few_shot_prompts_show_each_letter_once_and_end_in_the_question() -> None:
    (found,) = few_shot([Row("f:1", UPSTREAM)])
    assert found["id"] == "q1"
    *examples, last = found["prompt"].split("\n\n")
    assert sorted(example[-1] for example in examples) == list(LETTERS)
    assert all("\nReasoning:\n" in example and "\nAnswer: " in example for example in examples)
    assert last.startswith("Question: Where does a duck swim?\nA. shelf\n")
    assert last.endswith("\nReasoning:\n")
    assert found["prompt"].count(STOP) == len(EXAMPLES)


@pytest.mark.parametrize("values", [UPSTREAM, in_hub_shape(UPSTREAM)], ids=["upstream", "hub"])
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"answerKey": "F"}, "field 'answerKey' must be one of A, B, C, D, E, found 'F'"),
        ({"answerKey": "AB"}, "field 'answerKey' must be one of A, B, C, D, E, found 'AB'"),
        ({"answerKey": ""}, "field 'answerKey' must be one of A, B, C, D, E, found '' (the Hub's test split"),
        ({"id": None}, "field 'id' must be a string, found null"),
        ({"question": 4}, "field 'question' must be a string, found 4 (int)"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(values: dict[str, Any], changed: dict[str, object], why: str) -> None:
    assert refusal(lambda: problems([Row("f.jsonl:8", {**values, **changed})], "train")).startswith(f"f.jsonl:8: {why}")


@pytest.mark.parametrize(
    "choices",
    [
        None,
        "ABCDE",
        [],
        [{"label": "A", "text": "x"}] * 5,
        [{"label": label} for label in LETTERS],
        {"label": list("ABCD"), "text": ["x"] * 4},
        {"label": list(LETTERS), "text": ["x"] * 4},
    ],
)
def test_other_than_five_lettered_options_are_refused(choices: object) -> None:
    said = refusal(lambda: problems([Row("f.jsonl:8", with_choices(choices))], "train"))
    assert said.startswith("f.jsonl:8: field 'choices' must hold options A to E, found ")


def test_an_option_that_is_no_text_and_unknown_rationales_are_refused() -> None:
    choices = [{"label": label, "text": 5} for label in LETTERS]
    assert "f.jsonl:8: field 'A' must be a string" in refusal(
        lambda: problems([Row("f.jsonl:8", with_choices(choices))], "train")
    )
    said = refusal(lambda: problems([Row("f:1", UPSTREAM)], "train", rationales="own"))
    assert said == "rationales: unknown 'own' (known: none, ecqa, self)"


def test_options_stand_in_the_order_of_their_letters() -> None:
    shuffled = with_choices(UPSTREAM["question"]["choices"][::-1])
    assert problems([Row("f:1", shuffled)], "train") == problems([Row("f:1", UPSTREAM)], "train")


@pytest.mark.parametrize(("name", "size"), [("commonsenseqa_train.jsonl.gz", 9741), ("commonsenseqa_dev.jsonl", 1221)])
def test_published_splits(published: Published, name: str, size: int) -> None:
    rows = published(name)
    for rationales in ("none", "self"):
        found = problems(rows, "train", rationales=rationales)
        assert len(found) == size
        assert_is_problem_set(found)
        assert problems(rows[::-1], "train", rationales=rationales) == found
    assert [p["id"] for p in few_shot(rows)] == [p["id"] for p in found]


def test_our_examples_are_not_in_the_data(published: Published) -> None:
    stems = {row.values["question"]["stem"] for row in published("commonsenseqa_train.jsonl.gz")}
    stems |= {row.values["question"]["stem"] for row in published("commonsenseqa_dev.jsonl")}
    assert not stems & {example.stem for example in EXAMPLES}


def test_hub_rows_give_the_same_problems(published: Published, on_the_hub: OnTheHub) -> None:
    rows = published("commonsenseqa_dev.jsonl")
    assert problems(on_the_hub([in_hub_shape(row.values) for row in rows]), "test") == problems(rows, "test")
