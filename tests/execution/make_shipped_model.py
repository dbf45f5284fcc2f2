"""Make recipes/models/KEY/ARTIFACT.tar.zst: `python -m tests.execution.make_shipped_model RECIPE STORE`.

Run it when the action of the recipe's M_0 has changed: its settings, the corpus, or the version of the stage. Stored results are
reused.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sirev.api.request import Request
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner
from sirev.shipped import recipe_folder
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Pin
from sirev.store.sharing.archive import export_runs
from sirev.store.store import Store
from sirev.study.step_names import PRETRAINED_MODEL
from sirev.study.steps import Steps


def pretrained(recipe: str, store: Store) -> tuple[Pin, Artifact]:
    """M_0 of a recipe, from the store or computed; afterwards the store has a run of M_0 alone."""
    request = Request.of(recipe, store=store)
    run = request.runs("shipped-model")[0]
    run.pins = {}
    crew = Crew("shipped-model")
    runner = Runner(store, run, crew, Listener())
    try:
        with store.leasing([run.id]), crew.turn:
            Steps(request.recipe, run.seed, runner, LocalFiles(store.objects)).base_model()
            runner.finish("stopped", "M_0 alone is wanted")
    finally:
        crew.close()
    pin = run.pins[PRETRAINED_MODEL]
    return pin, store.artifact(pin.artifact)


def make(recipe: str, store: Store, folder: Path) -> Path:
    """Write the archive of a recipe's M_0 below `folder`, and return its path."""
    pin, _ = pretrained(recipe, store)
    file = folder / pin.key / f"{pin.artifact}.tar.zst"
    file.parent.mkdir(parents=True)
    export_runs(store, [run for run in store.runs.all() if run.pins == {PRETRAINED_MODEL: pin}], file)
    return file


if __name__ == "__main__":
    print(make(sys.argv[1], Store(sys.argv[2]), recipe_folder() / "models"))
