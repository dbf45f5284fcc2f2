"""Progress of an invocation: steps done, and the time left at the rates so far."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sirev.execution.estimate import sizes
from sirev.execution.planner import PlannedStep, Planner
from sirev.recipe import Recipe
from sirev.stages import STAGES
from sirev.store.store import Store
from sirev.trainers.dispatch import TrainParameters

RECENT = 6
"""Number of recent steps of a kind that determine its rate, which changes as concurrent runs begin and end."""
_EARLY = 0.05
"""Share of a step below which its progress predicts nothing, since a batching engine has finished hardly any answer by then."""


@dataclass(frozen=True)
class Piece:
    """A piece of work, which several runs may share; its `kind` has one rate, and `size` is in tokens or 1.

    The kind is the stage, or "train KIND" for trainings. The time left is unknown without the rates of all `long` kinds;
    other kinds count once one piece of theirs was seen.
    """

    kind: str
    size: float

    @property
    def stage(self) -> str:
        """Name of its stage."""
        return self.kind.partition(" ")[0]

    @property
    def long(self) -> bool:
        """Whether its stage is long."""
        return STAGES[self.stage].long


@dataclass
class _Begun:
    """A piece in progress: start time, and its first and last progress as (time, share done)."""

    since: float
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None


@dataclass
class Outlook:
    """Outlook on the runs of an invocation. Its methods take the time `now` in seconds, from a monotonic clock. Thread-safe.

    `runs` has a run's pieces by step, in order. At most `parallel` runs are concurrent, and a run does one piece at a time;
    with `beside`, pieces of stages with `Stage.beside` go on meanwhile. `rates` are units of size per second by stage, from
    earlier runs; rates seen since replace them.
    """

    runs: dict[str, dict[str, str]]
    pieces: dict[str, Piece]
    parallel: int
    rates: dict[str, float] = field(default_factory=dict)
    beside: bool = False
    hits: int = 0
    """Number of steps that were in the store at the beginning."""
    _done: set[tuple[str, str]] = field(default_factory=set)
    _made: set[str] = field(default_factory=set)
    _begun: dict[str, _Begun] = field(default_factory=dict)
    _seen: dict[str, deque[tuple[float, float]]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=RECENT)))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def of(cls, recipe: Recipe, store: Store, planners: Sequence[Planner], parallel: int, beside: bool = False) -> Outlook:
        """The outlook on planned runs."""
        known = sizes(recipe, [planner.steps for planner in planners], store)
        steps = {step.work: step for planner in planners for step in planner.steps.values()}
        pieces = {work: Piece(_kind(step), known.tokens.get(work, 1.0)) for work, step in steps.items()}
        runs = {planner.run.id: {name: step.work for name, step in planner.steps.items()} for planner in planners}
        outlook = cls(runs, pieces, parallel, dict(known.rates), beside)
        for planner in planners:
            for name, step in planner.steps.items():
                if step.state == "hit":
                    outlook.hits += 1
                    outlook._finish(planner.run.id, name)
        return outlook

    @property
    def total(self) -> int:
        """Number of steps of all runs; shared steps count for each run."""
        return sum(map(len, self.runs.values()))

    @property
    def done(self) -> int:
        """Number of steps of all runs that are cached or computed."""
        with self._lock:
            return len(self._done)

    def start(self, run: str, step: str, now: float) -> None:
        """Note that a step begins."""
        with self._lock:
            if work := self.runs.get(run, {}).get(step):
                self._begun[work] = _Begun(now)

    def progress(self, run: str, step: str, done: int, total: int, now: float) -> None:
        """Note the progress of a step: `done` of `total`."""
        with self._lock:
            work = self.runs.get(run, {}).get(step)
            if work in self._begun and total > 0:
                begun = self._begun[work]
                begun.last = (now, done / total)
                begun.first = begun.first or begun.last  # the work of an earlier attempt took no time of this one

    def finish(self, run: str, step: str, now: float, computed: bool) -> None:
        """Note the end of a step: `computed`, or found in the store."""
        with self._lock:
            work = self.runs.get(run, {}).get(step)
            begun = self._begun.pop(work, None) if work else None
            if work and begun and computed:
                share = 1 - (begun.first[1] if begun.first else 0.0)
                if share > 0:  # else an earlier attempt did all of it
                    self._seen[self.pieces[work].kind].append((self.pieces[work].size * share, now - begun.since))
            self._finish(run, step)

    def end(self, run: str) -> None:
        """Note the end of a run, perhaps before M_T; its remaining steps are dropped."""
        with self._lock:
            steps = self.runs.get(run, {})
            self.runs[run] = {name: work for name, work in steps.items() if (run, name) in self._done}

    def seconds_left(self, now: float) -> float | None:
        """Expected seconds until the last run ends; None while the rate of a long kind of step is unknown."""
        with self._lock:
            left: dict[str, float] = {}
            for work in {work for steps in self.runs.values() for work in steps.values()} - self._made:
                seconds = self._left(work, now)
                if seconds is None:
                    return None
                left[work] = seconds
            if left and not any(left.values()):
                return None  # no rate of the remaining steps is known yet
            lanes = [{work: took for work, took in left.items() if self._is_beside(work) is lane} for lane in (False, True)]
            return max(self._longest(lane) for lane in lanes)

    def _is_beside(self, work: str) -> bool:
        return self.beside and STAGES[self.pieces[work].stage].beside

    def _longest(self, left: Mapping[str, float]) -> float:
        """Seconds until the last run has done all of `left` (piece -> seconds)."""
        chains = [sum(left.get(work, 0.0) for work in steps.values()) for steps in self.runs.values()]
        return max(max(chains, default=0.0), sum(left.values()) / self.parallel)

    def _finish(self, run: str, step: str) -> None:
        if work := self.runs.get(run, {}).get(step):
            self._done.add((run, step))
            self._made.add(work)

    def _left(self, work: str, now: float) -> float | None:
        """Seconds that a piece still takes; None if unknown for a long one."""
        piece, begun = self.pieces[work], self._begun.get(work)
        rate = self._rate(piece)
        whole = piece.size / rate if rate else None
        if begun is None:
            return whole if whole is not None or piece.long else 0.0
        if begun.last and begun.last[1] >= 1:
            return 0.0
        if begun.first and begun.last and begun.last[1] - begun.first[1] >= _EARLY * (1 - begun.first[1]):
            pace = (begun.last[1] - begun.first[1]) / max(begun.last[0] - begun.first[0], 1e-9)
            return max((1 - begun.last[1]) / pace - (now - begun.last[0]), 0.0)
        if whole is None:
            return None if piece.long else 0.0
        return max(whole - (now - begun.since), 0.0)

    def _rate(self, piece: Piece) -> float | None:
        """Units of size per second: of this kind so far, else of another kind of its stage, else of earlier runs, else None."""
        for kind in (piece.kind, *(kind for kind in self._seen if kind.startswith(f"{piece.stage} "))):
            if (seen := self._seen.get(kind)) and (seconds := sum(took for _, took in seen)) > 0:
                return sum(size for size, _ in seen) / seconds
        return self.rates.get(piece.stage)


def _kind(step: PlannedStep) -> str:
    return f"train {step.parameters.kind}" if isinstance(step.parameters, TrainParameters) else step.stage
