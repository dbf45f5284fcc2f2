"""All tasks that a recipe can name: one per module in `sirev.tasks.core`, found automatically."""

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
"""Name of a task in a recipe -> its class."""
SUITES = {name: task for name, task in TASKS.items() if task.suite}
"""Tasks that may be an out-of-distribution suite of another task."""
TEMPLATES = {name: text for task in TASKS.values() for name, text in task.templates.items()}
"""Name -> text of every prompt template."""


def template_named(name: str) -> str:
    """The template with this name; BadInput if there is none."""
    if name not in TEMPLATES:
        raise BadInput(f"no prompt template {name!r} (known: {', '.join(TEMPLATES)})")
    return TEMPLATES[name]
