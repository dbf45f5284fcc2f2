"""Progress of a sweep: segments and runs that have ended, and the time left at the pace seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sirev.execution.makespan import makespan
from sirev.execution.segments import Segment


@dataclass
class GridOutlook:
    """Told of every segment that begins and ends, with the time in seconds by a clock that never goes back.

    `sizes` are relative: the hours that a plan gives each segment, or its steps. `taken` and `size` below are sums over the
    segments computed since, from which the pace comes.
    """

    segments: list[Segment]
    """With parents before children; what comes up later is added."""
    sizes: Mapping[str, float]
    ended: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    """Those of them that failed or were left out."""
    taken: float = 0.0
    size: float = 0.0
    widest: int = 1
    """The most segments on a GPU at once so far: as many workers are expected from now on."""
    _begun: dict[str, float] = field(default_factory=dict)

    def begin(self, segment: str, now: float) -> None:
        """A worker begins a segment, perhaps again."""
        self._begun[segment] = now
        self.widest = max(self.widest, sum(one.id in self._begun for one in self.segments if one.needs_gpu))

    def end(self, segment: str, now: float, computed: bool) -> None:
        """A segment has ended; the pace rests on those that were `computed`, the others failed or were left out."""
        began = self._begun.pop(segment, None)
        if began is not None and computed:
            self.taken += now - began
            self.size += self.sizes.get(segment, 0.0)
        self.ended.add(segment)
        if not computed:
            self.lost.add(segment)

    @property
    def runs(self) -> tuple[int, int]:
        """How many runs have all their segments computed, and how many there are."""
        left = {run for one in self.segments for run in one.runs if one.id not in self.ended - self.lost}
        every = {run for one in self.segments for run in one.runs}
        return len(every - left), len(every)

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the last segment ends; None before the first has been computed."""
        if not self.size or not self.taken:
            return None
        pace = self.taken / self.size
        left = [one for one in self.segments if one.id not in self.ended]
        seconds = {one.id: max(self.sizes.get(one.id, 0.0) * pace - self._since(one.id, now), 0.0) for one in left}
        return makespan(left, seconds, self.widest)

    def _since(self, segment: str, now: float) -> float:
        return now - self._begun[segment] if segment in self._begun else 0.0
