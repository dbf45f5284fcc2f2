"""What a run would do: every step looked up, none computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.store.records import action_key
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.actions import find, step_action, to_redo
from sirev.study.steps import Known, Unknown

StepState = Literal["hit", "run", "unknown"]


class Planner:
    """Says of each step whether it is a hit, would run, or is unknown until another has run."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store = store
        self.run = run
        self.states: dict[str, StepState] = {}
        self.stages: dict[str, str] = {}
        """Step -> the name of its stage."""

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Known]) -> Known:
        """The artifact if it is known already, else a stand-in for it."""
        self.stages[name] = stage.name
        known = {k: v for k, v in inputs.items() if isinstance(v, Artifact)}
        if len(known) < len(inputs):
            self.states[name] = "unknown"
            return Unknown()
        key = action_key(step_action(self.run, stage, parameters, known))
        artifact = None if to_redo(self.run, stage.name, name) else find(self.store, self.run.pins, name, key)
        self.states[name] = "hit" if artifact else "run"
        return artifact or Unknown()
