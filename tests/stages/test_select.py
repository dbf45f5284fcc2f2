from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.stages import grade, sample, select, source
from sirev.stages.select import SelectParameters
from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.objects import Objects
from sirev.store.tables import Table, TableRow

Make = Callable[[dict[str, list[str]]], dict[str, Artifact]]


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "store")


@pytest.fixture
def answers(objects: Objects) -> Make:
    """Graded completions from problem -> texts; one that begins with "right" is right, one that ends in "..." cut off."""

    def make(texts: dict[str, list[str]]) -> dict[str, Artifact]:
        problems = [{"id": x, "prompt": f"{x}?", "target": "t", "answer": "1", "level": "1"} for x in texts]
        given = [(x, draw, text) for x, found in texts.items() for draw, text in enumerate(found)]
        completions = [
            {"problem_id": x, "draw": d, "text": t, "tokens": 1, "finish": "length" if t.endswith("...") else "stop"}
            for x, d, t in given
        ]
        verdicts = [
            {"problem_id": x, "draw": d, "correct": t.startswith("right"), "reason": "", "answer": ""} for x, d, t in given
        ]
        order = ("problem_id", "draw")
        return {
            "problems": write_artifact(objects, Output(tables={"problems": Table(source.COLUMNS, problems, ("id",))})),
            "completions": write_artifact(
                objects, Output(tables={"completions": Table(sample.COMPLETION_COLUMNS, completions, order)})
            ),
            "grades": write_artifact(objects, Output(tables={"grades": Table(grade.GRADE_COLUMNS, verdicts, order)})),
        }

    return make


def chosen(objects: Objects, parameters: SelectParameters, inputs: dict[str, Artifact]) -> tuple[list[TableRow], dict[str, Any]]:
    artifact = write_artifact(objects, select.run(parameters, inputs, None))  # type: ignore[arg-type]
    return artifact.rows("examples"), artifact.json("summary.json")


def test_sft_keeps_every_correct_answer_as_the_paper_does(objects: Objects, answers: Make) -> None:
    given = answers({"a": ["right 1", "wrong", "right 1"], "b": ["wrong"]})
    rows, summary = chosen(objects, SelectParameters("sft"), given)
    assert [(r["problem_id"], r["prompt"], r["completion"]) for r in rows] == [("a", "a?", "right 1")] * 2
    assert summary == {"examples": 2, "problems": 1, "new": 2, "truncated": 0, "outcome": "ok"}


def test_unique_drops_repeats_and_the_cap_bounds_each_problem(objects: Objects, answers: Make) -> None:
    given = answers({"a": ["right 1"] * 5 + ["right 2", "right 3"]})
    rows, _ = chosen(objects, SelectParameters("sft", unique=True), given)
    assert sorted(r["completion"] for r in rows) == ["right 1", "right 2", "right 3"]
    rows, _ = chosen(objects, SelectParameters("sft", unique=True, max_per_problem=2), given)
    assert len(rows) == 2


def test_the_seed_decides_which_are_kept(objects: Objects, answers: Make) -> None:
    given = answers({"a": [f"right {i}" for i in range(50)]})
    kept = {
        seed: [r["completion"] for r in chosen(objects, SelectParameters("sft", max_per_problem=3, seed=seed), given)[0]]
        for seed in (0, 1)
    }
    assert kept[0] != kept[1]
    assert kept[0] == [r["completion"] for r in chosen(objects, SelectParameters("sft", max_per_problem=3, seed=0), given)[0]]


def test_a_pair_is_right_and_wrong_of_one_problem_and_no_answer_is_used_twice(objects: Objects, answers: Make) -> None:
    given = answers({"a": ["right 1", "right 2", "wrong 1"], "b": ["right 3"], "c": ["wrong 2"], "d": ["right 4", "wrong 3"]})
    rows, summary = chosen(objects, SelectParameters("dpo"), given)
    assert [(r["problem_id"], r["rejected"]) for r in rows] == [("a", "wrong 1"), ("d", "wrong 3")]
    assert all(r["chosen"].startswith("right") for r in rows)
    assert summary["problems"] == 2


def test_pairs_are_capped_too(objects: Objects, answers: Make) -> None:
    given = answers({"a": [f"right {i}" for i in range(9)] + [f"wrong {i}" for i in range(9)]})
    rows, _ = chosen(objects, SelectParameters("dpo", max_per_problem=4), given)
    assert len(rows) == 4
    assert len({r["chosen"] for r in rows}) == len({r["rejected"] for r in rows}) == 4


@pytest.mark.parametrize(
    ("kind", "texts", "outcome"),
    [
        ("sft", {"a": ["wrong", "wrong"]}, "no correct answer"),
        ("dpo", {"a": ["wrong", "wrong"]}, "no pair"),
        ("dpo", {"a": ["right", "right"], "b": ["wrong"]}, "no pair"),
    ],
)
def test_nothing_to_learn_from_is_said(
    objects: Objects, answers: Make, kind: str, texts: dict[str, list[str]], outcome: str
) -> None:
    rows, summary = chosen(objects, SelectParameters(kind), answers(texts))
    assert rows == []
    assert summary["outcome"] == outcome


def test_what_was_all_trained_on_before_is_nothing_new(objects: Objects, answers: Make) -> None:
    given = answers({"a": ["right 1", "right 2"]})
    previous = write_artifact(objects, select.run(SelectParameters("sft"), given, None))  # type: ignore[arg-type]
    fewer = answers({"a": ["right 2"]})
    assert chosen(objects, SelectParameters("sft"), {**fewer, "previous": previous})[1]["outcome"] == "nothing new"
    more = answers({"a": ["right 2", "right 9"]})
    summary = chosen(objects, SelectParameters("sft"), {**more, "previous": previous})[1]
    assert (summary["outcome"], summary["new"]) == ("ok", 1)


def test_gold_takes_every_problem_with_its_target(objects: Objects, answers: Make) -> None:
    rows, summary = chosen(objects, SelectParameters("gold"), {"problems": answers({"a": [], "b": []})["problems"]})
    assert [(r["prompt"], r["completion"]) for r in rows] == [("a?", "t"), ("b?", "t")]
    assert summary["outcome"] == "ok"


def test_answers_that_were_cut_off_are_left_out_and_counted(objects: Objects, answers: Make) -> None:
    given = answers({"a": ["right 1 ...", "right 2", "wrong 1 ...", "wrong 2"]})
    rows, summary = chosen(objects, SelectParameters("dpo"), given)
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("right 2", "wrong 2")]
    assert summary["truncated"] == 2
