"""Progress of a sweep: segments and runs that have ended, and the time left at the present pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sirev.execution.makespan import makespan
from sirev.execution.segments import Segment


@dataclass
class GridOutlook:
    """Outlook on a sweep; its methods take the time `now` in seconds, from a monotonic clock.

    `sizes` are relative: planned hours per segment, or its number of steps. `taken` (seconds) and `size` are sums over the
    segments computed so far, which give the pace.
    """

    segments: list[Segment]
    """Parents before children; later segments are appended."""
    sizes: Mapping[str, float]
    ended: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    """Ended segments that failed or were left out."""
    taken: float = 0.0
    size: float = 0.0
    widest: int = 1
    """Most concurrent GPU segments so far, which is also the expected number of workers."""
    _begun: dict[str, float] = field(default_factory=dict)

    def begin(self, segment: str, now: float) -> None:
        """Note that a worker begins a segment, perhaps again."""
        self._begun[segment] = now
        self.widest = max(self.widest, sum(one.id in self._begun for one in self.segments if one.needs_gpu))

    def end(self, segment: str, now: float, computed: bool) -> None:
        """Note the end of a segment. Only `computed` ones affect the pace; the others failed or were left out."""
        began = self._begun.pop(segment, None)
        if began is not None and computed:
            self.taken += now - began
            self.size += self.sizes.get(segment, 0.0)
        self.ended.add(segment)
        if not computed:
            self.lost.add(segment)

    @property
    def runs(self) -> tuple[int, int]:
        """Number of runs with all segments computed, and number of all runs."""
        left = {run for one in self.segments for run in one.runs if one.id not in self.ended - self.lost}
        every = {run for one in self.segments for run in one.runs}
        return len(every - left), len(every)

    def seconds_left(self, now: float) -> float | None:
        """Expected seconds until the last segment ends; None before the first has been computed."""
        if not self.size or not self.taken:
            return None
        pace = self.taken / self.size
        left = [one for one in self.segments if one.id not in self.ended]
        seconds = {one.id: max(self.sizes.get(one.id, 0.0) * pace - self._since(one.id, now), 0.0) for one in left}
        return makespan(left, seconds, self.widest)

    def _since(self, segment: str, now: float) -> float:
        return now - self._begun[segment] if segment in self._begun else 0.0
