"""Conveniences of the library's functions: one value where a list is expected, and progress in a notebook."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sirev.errors import BadInput

LISTS = ("methods", "seeds", "redo", "overlays", "overrides", "nulls", "recipes", "runs", "revisions", "kinds")
"""Parameters that take several values; a single value stands for a list of one."""

CHOSEN = {"recipes", "runs"}
"""Parameters that select what is shown; an empty list would select nothing and is an error."""


def by_hand(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, extended: single values for its `LISTS`, run results for `runs`, and progress in a notebook."""
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        for name in LISTS:
            if name in parameters and options.get(name) is not None:
                options[name] = _several(options[name])
                if name in CHOSEN and not options[name]:
                    raise BadInput(f"{name}: no {name[:-1]} was named; leave {name} out for those of the last command")
        if "section" in parameters and arguments:
            arguments, options = _section_or_recipe(*arguments, **options)
        if "listener" in parameters and (options.get("listener") is not None or in_notebook()):
            from sirev.cli.progress import Progress

            listener = options["listener"] = options.get("listener") or Progress()
            if isinstance(listener, Progress):
                with listener:
                    result = function(*arguments, **options)
                listener.summary()
                return result
        return function(*arguments, **options)

    return call


def in_notebook() -> bool:
    """Whether this process is IPython or a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def _several(value: Any) -> Any:
    """The value as a list, with run results replaced by their ids; a mapping of overrides is returned unchanged."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str | int | os.PathLike) or not isinstance(value, Iterable):
        value = [value]
    return [one.id if hasattr(one, "id") else one for one in value]


def _section_or_recipe(section: Any, *rest: Any, **options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of `report` in which a first argument such as "tiny" names a recipe or a run, unless it is a section's name."""
    from sirev.reporting import sections
    from sirev.store.store import Store

    known = {*sections.SECTIONS, getattr(sections, "ALL", "all")}
    if not isinstance(section, str) or section in known or options.get("recipes") or options.get("runs"):
        return (section, *rest), options
    store = options.get("store")
    runs = (store if isinstance(store, Store) else Store(store)).runs
    name = section.removesuffix(".yaml").removesuffix(".yml").rpartition("/")[2]
    if any((run := runs.get(one)) is not None and run.recipe == name for one in runs.ids() if one.startswith(f"{name}-")):
        return (None, *rest), {**options, "recipes": [name]}
    if any(one.startswith(section) for one in runs.ids()):
        return (None, *rest), {**options, "runs": [section]}
    return (section, *rest), options
