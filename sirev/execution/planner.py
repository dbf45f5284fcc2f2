"""The plan of a run: every step is looked up, none is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sirev.execution.actions import find, step_action, to_redo
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.store.records import Realisation, action_key
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.steps import LookedUp, Pending, Planned, StepResult

StepState = Literal["hit", "run", "unknown"]


@dataclass(frozen=True)
class PlannedStep:
    """A step as far as known before the run. `work` is equal for steps that two runs share.

    `action` has the known inputs; `key` is None if others are unknown.
    """

    name: str
    stage: str
    parameters: Any
    inputs: Mapping[str, LookedUp]
    state: StepState
    artifact: Artifact | None
    work: str
    key: str | None
    action: dict[str, Any]


class Plan(dict[str, dict[str, StepState]]):
    """The plan of an `iterate`: run id -> step -> "hit", "run", or "unknown" until an earlier step has run."""

    def __repr__(self) -> str:
        counts = Counter(state for steps in self.values() for state in steps.values())
        states = ", ".join(f"{counts[state]:,} {state}" for state in ("hit", "run", "unknown"))
        return f"Plan({', '.join(self)}: {counts.total():,} steps, {states})"


class Planner:
    """An executor that plans each step: a hit, to run, or unknown until another step has run.

    A `blind` planner looks nothing up, so that its plan does not depend on the store.
    """

    def __init__(self, store: Store, run: Run, *, blind: bool = False) -> None:
        self.store = store
        self.run = run
        self.blind = blind
        self.steps: dict[str, PlannedStep] = {}

    @property
    def states(self) -> dict[str, StepState]:
        """Step -> its state."""
        return {name: step.state for name, step in self.steps.items()}

    @property
    def found(self) -> set[Realisation]:
        """Key and artifact of every step that is a hit."""
        return {(step.key, step.artifact.digest) for step in self.steps.values() if step.key and step.artifact is not None}

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> LookedUp:
        """The artifact of a step if it is in the store, else a placeholder."""
        given: dict[str, LookedUp] = {k: v for k, v in inputs.items() if not isinstance(v, Pending)}
        known = {k: v for k, v in given.items() if isinstance(v, Artifact)}
        state: StepState = "unknown"
        artifact = key = None
        action = step_action(self.run, stage, parameters, known)
        if len(known) == len(given):
            key = action_key(action)
            looks = not self.blind and not to_redo(self.run, stage.name, name)
            artifact = find(self.store, self.run.pins, name, key) if looks else None
            state = "hit" if artifact else "run"
        # Two runs share a step with equal parameters and inputs; unknown inputs are identified by the work that makes them.
        made_of = {k: v.semantic if isinstance(v, Artifact) else v.work for k, v in given.items()}
        work = action_key(stage.action(parameters, made_of))
        self.steps[name] = PlannedStep(name, stage.name, parameters, given, state, artifact, work, key, action)
        return artifact or Planned(work)

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        """See `sirev.study.steps.Executor`; inputs that are not yet computed will be at hand."""
        known = {k: v for k, v in inputs.items() if isinstance(v, Artifact)}
        if self.blind or all(artifact.complete() for artifact in known.values()):
            return True
        key = action_key(step_action(self.run, stage, parameters, known))
        return len(known) == len(inputs) and find(self.store, self.run.pins, name, key) is not None

    def provenance(self, name: str) -> Mapping[str, Any]:
        """The provenance of a step that is a hit; empty for others."""
        step = self.steps.get(name)
        if step is None or step.artifact is None or step.key is None:
            return {}
        record = self.store.records.get(step.key, step.artifact.digest)
        return record.provenance if record else {}
