"""Sweeps: all runs of a grid, with shared steps computed once, in this process, on Ray or on Slurm."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from sirev.api.iterate import RunResult, execute
from sirev.api.pushing import check_push, pushing, shared_store_answers
from sirev.api.request import Request
from sirev.api.tracking import tracking
from sirev.errors import BadInput, SirevError, StageFailed
from sirev.execution.failures import FailedSegment, SegmentsFailed, failure_before
from sirev.execution.latest_runs import remember
from sirev.execution.listener import Listener
from sirev.execution.lock_note import note_locks
from sirev.execution.makespan import longest_first
from sirev.execution.part import RunPart
from sirev.execution.planner import Planner
from sirev.execution.scratch import shared_scratch
from sirev.execution.segments import Place, Segment, rest, segments
from sirev.execution.slurm import SlurmSettings, sbatch_options
from sirev.listing import count_text
from sirev.machine.doctor import visible_gpus
from sirev.machine.readiness import Readiness
from sirev.metrics.comparison.nulls import GOLD
from sirev.recipe.grid import Point, StudyGrid, read_grid
from sirev.stages import STAGES
from sirev.store.records import Realisation
from sirev.store.runs import Pin, Run, step_title
from sirev.store.sharing import answering
from sirev.store.sharing.backend import RemoteFailed
from sirev.store.store import Store
from sirev.study.nulls import RETRAINED
from sirev.suggest import suggest

SWEEP_ENGINES = ("here", "ray", "slurm")
RETRIES = 3
"""Retries of a segment whose worker died."""
UNSEEN_SECONDS = 60.0
"""Seconds that a segment waits for its inputs to become visible on its machine."""
_AGAIN_SECONDS = 5.0
SegmentState = Literal["running", "done", "failed", "left"]
"""A segment is "left" if another one failed whose results it needs."""
SegmentTold = Callable[[Segment, SegmentState, str], None]
"""Called with a segment, its state, and the reason of a failure or the name of another machine that computes it."""


@dataclass(frozen=True)
class SweptRun:
    """A run of a grid, with the request of which it is the only run, and its point in the grid."""

    request: Request
    run: Run
    point: Point


class GridSweep:
    """A grid over a store: its runs, and their segments."""

    def __init__(
        self,
        grid: StudyGrid,
        store: Store,
        *,
        unsafe_code: bool = False,
        remote: str | None = None,
        push: bool = False,
        scratch: str | Path | None = None,
        track: str | None = None,
    ) -> None:
        """Check every run; BadInput names the part of the grid that can't be run."""
        check_push(push, remote)
        self.track = track
        self.grid = grid
        self.store = store
        self.unsafe_code = unsafe_code
        self.remote = remote
        self.push = push
        self.scratch = shared_scratch(scratch)
        self.runs: dict[str, SweptRun] = {}
        self.caught_up = False
        """Whether `catch_up` has been called."""
        self._answering: bool | None = None
        self._asked = -math.inf
        self._planners: dict[str, Planner] = {}
        self.pins: dict[Place, Pin] = {}
        """Place -> pin, for the steps that were looked up or computed here."""
        for point in grid.points():
            request = Request.of(
                point.recipe,
                model=grid.model,
                methods=grid.methods,
                overrides=point.settings,
                seeds=grid.seeds,
                store=store,
                overlays=grid.overlays,
                unsafe_code=unsafe_code,
                nulls=grid.nulls,
                null_count=grid.null_count or RETRAINED,
            )
            for seed in request.seeds:
                for method in request.methods:
                    # An excluded method has no null-gold run either.
                    if grid.has(point, method, seed) and grid.has(point, method.removeprefix(GOLD), seed):
                        alone = replace(request, methods=(method,), seeds=(seed,))
                        (run,) = alone.runs()
                        self.runs.setdefault(run.id, SweptRun(alone, run, point))
        if not self.runs:
            raise BadInput(f"{grid.path}: except: no run is left")

    @cached_property
    def segments(self) -> list[Segment]:
        """The segments of all runs, parents before children, regardless of the store's content."""
        return segments(one.request.planner(one.run, blind=True) for one in self.runs.values())

    def planners(self) -> dict[str, Planner]:
        """Run -> its steps, looked up in the store now."""
        self._planners = {name: self._planner(name) for name in self.runs}
        return self._planners

    @property
    def planned(self) -> dict[str, Planner]:
        """Run -> its steps, from the last lookup, which takes seconds for a large grid."""
        return self._planners or self.planners()

    def unfinished(self) -> list[Segment]:
        """The segments with steps that the store lacks, longest chain first; steps that no run reaches don't count."""
        planned = {name: planner.states for name, planner in self.planners().items()}
        left = [one for one in self.segments if any(planned[run].get(step, "hit") != "hit" for run, step in one.places)]
        return longest_first(left, {one.id: float(one.needs_gpu) for one in left})

    def rest(self) -> list[Segment]:
        """Segments of steps that remain after all others: a run that ends before T evaluates its last model further."""
        return rest(self.planners().values())

    def check(self) -> None:
        """Raise BadInput, one line per missing thing, if this machine can't compute the rest; see `Readiness`.

        With a shared store, each step is checked when it is reached, since the store may have it.
        """
        if self.remote is not None and self._answering is not False:
            return
        of_recipe: dict[int, list[Planner]] = {}
        for name, planner in self.planned.items():
            of_recipe.setdefault(id(self.runs[name].request.recipe), []).append(planner)
        if missing := dict.fromkeys(line for planners in of_recipe.values() for line in self._missing(planners)):
            raise BadInput("\n".join(missing))

    def _missing(self, planners: Sequence[Planner]) -> list[str]:
        """The lines about things that this machine lacks for the rest of one recipe's runs."""
        readiness = Readiness(
            self.runs[planners[0].run.id].request.recipe, self.store, lambda: planners, remote=False, scratch=self.scratch
        )
        lacking = ((planner.run, step.name) for planner in planners for step in planner.steps.values() if step.state != "hit")
        try:
            for run, step in itertools.islice(lacking, 1):  # one check covers all steps that are sure to be computed
                readiness.check(run, step)
        except BadInput as error:
            return str(error).splitlines()
        return []

    def requires_gpu(self, segment: Segment) -> bool:
        """Whether a segment is refused without a GPU."""
        return segment.needs_gpu and any(self.runs[run].request.recipe.gpu == "required" for run, _ in segment.places)

    def answering(self, listener: Listener, then: str = "") -> bool:
        """Whether the shared store, if there is one, answers; see `shared_store_answers` for `then`.

        One that did not answer is asked again after a while, not by each segment.
        """
        if self._answering is None or (not self._answering and time.monotonic() > self._asked + answering.RETRY_SECONDS):
            first = next(iter(self.runs.values()))
            self._answering = shared_store_answers(self.remote, self.push, first.run, listener, then)
            self._asked = time.monotonic()
        return self._answering

    def require_answer(self, listener: Listener) -> None:
        """Raise RemoteFailed unless the shared store answers: with `push`, other machines can only continue from it."""
        if self.push and self.remote is not None and not self._answering:
            from sirev.store.sharing.remote import Remote  # fsspec, only needed here

            answering.await_answer(Remote(self.remote), listener.asking, answering.ANSWER_SECONDS)
            self._answering = True

    def catch_up(self, listener: Listener | None = None, then: str = "") -> None:
        """With `push`, pull results of the runs that others have sent to the shared store, models without their files.

        See `shared_store_answers` for `then`.
        """
        self.caught_up = True
        if not self.push or self.remote is None or not self.answering(listener or Listener(), then):
            return
        from sirev.store.sharing.remote import Remote  # fsspec, only needed here

        with contextlib.suppress(RemoteFailed):  # then its results are recomputed, or found later
            if Remote(self.remote).id is not None:
                for name in self.runs:
                    self._execute(name, part=lambda run, step: False)

    def compute(self, segment: Segment, listener: Listener | None = None) -> None:
        """Compute a segment's missing steps, after its parents; raises the errors of `sirev.iterate`.

        Also raises StageFailed if its inputs stay invisible for `UNSEEN_SECONDS`; network file systems may show them late.
        """
        places = set(segment.places)
        until = time.monotonic() + UNSEEN_SECONDS
        while True:
            for run in segment.steps_by_run():
                self._execute(run, listener, part=lambda of, step: (of.id, step) in places)
            lacking = self._lacking(segment)
            if not lacking:
                return
            if time.monotonic() > until:
                where = self.remote if self.push else self.store.path
                raise StageFailed(f"{step_title(lacking[0])} can't be computed: {where} lacks its inputs")
            time.sleep(_AGAIN_SECONDS)

    def _lacking(self, segment: Segment) -> list[str]:
        """The steps of a segment that the store lacks, without optional ones and those that no run has reached."""
        found = []
        for run, steps in segment.steps_by_run().items():
            planned = self._planner(run).steps
            there = [planned[step] for step in steps if step in planned]
            found += [one.name for one in there if one.state != "hit" and not STAGES[one.stage].optional]
        return found

    def pinned(self, segment: Segment) -> set[Realisation]:
        """(key, artifact) of a segment's steps that were looked up or computed here."""
        return {(pin.key, pin.artifact) for place in segment.places if (pin := self.pins.get(place))}

    def _execute(self, run: str, listener: Listener | None = None, part: RunPart | None = None) -> list[RunResult]:
        request = self.runs[run].request
        return execute(
            request,
            self.remote,
            listener,
            part,
            self.scratch,
            answering=self.answering(listener or Listener()),
            shared_first=self.push,
            pinned=self._note_pin,
        )

    def _note_pin(self, run: Run, step: str, pin: Pin) -> None:
        self.pins[run.id, step] = pin

    def _planner(self, run: str) -> Planner:
        return self.runs[run].request.planner(self.runs[run].run)

    def results(self, listener: Listener | None = None) -> list[RunResult]:
        """The results of all runs, once all segments are computed; remembers them as the last runs."""
        found = [result for name in self.runs for result in self._execute(name, listener)]
        remember(self.store, list(self.runs))
        return found


def sweep(
    grid: StudyGrid | str | Path,
    *,
    on: str | None = None,
    store: Store | str | Path | None = None,
    unsafe_code: bool = False,
    remote: str | None = None,
    push: bool = False,
    retries: int = RETRIES,
    scratch: str | Path | None = None,
    track: str | None = None,
    slurm: Mapping[str, object] | None = None,
    at_most: int | None = None,
    listener: Listener | None = None,
) -> list[RunResult]:
    """Carry out every run of a grid, and return their results.

    `on` is "here", one segment after the other; "ray", as many at a time as the Ray cluster, or without one this machine, has
    GPUs; or "slurm", one job per segment, with sbatch's options `slurm`, such as {"partition": "a100"}, and at most `at_most`
    jobs running at a time. None is `usual_engine()`. A segment whose worker or job dies is retried `retries` times. If a segment
    fails, those that need its results are left, and the others continue. Raises BadInput for a grid that can't be run, and
    StageFailed, with one line per failed segment, once everything else is computed. `remote`, `push`, `scratch`, `track` and
    `listener` are as for `sirev.iterate`; with `push`, the machines of a cluster need no common store. Results of other machines
    are tracked at the end.
    """
    engine = on or usual_engine()
    if engine != "slurm" and (slurm or at_most is not None):
        raise BadInput(f"slurm and at_most: only read with on='slurm', not with on={engine!r}")
    if (at_most is not None and at_most < 1) or retries < 0:
        raise BadInput(f"at_most={at_most}, retries={retries}: expected at_most from 1, retries from 0")
    settings = SlurmSettings(sbatch_options([f"{key}={value}" for key, value in (slurm or {}).items()]), at_most)
    opened = store if isinstance(store, Store) else Store(store)
    read = grid if isinstance(grid, StudyGrid) else read_grid(grid)
    made = GridSweep(read, opened, unsafe_code=unsafe_code, remote=remote, push=push, scratch=scratch, track=track)
    return run(made, engine, retries, listener or Listener(), slurm=settings)


def run(
    made: GridSweep,
    on: str,
    retries: int,
    listener: Listener,
    told: SegmentTold = lambda segment, state, why: None,
    todo: Sequence[Segment] | None = None,
    slurm: SlurmSettings | None = None,
) -> list[RunResult]:
    """Compute a sweep by an engine; see `sweep`. `todo` is the result of `unfinished`, if it is known already."""
    require_engine(on)
    settings = slurm or SlurmSettings()
    runs = [one.run for one in made.runs.values()]

    def planner(store: Store, run: Run) -> Planner:
        return replace(made.runs[run.id].request, store=store).planner(run)

    if on != "here":
        made.require_answer(listener)
    with (
        tracking(made.track, made.store.path, runs, planner, listener) as listener,
        pushing(made.store, made.remote, made.push, runs, listener, answering=made.answering(listener)) as send,
    ):
        if not made.caught_up:
            made.catch_up(listener)
        if on != "here":  # other machines can only continue from the shared store
            send({(pin.key, pin.artifact) for pin in made.pins.values()})
        asked = todo if todo is not None else made.unfinished()
        if asked and on != "here":  # else `execute` notes it
            note_locks(made.store, next(iter(made.runs.values())).run, listener)
        failed = _computed(made, asked, on, retries, listener, told, settings)
        if not failed:
            if on != "here":
                made.catch_up()
            if asked := made.rest():
                failed = _computed(made, asked, on, retries, listener, told, settings)
        if failed:
            broken = {run for one in asked if one.id in failed for run in one.runs}
            left = f"{count_text(len(broken), 'run')} of {len(made.runs)} not finished; the same command continues"
            raise SegmentsFailed(list({one.segment.id: one for one in failed.values()}.values()), left)
        return made.results(listener)


def usual_engine() -> str:
    """The default engine: "ray" if there are several GPUs and Ray is installed, else "here"."""
    return "ray" if find_spec("ray") is not None and visible_gpus() > 1 else "here"


def require_engine(on: str) -> None:
    """Raise BadInput unless there is an engine with this name."""
    if on not in SWEEP_ENGINES:
        raise BadInput(f"--on: unknown engine {on!r}{suggest(on, list(SWEEP_ENGINES))}")


def _computed(
    made: GridSweep,
    todo: Sequence[Segment],
    on: str,
    retries: int,
    listener: Listener,
    told: SegmentTold,
    slurm: SlurmSettings,
) -> Mapping[str, FailedSegment]:
    if on == "ray" and todo:
        from sirev.api.sweep_ray import compute_on_ray

        return compute_on_ray(made, todo, retries, told)
    if on == "slurm" and todo:
        from sirev.api.sweep_slurm import compute_on_slurm

        return compute_on_slurm(made, todo, retries, told, slurm)
    return compute_here(made, todo, listener, told)


def compute_here(made: GridSweep, todo: Sequence[Segment], listener: Listener, told: SegmentTold) -> Mapping[str, FailedSegment]:
    """Compute segments in this process, parents first; return segment -> why it, or one that it depends on, failed."""
    if todo:
        made.check()
    failed: dict[str, FailedSegment] = {}
    for segment in todo:
        if before := failure_before(segment, failed):
            failed[segment.id] = before
            told(segment, "left", str(before))
            continue
        told(segment, "running", "")
        try:
            made.compute(segment, listener)
        except SirevError as error:  # other recipes may still be computable here
            failed[segment.id] = FailedSegment.of(segment, error)
            told(segment, "failed", failed[segment.id].reason)
        else:
            told(segment, "done", "")
    return failed
