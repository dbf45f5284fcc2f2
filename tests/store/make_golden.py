"""Make tests/store/golden: `python -m tests.store.make_golden FOLDER`, in a folder that does not exist yet.

It was run once for the store's format. The result is never regenerated: it represents existing stores, which later versions of
sirev must read. A new format gets a second golden store.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import sirev
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json
from sirev.store.sharing.archive import export_runs
from sirev.store.store import Store
from sirev.store.upkeep.gc import Policy, collect
from sirev.store.upkeep.keeps import Keep, Keeps
from sirev.study.keep_models import models_to_drop
from tests.conftest import SIREV
from tests.store.sharing.small import publish, small_artifacts

RECIPE = "tiny_smoke"
METHODS = ["sft"]
OVERRIDES = ["T=2", "sampling.n=8", "sampling.problems=16", "evaluation.draws.n=8", "task.train=32", "task.test=16"]
KEPT = ("sirev-store.json", "objects", "records", "runs", "pins", "hollow")
"""Files and folders of a store; the rest belongs to its machine."""


def make(folder: Path) -> None:
    """Make a small study without its models, pinned artifacts with all that artifacts can have, and an archive."""
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch) / "store")
        sirev.iterate(RECIPE, methods=METHODS, overrides=OVERRIDES, store=store)
        synthetic = small_artifacts(store, 1)
        again, _ = publish(store, "measure", Output(files={"measures.json": canonical_json({"value": 7})}), 1)
        artifacts = [*(artifact.digest for artifact, _ in synthetic.values()), again.digest]
        Keeps(store.path, store.objects).add(Keep("one-of-everything", [], artifacts))
        collect(store, Policy(drop=lambda opened, runs: models_to_drop(opened, runs, "none")))
        for name in KEPT:
            source = store.path / name
            (folder / "store").mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / "store" / name)
        export_runs(store, store.runs.all(), folder / "store.tar.zst")
        told = subprocess.run(
            [SIREV, "report", "--recipe", RECIPE, "--store", store.path, "--format", "json"],
            capture_output=True,
            text=True,
            check=True,
        )
        numbers = json.dumps(numbers_of(json.loads(told.stdout)), indent=0, sort_keys=True)
        (folder / "report.json").write_text(numbers + "\n")


def numbers_of(report: Any, path: str = "") -> dict[str, Any]:
    """Path -> measured number in a report's JSON; these must not change, even if the form of reports does."""
    if isinstance(report, dict | list):
        inner = report.items() if isinstance(report, dict) else enumerate(report)
        return {k: v for name, one in inner for k, v in numbers_of(one, f"{path}/{name}").items()}
    return {path: report} if path.endswith(("/value", "/size")) and report is not None else {}


if __name__ == "__main__":
    make(Path(sys.argv[1]))
