"""`sirev doctor`: what this machine has, and whether a recipe can run on it."""

from __future__ import annotations

from pathlib import Path

from sirev.recipe import load_recipe
from sirev.store.store import Store
from sirev.study.doctor import examine


def run(recipe: str | None, overrides: list[str], store: Path | None, overlays: list[str]) -> int:
    """Print a line a finding, with what to do below those that are not well; 1 if the recipe can't run."""
    loaded = load_recipe(recipe, overrides, overlays) if recipe else None
    fatal = 0
    for finding in examine(loaded, Store(store)):
        word = "ok" if finding.well else "MISSING" if finding.needed else "note"
        print(f"{word:<8}{finding.what:<14}{finding.found}", flush=True)
        if not finding.well:
            print(f"{'':<22}-> {finding.remedy}", flush=True)
            fatal += finding.needed
    if loaded is not None:
        print(f"\nThe recipe {loaded.name} {f'can not run here: {fatal} missing' if fatal else 'can run here'}.")
    return 1 if fatal else 0
