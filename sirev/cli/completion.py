"""Completions at the Tab key: recipes, methods, sections, runs. Imports nothing heavy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sirev import training_kinds
from sirev.printing import visible
from sirev.shipped import names_in, recipe_folder

METHOD_WORDS = (*training_kinds.METHODS, "all")
NULLS = ("resample", "retrain", "gold")
FORMAT_WORDS = ("table", "markdown", "csv", "json", "latex", "latex-column")
SECTION_WORDS = (
    *("all", "verdict", "null", "accuracy", "pass-n", "diversity", "ood", "coverage", "training", "html", "figures"),
    *("checklist", "methods"),
)
TRACKER_WORDS = ("trackio", "wandb", "tensorboard", "mlflow")

_LONGEST_FIRST = "|".join(sorted(training_kinds.METHODS, key=len, reverse=True))
RUN_ID = re.compile(rf"(.+?)-(?:{_LONGEST_FIRST}|samples|null-(?:resample|retrain|gold)(?:-\w+)*)(?:-\d+)?-s\d+-")
"""How a run's id begins: with its recipe's name, its method and its seed."""


def words(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A completion of words that are known beforehand."""

    def beginning(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return beginning


def recipes(incomplete: str) -> list[str]:
    """Recipes by name, and YAML files below the present folder."""
    return [*words(names_in(recipe_folder()))(incomplete), *_files(incomplete)]


def overlays(incomplete: str) -> list[str]:
    """Overlays by name, and YAML files."""
    return [*words(names_in(recipe_folder() / "overlays"))(incomplete), *_files(incomplete)]


def gpus(incomplete: str) -> list[str]:
    """GPUs that a plan can be made for."""
    from sirev.execution.gpus import known_gpus

    return words(list(known_gpus()))(incomplete)


def sections_and_recipes(ctx: Any, incomplete: str) -> list[str]:
    """Sections of a report, and the recipes that the store has runs of."""
    return [*words(SECTION_WORDS)(incomplete), *run_recipes(ctx, incomplete)]


def runs(ctx: Any, incomplete: str) -> list[str]:
    """Ids of the runs in the store that the command names, else in the usual one."""
    from sirev.store.runs import is_run_id
    from sirev.store.store import default_path

    folder = Path(ctx.params.get("store") or default_path()) / "runs"
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    ids = (name.removesuffix(".json") for name in names if name.endswith(".json") and name.startswith(incomplete))
    return sorted(run_id for run_id in ids if is_run_id(run_id))


def run_recipes(ctx: Any, incomplete: str) -> list[str]:
    """The recipes of the runs in the store, as their ids tell."""
    found = {named[1] for run_id in runs(ctx, incomplete) if (named := RUN_ID.match(run_id))}
    return sorted(found)


def runs_and_recipes(ctx: Any, incomplete: str) -> list[str]:
    """Either: a recipe's name stands for all its runs."""
    return [*run_recipes(ctx, incomplete), *runs(ctx, incomplete)]


def _files(incomplete: str) -> list[str]:
    folder, _, start = incomplete.rpartition("/")
    found = sorted(Path(folder or ".").glob(f"{start}*.y*ml")) if "*" not in start else []
    return list(_typed(str(path) if folder else path.name for path in found))


def _typed(names: Iterable[str]) -> Iterator[str]:
    """Those that somebody could have typed: what a terminal would act upon is not offered."""
    return (name for name in names if visible(name) == name)
