"""The recipe for evaluating models trained elsewhere: that of a task, or one that the user names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sirev.errors import BadInput
from sirev.recipe import Overlays, Recipe, load_recipe, recipe_names
from sirev.recipe.sections import Model
from sirev.suggest import suggest
from sirev.tasks.registry import TASKS
from sirev.tasks.task import DataTask, Task

READ = ("task", "evaluation", "engine", "env", "gpu", "description")
"""Sections of a recipe about evaluation; the others are about training."""


def asked_recipe(
    first: Model, task: str | None, recipe: Recipe | str | Path | None, overrides: Sequence[str], overlays: Overlays
) -> Recipe:
    """The recipe of a task, or the one named, with the first model as its own; BadInput for what can't be evaluated."""
    if (task is None) == (recipe is None):
        raise BadInput("name what to ask: --task, or --recipe with your own evaluation")
    for override in overrides:
        if (section := override.partition("=")[0].partition(".")[0]) not in READ:
            raise BadInput(f"--set {override}: no model is trained here; of a recipe {', '.join(READ)} are read, not {section}")
    if isinstance(recipe, Recipe):
        if overrides or overlays:
            raise BadInput("overrides and overlays go with a recipe's name or file, not with a loaded recipe")
        return recipe
    named = f"{first.name}@{first.revision}" if first.revision else first.name
    if task is not None:
        recipe, own = _of_task(task)
        overrides = [*own, *overrides]
    assert recipe is not None
    return load_recipe(recipe, overrides, overlays, named, trains=False)


def _of_task(name: str) -> tuple[str, list[str]]:
    """The recipe of a task, and the overrides for it; a task without a recipe takes that of a task graded alike."""
    known = {name: task for name, task in TASKS.items() if issubclass(task, DataTask) and not task.own}
    if name not in known:
        raise BadInput(f"--task: unknown task {name!r}{suggest(name, list(known))}; your own task comes with a recipe: --recipe")
    task = known[name]
    if name in recipe_names():
        return name, [f"evaluation.grader={task.outside_grader}"] if task.outside_grader else []
    alike = next(other for other in recipe_names() if other in known and _graded(known[other]) == _graded(task))
    section = {"name": name, **({"data": dict(task.on_hub)} if task.on_hub else {})}
    return alike, ["task=null", f"task={json.dumps(section)}", "evaluation.ood=null"]


def _graded(task: type[Task]) -> tuple[bool | None, str | None]:
    return task.programs, task.default_grader
