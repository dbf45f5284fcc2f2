"""The plan of a sweep: missing steps, their segments, and the time on a number of GPUs."""

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
    """The rest of a sweep, with one machine per segment."""

    sweep: GridSweep
    target: Target
    rates: Mapping[str, float] = field(default_factory=dict)
    """The user's own tokens per second for "sample" and "train"."""
    assumptions: dict[str, None] = field(default_factory=dict)
    """Assumptions of the hours, each once."""

    @cached_property
    def planners(self) -> dict[str, Planner]:
        """Run -> its steps, from the last lookup in the store."""
        return self.sweep.planned

    @cached_property
    def left(self) -> list[Segment]:
        """The segments with steps that the store lacks, in the best order to start them."""
        left = [one for one in self.sweep.segments if self._lacking[one.id]]
        return longest_first(left, {one.id: self.hours[one.id] or 0.0 for one in left})

    @cached_property
    def hours(self) -> dict[str, float | None]:
        """Segment -> hours of its missing steps; None if a rate is unknown."""
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
        """Number of missing steps, shared ones counted once."""
        return sum(map(len, self._lacking.values()))

    @property
    def gpu_hours(self) -> float | None:
        """Hours of the remaining segments that need a GPU, in sum; None if unknown."""
        return None if self._unknown else sum(self.hours[one.id] or 0.0 for one in self.left if one.needs_gpu)

    @property
    def critical_path(self) -> float | None:
        """Hours of the longest chain of remaining segments, a lower bound for any number of GPUs; None if unknown."""
        return None if self._unknown else max(remaining(self.left, self._known).values(), default=0.0)

    def takes(self, gpus: int) -> tuple[float, float] | None:
        """Hours on `gpus` GPUs, and the lower bound of any schedule; None if unknown."""
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
        """Segment -> its missing steps, each with the run in which it is computed."""
        return {segment.id: self._steps(segment) for segment in self.sweep.segments}

    def _steps(self, segment: Segment) -> list[tuple[str, PlannedStep]]:
        found = [(run, self.planners[run].steps.get(step)) for run, step in segment.places]
        return [
            (run, step)
            for run, step in found
            if step is not None and step.state != "hit" and (step.key is None or model_archive(step.key) is None)
        ]

    def _clocks(self) -> dict[str, StageClock]:
        """Run -> the clock of its steps, shared by all runs of a recipe with the same settings."""
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
