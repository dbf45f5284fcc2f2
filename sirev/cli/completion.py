"""Shell completion of recipes, methods, sections and runs. Imports nothing heavy."""

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
"""The start of a run's id: recipe, method and seed."""


def words(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A completion of known words."""

    def beginning(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return beginning


def recipes(incomplete: str) -> list[str]:
    """Names of recipes, and YAML files."""
    return [*words(names_in(recipe_folder()))(incomplete), *_files(incomplete)]


def overlays(incomplete: str) -> list[str]:
    """Names of overlays, and YAML files."""
    return [*words(names_in(recipe_folder() / "overlays"))(incomplete), *_files(incomplete)]


def gpus(incomplete: str) -> list[str]:
    """Names of GPUs for plans."""
    from sirev.execution.gpus import known_gpus

    return words(list(known_gpus()))(incomplete)


def sections_and_recipes(ctx: Any, incomplete: str) -> list[str]:
    """Sections of a report, and recipes of stored runs."""
    return [*words(SECTION_WORDS)(incomplete), *run_recipes(ctx, incomplete)]


def runs(ctx: Any, incomplete: str) -> list[str]:
    """Ids of the runs in the command's store, else in the default one."""
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
    """Recipes of the stored runs, from their ids."""
    found = {named[1] for run_id in runs(ctx, incomplete) if (named := RUN_ID.match(run_id))}
    return sorted(found)


def runs_and_recipes(ctx: Any, incomplete: str) -> list[str]:
    """Recipes of stored runs, each for all its runs, and ids of runs."""
    return [*run_recipes(ctx, incomplete), *runs(ctx, incomplete)]


def _files(incomplete: str) -> list[str]:
    folder, _, start = incomplete.rpartition("/")
    found = sorted(Path(folder or ".").glob(f"{start}*.y*ml")) if "*" not in start else []
    return list(_typed(str(path) if folder else path.name for path in found))


def _typed(names: Iterable[str]) -> Iterator[str]:
    """The names without control or invisible characters."""
    return (name for name in names if visible(name) == name)
