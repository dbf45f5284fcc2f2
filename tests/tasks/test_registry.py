from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.recipe import load_recipe
from sirev.recipe.sections import TaskSuite
from sirev.tasks.registry import SUITES, TASKS, TEMPLATES
from sirev.tasks.task import DataTask
from tests.test_package import imported

PUBLISHED = [name for name, task in TASKS.items() if task.published]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_called_as_its_file(name: str) -> None:
    assert TASKS[name].__module__ == f"sirev.tasks.core.{name}"


def test_templates_of_two_tasks_have_two_names() -> None:
    assert len(TEMPLATES) == sum(len(task.templates) for task in TASKS.values())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_task_has_rows_of_a_recipe_or_its_own_and_a_title_and_sizes_of_its_splits(name: str) -> None:
    recipes = [load_recipe(grid, model="some/model") for grid in ("csqa", "gsm8k", "math", "mbpp")]
    suites = [suite.task for recipe in recipes for suite in recipe.evaluation.ood.values() if isinstance(suite, TaskSuite)]
    named = [task for task in [*(recipe.task for recipe in recipes), *suites] if task.name == name]
    task = named[0] if named else TASKS[name].model_validate({"name": name, "data": dict(TASKS[name].on_hub)})
    assert type(task) is TASKS[name]
    assert task.title
    assert len(task.sources()["data"].revision or "") == 40
    assert task.published.keys() == task.splits.keys()
    assert task.template in task.templates


def test_suites_are_tasks_with_rows() -> None:
    assert all(issubclass(task, DataTask) for task in SUITES.values())


def test_nothing_but_its_own_file_knows_a_task() -> None:
    """The embedded one apart, on whose words a model is pretrained; tasks may build upon each other."""
    root = Path(sirev.__file__).parent
    known = {
        name.rpartition(".")[2]
        for path in root.rglob("*.py")
        if path.parent.name != "core"
        for name in imported(path.read_text())
        if name.startswith("sirev.tasks.core.")
    }
    assert known == {"arithmetic"}
