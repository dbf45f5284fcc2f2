"""Remedies as commands to type: to make a store's runs, or to compute missing files again."""

from __future__ import annotations

from typing import NamedTuple

from sirev.errors import BadInput
from sirev.quoting import as_typed
from sirev.recipe import recipe_names
from sirev.store.runs import Run
from sirev.store.store import Store, default_path

OR_RECOMPUTE = ", or recompute them: sirev iterate --redo t:STAGE"
"""The alternative to a pull, for files of an artifact that were given up."""


class Rerun(NamedTuple):
    """A command, and a note about the arguments that it leaves open."""

    command: str
    note: str


def rerun(run: Run, store: Store | None) -> Rerun:
    """The command that continues a run, or computes its missing files again; with "..." where arguments are not recorded."""
    at = store_option(store)
    if (verb := verb_of(run)) != "iterate":
        return Rerun(f"{as_typed('sirev', verb, run.recipe, '--step', '...')}{at}", "the same command as before")
    if run.recipe in recipe_names():
        return Rerun(
            f"{as_typed('sirev', 'iterate', '--recipe', run.recipe)}{at}", "with the same --method, --seed and --set as before"
        )
    return Rerun(f"sirev iterate ...{at}", f"the command that made {run.id}")  # a file, or a recipe with another model


def verb_of(run: Run) -> str:
    """The command that makes runs of this kind: "iterate", "evaluate" or "measure"."""
    if "models" in run.settings:
        return "evaluate"
    return "measure" if run.settings.get("samples") is not None or run.settings.get("steps") else "iterate"


def store_option(store: Store | None) -> str:
    """The option " --store DIR" for a store other than the default; "" for the default, and for None, which names no folder."""
    return "" if store is None or store.path == default_path() else f" {as_typed('--store', store.path)}"


def first_run(store: Store) -> str:
    """The command that makes a first run in an empty store."""
    return f"sirev iterate --recipe tiny{store_option(store)}"


def require_store(store: Store) -> None:
    """Raise BadInput where the folder has no store."""
    if not store.exists:
        raise BadInput(f"there is no store in {store.path}; run first: {first_run(store)}, or name another with --store DIR")
