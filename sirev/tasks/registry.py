"""All tasks that a recipe can name. Each is a file of `sirev.tasks.core`, found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_args

from sirev.errors import BadInput
from sirev.tasks import core
from sirev.tasks.task import Task


def _tasks() -> dict[str, type[Task]]:
    names = sorted(module.name for module in pkgutil.iter_modules(core.__path__, f"{core.__name__}."))
    tasks: list[type[Task]] = [importlib.import_module(name).TASK for name in names]
    return {get_args(task.model_fields["name"].annotation)[0]: task for task in tasks}


TASKS = _tasks()
"""A task's name in a recipe -> the task."""
SUITES = {name: task for name, task in TASKS.items() if task.suite}
"""Those that may be an out-of-distribution suite of another."""
TEMPLATES = {name: text for task in TASKS.values() for name, text in task.templates.items()}
"""Every prompt template by name."""


def template_named(name: str) -> str:
    """The template of that name; BadInput if there is none."""
    if name not in TEMPLATES:
        raise BadInput(f"no prompt template {name!r} (known: {', '.join(TEMPLATES)})")
    return TEMPLATES[name]
