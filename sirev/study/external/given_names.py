"""Names given by users: of a comparison, which becomes part of its run's id, and of its steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sirev.errors import BadInput
from sirev.fields import NAME_LENGTH
from sirev.recipe import recipe_names
from sirev.store.store import Store
from sirev.study.remedies import verb_of
from sirev.tasks.rows import shown

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_LENGTH - 1}}}")


def check_comparison(name: str) -> None:
    """Raise BadInput for a comparison's name that can't be part of a file name."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"the name {name!r} becomes part of files' names: letters, digits, '_', '.' and '-', a letter or digit first, "
            f"up to {NAME_LENGTH} characters"
        )


def check_steps(steps: Iterable[str]) -> None:
    """Raise BadInput for a step's name that can't be shown in a table."""
    for step in steps:
        if not step.strip() or not step.isprintable():
            raise BadInput(f"step {step!r}: must be a name that can be printed")
        if len(step) > NAME_LENGTH:
            raise BadInput(f"step {shown(step)}: a name of {len(step)} characters; up to {NAME_LENGTH} are allowed")


def check_unused(name: str, verb: str, store: Store) -> None:
    """Raise BadInput for the name of a recipe, or of runs in the store made by another command than `verb`."""
    runs = (store.runs.get(run_id) for run_id in store.runs.ids() if run_id.startswith(f"{name}-"))
    verbs = {verb_of(run) for run in runs if run and run.recipe == name} - {verb}
    if name in recipe_names() or verbs:
        whose = f"that of runs by sirev {min(verbs)}" if verbs and "iterate" not in verbs else "a recipe's"
        raise BadInput(f"the name {name!r} is {whose}, and `sirev report {name}` would mean both; choose another")


def require_mapping(parameter: str, value: Any, example: str) -> None:
    """Raise BadInput where a Python caller passes something other than a mapping."""
    if not isinstance(value, Mapping):
        raise BadInput(f"{parameter}: expected a mapping such as {example}, got {type(value).__name__}")
