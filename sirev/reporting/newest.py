"""Of runs of one recipe with several settings those with the newest, as a page or a set of figures shows one study at a time."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.reporting.facts import date
from sirev.reporting.summary import chosen_runs
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.comparing import STEP, settings_of, studies_of

NAMED = 3
"""Settings by which a study is told from the newest one, at most."""


@dataclass(frozen=True)
class Other:
    """A study of the same recipe that is not shown: what tells it apart, and the `--run` values that name it."""

    recipe: str
    words: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """The ids of the runs to show, the recipes they are of, and the studies of these recipes with other settings."""

    runs: tuple[str, ...]
    recipes: tuple[str, ...]
    others: tuple[Other, ...]


def newest(store: Store, recipes: Sequence[str], methods: Sequence[str], runs: Sequence[str]) -> Choice:
    """Of the runs that are asked for, as `report` takes them, those of each recipe's newest settings.

    A study is as new as its newest run that is asked for. Unfinished runs stay, for `report` to name. Raises BadInput as
    `report` does.
    """
    asked = chosen_runs(store, list(recipes), list(methods), list(runs))
    finished = [run for run in asked if STEP in run.pins and run.status != "running"]
    ids = {run.id for run in finished}
    shown: dict[str, list[Run]] = {}
    whole = studies_of(store, finished)
    for study in whole:
        group = [run for run in study if run.id in ids]
        held = shown.setdefault(group[0].recipe, group)
        if _age(group) > _age(held):
            shown[group[0].recipe] = group
    others, left_out = [], set()
    for study in whole:
        group = [run for run in study if run.id in ids]
        newer = shown[group[0].recipe]
        if group != newer:
            others.append(Other(group[0].recipe, _words(group, newer), _names(store, group, study)))
            left_out |= {run.id for run in group}
    kept = [run for run in asked if run.id not in left_out]
    recipes = tuple(shown) or tuple(dict.fromkeys(run.recipe for run in kept))
    return Choice(tuple(run.id for run in kept), recipes, tuple(others))


def one_recipe(choice: Choice, example: str) -> None:
    """BadInput if runs of several recipes are to be shown on one page; `example` is the command for one, with RECIPE in it."""
    if len(choice.recipes) > 1:
        names = ", ".join(choice.recipes)
        example = example.replace("RECIPE", shlex.quote(choice.recipes[0]))
        raise BadInput(f"a page is about one recipe, not {len(choice.recipes)} ({names}); name one, such as: {example}")


def _age(group: Sequence[Run]) -> str:
    return max(run.invocation for run in group)


def _names(store: Store, group: Sequence[Run], study: Sequence[Run]) -> tuple[str, ...]:
    """The settings' digits if they name no finished run of another study, else the ids of the group's runs."""
    digits = settings_of(group[0])
    ids = {run.id for run in study}
    alike = [run.id for run in store.runs.all() if settings_of(run) == digits and STEP in run.pins]
    return (digits,) if digits and ids.issuperset(alike) else tuple(run.id for run in group)


def _words(group: Sequence[Run], shown: Sequence[Run]) -> str:
    """Some settings in which a study differs from the one that is shown, and when it was made."""
    theirs, ours = dict(_leaves(group[0].settings)), dict(_leaves(shown[0].settings))
    different = [name for name in theirs if theirs[name] != ours.get(name)] + [name for name in ours if name not in theirs]
    files = [name for name in different if name.startswith("samples.")]
    different = [name for name in different if name not in files] or (["other files"] if files else [])
    told = [f"{name}={_value(theirs[name])}" if name in theirs else name for name in different[:NAMED]]
    more = [f"{len(different) - NAMED} more"] if len(different) > NAMED else []
    return ", ".join([*told, *more, f"made {date(_age(group)[:32])}"])


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        elif name != "description":
            yield f"{prefix}{name}", value


def _value(value: object) -> str:
    text = "none" if value is None else ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
