from __future__ import annotations

import pytest

from sirev.errors import BadInput
from sirev.recipe import Recipe, load_recipe
from sirev.recipe.sections import Model
from sirev.study.external.asked_recipe import asked_recipe
from sirev.tasks.registry import TASKS
from sirev.tasks.task import DataTask

FIRST = Model(name="ORG/NAME", revision="v1")
PUBLISHED = [name for name, task in TASKS.items() if issubclass(task, DataTask) and not task.own]


def asked(task: str, *overrides: str) -> Recipe:
    return asked_recipe(FIRST, task, None, overrides, ())


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_task_is_asked_by_the_decoding_of_the_paper(name: str) -> None:
    recipe = asked(name)
    assert recipe.task.name == name
    assert len(recipe.task.sources()["data"].revision or "") == 40
    draws = recipe.evaluation.draws
    assert (draws.n, draws.temperature, draws.top_p) == (64, 0.75, 0.95)
    assert recipe.model == FIRST
    assert (recipe.evaluation.grader.name == "mbpp") is TASKS[name].programs


def test_models_that_were_not_taught_to_end_by_marks_are_read_flexibly_unless_told_otherwise() -> None:
    assert asked("gsm8k").evaluation.grader.name == "gsm8k_flexible"
    assert asked("gsm8k", "evaluation.grader=math").evaluation.grader.name == "math"
    assert asked_recipe(FIRST, None, "gsm8k", (), ()).evaluation.grader.name == "gsm8k_strict"


def test_a_task_of_its_own_recipe_keeps_the_suites_of_that() -> None:
    assert [*asked("mbpp").evaluation.ood] == ["humaneval"]
    assert asked("humaneval_plus").evaluation.ood == {}


def test_rows_of_a_task_may_be_local() -> None:
    assert asked("arc", "task.data.path=/data/arc").task.sources()["data"].path == "/data/arc"


@pytest.mark.parametrize("name", ["jsonl", "arithmetic", "gsm9k"])
def test_a_task_that_is_not_published_takes_a_recipe(name: str) -> None:
    with pytest.raises(BadInput, match=f"--task: unknown task '{name}'.*; your own task comes with a recipe: --recipe"):
        asked(name)


def test_a_recipe_that_is_to_train_still_needs_problems_to_train_on() -> None:
    with pytest.raises(BadInput, match="it has no problems to train on"):
        load_recipe("mbpp", ["task=null", "task={name: humaneval, data: {path: x}}", "evaluation.ood=null"], model="ORG/NAME")
