"""Segments: the steps of many runs, each once, divided into pieces that GPUs can compute independently.

A segment begins with a training and includes the evaluation of its model. So M_1 of a seed is one segment for all methods,
and M_2 of `dpo` is one for `dpo` and `sft-dpo`. No step is in two segments, so two workers never compute the same key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from sirev.execution.planner import PlannedStep, Planner
from sirev.metrics.comparison.nulls import is_null
from sirev.stages import STAGES
from sirev.store.digests import canonical_json, sha256
from sirev.store.runs import step_title
from sirev.study.steps import Planned

Place = tuple[str, str]
"""A step of a run: the run's id and the step's name."""


@dataclass
class Segment:
    """Steps that follow one training, or need none; `places` has each once, in one of its runs."""

    id: str
    """Equal for the same steps, whatever is in the store."""
    leader: str
    """Title of its first step, usually a training."""
    places: list[Place] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    """Runs that have any of its steps."""
    works: list[str] = field(default_factory=list)
    parents: set[str] = field(default_factory=set)
    """Segments that it depends on, directly or indirectly."""
    needs_gpu: bool = False
    lead: str = ""
    """Equal for the same training, whatever its other steps; "" for segments from `rest`."""

    def steps_by_run(self) -> dict[str, list[str]]:
        """Run -> steps to compute in it, in order."""
        found: dict[str, list[str]] = {}
        for run, step in self.places:
            found.setdefault(run, []).append(step)
        return found


@dataclass(frozen=True)
class _Work:
    """A step to compute once, and its name in each run that has it."""

    step: PlannedStep
    names: dict[str, str]

    @property
    def leads(self) -> bool:
        return STAGES[self.step.stage].makes_model and bool(self.step.inputs or self.step.stage == "pretrain")


def segments(planners: Iterable[Planner]) -> list[Segment]:
    """The segments of planned runs, parents before children."""
    works: dict[str, _Work] = {}
    nulls = set()
    for planner in planners:
        if is_null(planner.run.method):
            nulls.add(planner.run.id)
        for name, step in planner.steps.items():
            works.setdefault(step.work, _Work(step, {})).names.setdefault(planner.run.id, name)
    return _Cutter(works, nulls).cut()


def rest(planners: Iterable[Planner]) -> list[Segment]:
    """Segments for the remaining steps of runs whose segments are computed; runs that share any are in one segment."""
    found: list[Segment] = []
    for planner in planners:
        if not (steps := [step for step in planner.steps.values() if step.state != "hit"]):
            continue
        one = Segment("", step_title(steps[0].name))
        works = {step.work for step in steps}
        for other in [other for other in found if works & set(other.works)]:
            found.remove(other)
            one.places += other.places
            one.works += other.works
            one.runs |= other.runs
            one.needs_gpu |= other.needs_gpu
        mine = [step for step in steps if step.work not in set(one.works)]
        one.places += [(planner.run.id, step.name) for step in mine]
        one.works += [step.work for step in mine]
        one.runs.add(planner.run.id)
        one.needs_gpu |= any(STAGES[step.stage].needs_gpu for step in mine)
        one.id = _name(canonical_json(sorted(one.works)).decode())
        found.append(one)
    return found


class _Cutter:
    """Divides all work into segments, dependencies first."""

    def __init__(self, works: Mapping[str, _Work], nulls: Collection[str]) -> None:
        self._works = works
        self._nulls = nulls
        self._segments: dict[str, Segment] = {}
        self._of: dict[str, str] = {}  # work -> its segment's key
        self._above: dict[str, set[str]] = {}  # key -> keys of all segments that it depends on

    def cut(self) -> list[Segment]:
        """All segments, parents before children."""
        for name in self._works:
            self._put(name)
        for one in self._segments.values():
            one.id = _name(canonical_json([one.lead, sorted(one.works)]).decode())
        read: dict[str, set[str]] = {key: set() for key in self._segments}
        for name, work in self._works.items():
            read[self._of[name]] |= {self._of[one.work] for one in work.step.inputs.values() if isinstance(one, Planned)}
        found = []
        above: dict[str, set[str]] = {}
        # A run may read data that another run with the same models does not: the data come after their segments, but go before.
        for key in TopologicalSorter({key: sorted(others - {key}) for key, others in read.items()}).static_order():
            one = self._segments[key]
            above[key] = (read[key] - {key}).union(*(above[other] for other in read[key] - {key}))
            one.places = self._places(one)
            one.runs = {run for work in one.works for run in self._works[work].names}
            one.parents = {self._segments[other].id for other in above[key]}
            found.append(one)
        return found

    def _put(self, name: str) -> None:
        """Put a work into its segment, after its inputs."""
        if name in self._of:
            return
        work = self._works[name]
        read = list(dict.fromkeys(value.work for value in work.step.inputs.values() if isinstance(value, Planned)))
        for other in read:
            self._put(other)
        before = {self._of[other] for other in read}
        last = {one for one in before if not any(one in self._above[other] for other in before)}
        # An input that needs neither model nor GPU, such as a data set, causes no separate segment if another input does.
        last = {one for one in last if self._above[one] or self._segments[one].needs_gpu} or last
        key = self._key(name, work, last)
        segment = self._segments.get(key)
        if segment is None:
            segment = self._segments[key] = Segment("", step_title(work.step.name), lead=_name(key))
        above = before - {key}
        self._above.setdefault(key, set()).update(above, *(self._above[parent] for parent in above))
        segment.works.append(name)
        segment.needs_gpu |= STAGES[work.step.stage].needs_gpu
        self._of[name] = key

    def _key(self, name: str, work: _Work, last: set[str]) -> str:
        """The key shared by all works of a segment."""
        if work.leads:
            return name  # a training
        runs = sorted(work.names)
        if len(last) == 1:
            (only,) = last
            # Work for null runs alone must not delay runs that train on.
            aside = self._of_nulls(runs) and not self._of_nulls(self._works[self._segments[only].works[0]].names)
            return f"{only} null" if aside else only
        return canonical_json([sorted(last), runs]).decode()

    def _of_nulls(self, runs: Iterable[str]) -> bool:
        """Whether all of these are null runs."""
        return all(run in self._nulls for run in runs)

    def _places(self, segment: Segment) -> list[Place]:
        """Each work of a segment with one of its runs, using few runs."""
        left, places = list(segment.works), []
        while left:
            counts = Counter(run for work in left for run in self._works[work].names)
            run = max(counts, key=lambda one: (counts[one], one))
            mine = [work for work in left if run in self._works[work].names]
            places += [(run, self._works[work].names[run]) for work in mine]
            left = [work for work in left if work not in set(mine)]
        return places


def _name(key: str) -> str:
    return sha256(key.encode())[:12]
