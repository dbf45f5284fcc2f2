"""Parts of runs: some steps are computed, the others only looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sirev.execution.planner import PlannedStep
from sirev.metrics.comparison.nulls import RESAMPLE, RETRAIN
from sirev.stages.stage import Stage
from sirev.store.runs import Run
from sirev.study.step_names import parse_step
from sirev.study.steps import Executor, Planned, StepResult

RunPart = Callable[[Run, str], bool]
"""Whether a step, by its run and name, belongs to a part of the runs."""


class Finder(Executor, Protocol):
    """An executor that can also look steps up without computing them."""

    def found(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult | None:
        """The result of a step, here or in the shared store, without computing it; None if there is none."""
        ...


class PartExecutor:
    """An executor that computes only the steps of a part; others stay planned unless they are found, as do their dependents."""

    def __init__(self, inner: Finder, belongs: Callable[[str], bool]) -> None:
        self._inner = inner
        self._belongs = belongs

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult:
        """See `sirev.study.steps.Executor`."""
        if any(isinstance(value, Planned) for value in inputs.values()):
            return Planned(name)
        if self._belongs(name):
            return self._inner.step(name, stage, parameters, inputs)
        return self._inner.found(name, stage, parameters, inputs) or Planned(name)

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        """See `sirev.study.steps.Executor`; always true for steps outside the part."""
        planned = any(isinstance(value, Planned) for value in inputs.values())
        return planned or not self._belongs(name) or self._inner.at_hand(name, stage, parameters, inputs)

    def provenance(self, name: str) -> Mapping[str, Any]:
        """See `sirev.study.steps.Executor`."""
        return self._inner.provenance(name)


def until(t: int) -> RunPart:
    """The part with the steps up to M_t and its evaluation, and all steps of the null runs of M_1, in which t is a counter."""
    return lambda run, step: run.method in (RESAMPLE, RETRAIN) or parse_step(step).turn <= t


def planned_part(run: Run, steps: Mapping[str, PlannedStep], belongs: RunPart) -> dict[str, PlannedStep]:
    """The planned steps of a run that are hits or belong to a part."""
    return {name: step for name, step in steps.items() if step.state == "hit" or belongs(run, name)}
