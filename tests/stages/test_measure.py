from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from sirev.metrics import distinct
from sirev.metrics.families import FAMILIES
from sirev.parameters import keyed_parameters
from sirev.stages import measure
from sirev.stages.measure import MeasureParameters, parameters_for
from sirev.store.artifacts import Artifact, Output
from sirev.store.store import Store
from sirev.store.tables import Table
from tests.conftest import Study

Row = dict[str, Any]
COMPLETIONS = {"problem_id": "string", "draw": "int", "text": "string", "tokens": "int", "finish": "string"}
GRADES = {"problem_id": "string", "draw": "int", "correct": "bool", "reason": "string", "answer": "string"}
ORDER = ("problem_id", "draw")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def row(text: str = "", answer: str = "", *, right: bool = False, reason: str = "", problem: str = "p", **other: Any) -> Row:
    said = reason or ("right" if right else "wrong")
    known = {
        "problem_id": problem,
        "text": text,
        "tokens": 10,
        "finish": "stop",
        "correct": right,
        "reason": said,
        "answer": answer,
    }
    return known | other


def measured(store: Store, family: str, rows: Sequence[Row], answers: str = "math", answer: str = "") -> list[Row]:
    """What the stage says of graded completions; their draws are numbered in their order."""
    numbered, counts = [], dict[str, int]()
    for one in rows:
        counts[one["problem_id"]] = draw = counts.get(one["problem_id"], -1) + 1
        numbered.append({**one, "draw": draw})
    problems = [{"id": problem, "level": "2", "answer": answer} for problem in counts]

    def table(name: str, columns: dict[str, str], rows: Sequence[Row], order: tuple[str, ...]) -> Artifact:
        kept = [{column: one[column] for column in columns} for one in rows]
        return store.publish({"stage": name}, Output(tables={name: Table(columns, kept, order)}))

    inputs = {
        "problems": table("problems", {"id": "string", "level": "string", "answer": "string"}, problems, ("id",)),
        "completions": table("completions", COMPLETIONS, numbered, ORDER),
        "grades": table("grades", GRADES, numbered, ORDER),
    }
    output = measure.run(parameters_for(family, answers), inputs, None)  # type: ignore[arg-type]
    return list(store.publish({"stage": "measure"}, output).json("measures.json")["problems"])


def test_what_answers_are_is_in_the_key_but_not_where_it_is_what_it_always_was() -> None:
    assert keyed_parameters(parameters_for("diversity")) == {"family": "diversity", "family_version": 3}
    assert keyed_parameters(parameters_for("diversity", "code"))["answers"] == "code"
    assert parameters_for("accuracy", "text") == MeasureParameters("accuracy", 2, "text")


def test_accuracy_counts_what_draws_are(store: Store) -> None:
    rows = [
        row(answer="5", right=True),
        row(answer="6", finish="length"),
        row(answer="6.0"),
        row(reason="no answer found", finish="length"),
        row(answer="5.00", right=True, reason="right, in process"),
    ]
    assert measured(store, "accuracy", rows) == [
        {
            "id": "p",
            "level": "2",
            "n": 5,
            "correct": 2,
            "in_process": 1,
            "tokens": 50,
            "truncated": 2,
            "unanswered": 1,
            "votes": {"right": 2, "wrong": [2], "none": 1},
            # (right, 6), (6, none): half of one of two blocks; four: 6 wins; five: a tie
            "majority": {"1": 2 / 5, "2": 0.25, "4": 0.0, "5": 0.5},
        }
    ]


def test_one_greedy_answer_is_measured_as_draws_are(store: Store) -> None:
    (found,) = measured(store, "accuracy", [row(answer="5", right=True)])
    assert (found["n"], found["correct"], found["majority"]) == (1, 1, {"1": 1.0})


def test_programs_and_grades_without_an_answer_can_not_be_voted_on(store: Store) -> None:
    for rows, kind in (([row(answer="def f(): 1", right=True)], "code"), ([row(right=True), row()], "math")):
        (found,) = measured(store, "accuracy", rows, kind)
        assert found["votes"] is found["majority"] is None


def test_a_problem_that_nobody_answered_was_lost_and_is_not_left_out(store: Store) -> None:
    unanswered = row(problem="q", reason="no answer found")
    for rows in ([row(answer="5", right=True), unanswered], [unanswered]):
        found = measured(store, "accuracy", rows)[-1]
        assert found["votes"] == {"right": 0, "wrong": [], "none": 1}
        assert found["majority"] == {"1": 0.0}


def test_an_unknown_number_of_tokens_is_no_number(store: Store) -> None:
    (found,) = measured(store, "accuracy", [row(tokens=7), row(tokens=-1)])
    assert found["tokens"] is None


def test_equal_numbers_are_one_answer_and_no_text_is_none() -> None:
    def ballot(answer: str) -> str | None:
        return measure.ballot(False, answer)

    assert ballot("05.50") == ballot("5.5.") != ballot("-5.5")
    assert ballot("0") == ballot("-0.0") is not None
    assert ballot("\\frac12") == "\\frac12"
    assert ballot(" ") is None


def test_diversity_worked_by_hand(store: Store) -> None:
    rows = [
        row("1 + 2 = 3", right=True),
        row("so 1+2 = 3", right=True),
        row("1 + 2 = 3", right=True),
        row("3 + 3 = 6", right=True),
        row("2 + 2 = 4"),
    ]
    (found,) = measured(store, "diversity", rows)
    correct = found["correct"]
    assert correct["answers"] == correct["matched"]["total"] == 4
    # 1 + 2 = 3 so 6 of 21 tokens: 1 + 2 = 3, so 1 + 2 = 3, 1 + 2 = 3, 3 + 3 = 6
    assert correct["distinct_n"]["1"] == 7 / 21
    assert correct["distinct_equations"] == 2 / 4
    assert correct["distinct_programs"] is None
    assert correct["matched"]["4"] == {
        "distinct_n": {n: pytest.approx(value) for n, value in correct["distinct_n"].items()},
        "distinct_equations": 2 / 4,
        "distinct_programs": None,
    }
    assert correct["matched"]["8"] is correct["matched"]["16"] is None
    # Of all five, which are a a a b c, four without an a hold three lists (three ways), without b or c two.
    assert found["all"]["matched"]["4"]["distinct_equations"] == pytest.approx((3 * 3 + 2 * 2) / 5 / 4)
    assert found["incorrect"]["answers"] == 1
    assert found["incorrect"]["matched"] == {"total": 1, "4": None, "8": None, "16": None}
    assert found["pairs"] == {
        "equations": {"right-right": [6, 3 / 6], "mixed": [4, 1.0], "wrong-wrong": [0, None]},
        "programs": None,
        "texts": {"right-right": [6, 5 / 6], "mixed": [4, 1.0], "wrong-wrong": [0, None]},
    }


def test_a_group_without_answers_has_no_diversity(store: Store) -> None:
    (found,) = measured(store, "diversity", [row("", right=True)])
    assert found["incorrect"] == {
        "answers": 0,
        "distinct_n": dict.fromkeys("12345"),
        "distinct_equations": None,
        "distinct_programs": None,
        "matched": {"total": 0, "4": None, "8": None, "16": None},
        "unread": {"equations": 0, "programs": None},
    }
    assert found["correct"]["distinct_n"] == dict.fromkeys("12345")
    assert found["correct"]["distinct_equations"] is None


def test_answers_without_an_equation_are_left_out_and_counted(store: Store) -> None:
    rows = [
        *(row("1 + 2 = 3", right=True) for _ in range(3)),
        row(r"$3 = \frac{6}{2}$", right=True),
        *(row("It is three.", right=True) for _ in range(4)),
        row("It is four."),
    ]
    (found,) = measured(store, "diversity", rows)
    assert found["correct"]["unread"] == {"equations": 4, "programs": None}
    assert found["incorrect"]["unread"]["equations"] == 1
    assert found["correct"]["distinct_equations"] == 2 / 4
    assert found["incorrect"]["distinct_equations"] is None
    assert found["correct"]["matched"]["4"]["distinct_equations"] == 2 / 4
    assert found["correct"]["matched"]["8"]["distinct_equations"] is None
    assert found["correct"]["matched"]["8"]["distinct_n"]["1"] is not None
    assert found["pairs"]["equations"] == {"right-right": [6, 3 / 6], "mixed": [0, None], "wrong-wrong": [0, None]}
    assert sum(n for n, _ in found["pairs"]["texts"].values()) == 9 * 8 // 2


def test_programs_are_compared_where_answers_are_code(store: Store) -> None:
    rows = [
        row("def f(x):\n    return x + 1", right=True),
        row("Here it is:\n```python\ndef g(y):\n    return (y + 1)  # next\n```", right=True),
        row("def f(x):\n    return x + 2"),
        row("  "),
    ]
    (found,) = measured(store, "diversity", rows, "code")
    assert found["correct"]["distinct_programs"] == 1 / 2
    assert found["all"]["distinct_programs"] == 2 / 3
    assert found["all"]["matched"]["4"]["distinct_programs"] is None
    assert found["all"]["unread"]["programs"] == 1
    assert found["all"]["distinct_equations"] is None
    assert found["pairs"]["programs"] == {"right-right": [1, 0.0], "mixed": [2, 1.0], "wrong-wrong": [0, None]}
    assert found["pairs"]["equations"] is None


def test_the_programs_that_are_compared_are_those_that_were_graded(store: Store) -> None:
    solution = "```python\ndef f(x):\n    return x + 1\n```\n"
    trial = "Try it:\n```python\ndef try_{0}():\n    return f({0}) == {0}\n```\n"
    rows = [row(solution + trial.format(n), right=True) for n in range(3)]
    (by_form,) = measured(store, "diversity", rows, "code")
    (by_name,) = measured(store, "diversity", rows, "code", answer='{"tests": ["assert f(1) == 2"]}')
    assert by_form["correct"]["distinct_programs"] == 1
    assert by_name["correct"]["distinct_programs"] == 1 / 3


def test_plain_texts_have_neither_equations_nor_programs(store: Store) -> None:
    (found,) = measured(store, "diversity", [row("1 + 1 = 2"), row("yes")], "text")
    assert found["all"]["distinct_equations"] is found["all"]["distinct_programs"] is None
    assert found["pairs"]["texts"]["wrong-wrong"] == [1, 1.0]
    assert found["pairs"]["equations"] is found["pairs"]["programs"] is None


def test_plain_values_are_of_the_first_50_draws_and_matched_ones_of_all(store: Store) -> None:
    rows = [row("1 + 1 = 2", right=i % 2 == 0) for i in range(50)] + [row(f"{i} + 1 = {i + 1}", right=True) for i in range(14)]
    (found,) = measured(store, "diversity", rows)
    for group, early, total in (("all", 50, 64), ("correct", 25, 39), ("incorrect", 25, 25)):
        assert (found[group]["answers"], found[group]["matched"]["total"]) == (early, total)
        assert found[group]["distinct_equations"] == 1 / early
        assert found[group]["distinct_n"]["1"] == 4 / (5 * early)  # 1 + 1 = 2
    assert found["correct"]["matched"]["8"]["distinct_equations"] > found["correct"]["distinct_equations"]
    assert sum(n for n, _ in found["pairs"]["texts"].values()) == 64 * 63 // 2


def test_matched_values_are_the_mean_over_all_subsets(store: Store) -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices(["3", "+", "4", "=", "7", "so"], k=rng.randrange(3, 9))) for _ in range(10)]
    (found,) = measured(store, "diversity", [row(text) for text in texts])
    tokenised = [distinct.tokens(text) for text in texts]
    grams = [{tuple(one[i : i + 2]) for i in range(len(one) - 1)} for one in tokenised]
    for m in (4, 8):
        subsets = [len(set().union(*picked)) for picked in combinations(grams, m)]
        possible = m * sum(len(one) - 1 for one in tokenised) / 10
        assert found["incorrect"]["matched"][str(m)]["distinct_n"]["2"] == pytest.approx(sum(subsets) / len(subsets) / possible)


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.measure is not None])
def test_problems_spread_over_the_cores_say_the_same(store: Store, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    rng = random.Random(1)
    rows = [
        row(f"{(a := rng.randrange(4))} + 1 = {a + 1}", str(a), right=a == 2, problem=f"p{problem:03}")
        for problem in range(measure.BATCH * 2 + 3)
        for _ in range(5)
    ]
    inline = measured(store, family, rows)
    monkeypatch.setattr(measure, "SPREAD_FROM", 1)
    assert measured(store, family, rows) == inline
    assert [one["id"] for one in inline] == sorted({one["problem_id"] for one in rows})


def test_the_study_measures_every_model(smoke: Study) -> None:
    for t in (1, 2):
        draws = smoke.artifact("sft", f"measure/draws:{t}").json("measures.json")["problems"]
        alike = smoke.artifact("sft", f"measure/diversity:{t}").json("measures.json")["problems"]
        assert [one["id"] for one in draws] == [one["id"] for one in alike]
        for one, other in zip(draws, alike, strict=True):
            assert (
                one["n"]
                == other["all"]["matched"]["total"]
                == one["votes"]["right"] + sum(one["votes"]["wrong"]) + one["votes"]["none"]
            )
            assert one["correct"] == other["correct"]["matched"]["total"] == one["votes"]["right"]
            assert one["majority"]["1"] == pytest.approx(one["correct"] / one["n"])
