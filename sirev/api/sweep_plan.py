"""The plan of a sweep: what the store lacks, in how many segments, and how long that takes on so many GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sirev.api.sweep import GridSweep
from sirev.execution.counts import WorkCounts
from sirev.execution.history import History
from sirev.execution.hours import StageClock, Target
from sirev.execution.makespan import bound, longest_first, makespan, remaining
from sirev.execution.planner import PlannedStep, Planner
from sirev.execution.segments import Segment
from sirev.shipped import model_archive


@dataclass
class SweepPlan:
    """What of a sweep is left to compute, on a machine for each segment."""

    sweep: GridSweep
    target: Target
    rates: Mapping[str, float] = field(default_factory=dict)
    """The user's own tokens/s of "sample" and "train"."""
    assumptions: dict[str, None] = field(default_factory=dict)
    """What the hours rest on, each once."""

    @cached_property
    def planners(self) -> dict[str, Planner]:
        """Run -> its steps as the store had them when they were last looked up."""
        return self.sweep.planned

    @cached_property
    def left(self) -> list[Segment]:
        """The segments of which the store lacks a step, in the order in which they are best begun."""
        left = [one for one in self.sweep.segments if self._lacking[one.id]]
        return longest_first(left, {one.id: self.hours[one.id] or 0.0 for one in left})

    @cached_property
    def hours(self) -> dict[str, float | None]:
        """Segment -> hours of what the store lacks of it; None where a rate is not known."""
        clocks = self._clocks()
        found: dict[str, float | None] = {}
        for segment in self.sweep.segments:
            timed = [(clocks[run], step) for run, step in self._lacking[segment.id]]
            each = {id(clock): clock for clock, _ in timed}.values()
            times = [time.hours for one in each for time in one.stages([step for clock, step in timed if clock is one]).values()]
            found[segment.id] = None if None in times else sum(hours or 0.0 for hours in times)
        return found

    @property
    def steps_left(self) -> int:
        """Steps that the store lacks, each once."""
        return sum(map(len, self._lacking.values()))

    @property
    def gpu_hours(self) -> float | None:
        """Hours of all that is left on one GPU; None where they are not known."""
        return None if self._unknown else sum(self.hours[one.id] or 0.0 for one in self.left if one.needs_gpu)

    @property
    def critical_path(self) -> float | None:
        """Hours of the longest chain of what is left: with any number of GPUs it takes no less."""
        return None if self._unknown else max(remaining(self.left, self._known).values(), default=0.0)

    def takes(self, gpus: int) -> tuple[float, float] | None:
        """Hours on so many GPUs, and the bound below which no schedule goes; None where they are not known."""
        if self._unknown:
            return None
        return makespan(self.left, self._known, gpus), bound(self.left, self._known, gpus)

    @property
    def _known(self) -> dict[str, float]:
        return {one.id: self.hours[one.id] or 0.0 for one in self.left}

    @property
    def _unknown(self) -> bool:
        return any(self.hours[one.id] is None for one in self.left)

    @cached_property
    def _lacking(self) -> dict[str, list[tuple[str, PlannedStep]]]:
        """Segment -> its steps that the store lacks, each with the run that it is computed in."""
        return {segment.id: self._steps(segment) for segment in self.sweep.segments}

    def _steps(self, segment: Segment) -> list[tuple[str, PlannedStep]]:
        found = [(run, self.planners[run].steps.get(step)) for run, step in segment.places]
        return [
            (run, step)
            for run, step in found
            if step is not None and step.state != "hit" and (step.key is None or model_archive(step.key) is None)
        ]

    def _clocks(self) -> dict[str, StageClock]:
        """Run -> what times its steps: one for all runs of a recipe with the same settings."""
        found: dict[str, StageClock] = {}
        of_recipe: dict[int, list[str]] = {}
        for run, swept in self.sweep.runs.items():
            of_recipe.setdefault(id(swept.request.recipe), []).append(run)
        for runs in of_recipe.values():
            recipe = self.sweep.runs[runs[0]].request.recipe
            work = {step.work: step for run in runs for step in self.planners[run].steps.values()}
            history = History(self.sweep.store, recipe)
            counts = WorkCounts(work, history, self._assume)
            clock = StageClock(recipe, self.target, counts, history, self.rates, 1, self._assume)
            found |= dict.fromkeys(runs, clock)
        return found

    def _assume(self, what: str) -> None:
        self.assumptions[what] = None
