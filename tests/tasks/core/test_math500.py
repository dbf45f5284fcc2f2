from __future__ import annotations

import pytest

from sirev.errors import BadInput
from sirev.recipe.sections import Model
from sirev.study.external.asked_recipe import asked_recipe
from sirev.tasks.core import math
from sirev.tasks.core.math500 import TASK
from sirev.tasks.rows import Row
from sirev.tasks.task import Asked, Problems

ROWS = [
    {
        "problem": f"What is {n} + {n}?",
        "solution": f"It is \\boxed{{{2 * n}}}.",
        "answer": str(2 * n),
        "subject": subject,
        "level": n,
        "unique_id": f"test/{n}.json",
    }
    for n, subject in enumerate(("Algebra", "Prealgebra", "Algebra"), 1)
]
"""In the shape of the data set on the Hub."""


def problems(subjects: list[str] | None = None, levels: list[str] | None = None) -> Problems:
    options = {"subjects": subjects, "levels": levels}
    return TASK.read(Asked("test", math.PROMPT, options, lambda field: [Row("f:1", row) for row in ROWS]))


def test_its_problems_are_those_of_math() -> None:
    of_math = [{**row, "type": row["subject"], "level": f"Level {row['level']}"} for row in ROWS]
    assert problems() == math.problems(Row("f:1", row) for row in of_math)
    assert sorted((one["level"], one["answer"]) for one in problems()) == [("1", "2"), ("2", "4"), ("3", "6")]


def test_subjects_and_levels_choose_among_them() -> None:
    assert [one["level"] for one in problems(["Algebra"], ["3"])] == ["3"]
    with pytest.raises(BadInput, match="levels: unknown '7'"):
        problems(levels=["7"])


def test_evaluate_asks_it_by_name_from_the_hub() -> None:
    asked = asked_recipe(Model(name="org/name"), "math500", None, [], [])
    assert (asked.task.name, asked.evaluation.grader.name, asked.evaluation.ood) == ("math500", "math", {})
    (data,) = asked.task.sources().values()
    assert data.hub == "HuggingFaceH4/MATH-500"
    assert data.revision is not None


def test_problems_to_train_on_there_are_none() -> None:
    assert {*TASK.splits} == {"test"}
