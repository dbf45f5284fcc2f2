"""A store with synthetic records of a study on a GPU, for texts about a paper's recipe without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from sirev.recipe import METHODS, load_recipe
from sirev.reporting.sections.run_rows import Study
from sirev.store.digests import sha256
from sirev.store.records import Record
from sirev.store.runs import Pin, Run
from sirev.store.store import Store

GPU = "NVIDIA H200"
PROVENANCE = {
    "seconds": 3600.0,
    "hardware": {"machine": "x86_64", "system": "linux", "cores": 16, "gpus": [GPU] * 2},
    "packages": {"sirev": "0.1.0", "torch": "2.13.0", "trl": "1.16.0", "peft": "0.21.2", "vllm": "0.32.0"},
    "git": {"commit": "c" * 40, "changed": True},
}


def record(stage: str, **noted: Any) -> Record:
    """The record of a stage's step, by default of an hour on a machine with two GPUs."""
    parameters = noted.pop("parameters", {})
    action = {"stage": stage, "version": 1, "parameters": parameters, "inputs": {"a": sha256(repr(noted).encode())}}
    return Record(action, sha256(b"artifact"), {**PROVENANCE, **noted})


def recorded(
    folder: Path,
    recipe: str,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    methods: Sequence[str] = METHODS,
    steps: Mapping[str, Record] | None = None,
    suites: Sequence[str] = (),
) -> tuple[Study, Store]:
    """A finished study of a recipe by these methods; each run has the given steps, by default a training and a sampling."""
    store = Store(folder / "store")
    store.create()
    loaded = load_recipe(recipe, overrides)
    found = {"train:1": record("train"), "sample/test:1": record("sample")} if steps is None else dict(steps)
    for one in found.values():
        store.records.add(one)
    pins = {step: Pin(one.key, one.artifact) for step, one in found.items()}
    runs = []
    for method in methods:
        for seed in seeds:
            run = Run(f"r-{method}-s{seed}-0", loaded.name, method, seed, 1, loaded.settings(), "i", "complete", pins=pins)
            store.runs.save(run)
            runs.append({"id": run.id, "method": method, "seed": seed, "stopped": None})
    judged = {"replicates": 10_000, "margin": 0.03}
    study = {"recipe": loaded.name, "problems": 1319, "suites": list(suites), "runs": runs, "settings": judged}
    return cast(Study, study), store
