"""Progress of `sirev sweep`: a bar for the grid and rows for running work; plain lines without a terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from sirev.api.sweep import SegmentState
from sirev.cli.bars import say_if_read
from sirev.cli.progress import WHOLE, Progress
from sirev.cli.units import time_left, time_taken
from sirev.execution.grid_outlook import GridOutlook
from sirev.execution.outlook import Outlook
from sirev.execution.segments import Segment

_WORDS = {"left": "left out"}


class SweepProgress(Progress):
    """A listener to a sweep's segments, and to the steps of those that are computed in this process."""

    def __init__(self, todo: Sequence[Segment], sizes: Mapping[str, float]) -> None:
        super().__init__()
        self._grid = GridOutlook(list(todo), sizes)
        self._ended: Counter[SegmentState] = Counter()
        self._at: dict[str, float] = {}

    def begin(self, outlook: Outlook) -> None:
        """Ignored: the grid's row has the totals."""

    def told(self, segment: Segment, state: SegmentState, why: str) -> None:
        """See `sirev.api.sweep.SegmentTold`."""
        with self._lock:
            now = time.monotonic()
            if segment not in self._grid.segments:  # further evaluations of the last model of a run that ends before T
                self._grid.segments.append(segment)
            if state == "running":
                self._at.setdefault(segment.id, now)
                self._grid.begin(segment.id, now)
                self._show_begun(segment, why)
            else:
                self._grid.end(segment.id, now, computed=state == "done")
                self._ended[state] += 1
                self._hide(segment)
                self._say_ended(segment, state, why, now)
            self._update_grid(now)

    def _show_begun(self, segment: Segment, where: str) -> None:
        if not self.on_terminal:
            return
        if not self.has(WHOLE):
            self.show(WHOLE, description="sweep", step="", state="")
        if where:  # on another machine; a segment that is computed here shows its steps
            self.show(
                segment.id, again=self.has(segment.id), step=segment.leader, state=f"on {where}", description=_runs(segment)
            )

    def _hide(self, segment: Segment) -> None:
        """Hide the rows of a segment and of its runs."""
        for name in (segment.id, *segment.runs):
            if self.has(name):
                self.show(name, visible=False)

    def _say_ended(self, segment: Segment, state: SegmentState, why: str, now: float) -> None:
        place = f"{self._ended.total()}/{len(self._grid.segments)}"
        took = f" in {time_taken(now - self._at[segment.id])}" if state == "done" and segment.id in self._at else ""
        reason = f": {why}" if state == "failed" else ""
        with self.aside():
            say_if_read(f"{place:>9}  {title(segment)}  {_WORDS.get(state, state)}{took}{reason}")

    def _update_grid(self, now: float) -> None:
        done, runs = self._grid.runs
        left = self._grid.seconds_left(now)
        about = "" if left is None else f", {time_left(left)}"
        total = len(self._grid.segments)
        if self.has(WHOLE):
            ended = len(self._grid.ended)
            self.show(
                WHOLE, total=total, completed=ended, step=f"{ended} of {total} segments", state=f"{done} of {runs} runs{about}"
            )
        elif self._ended and self.due(WHOLE, self._began, now):
            self.line(WHOLE, f"{done} of {runs} runs, {len(self._grid.ended)} of {total} segments{about}", now)


def title(segment: Segment) -> str:
    """The title of a segment: its first step, and its runs."""
    return f"{segment.leader} of {_runs(segment)}"


def _runs(segment: Segment) -> str:
    """The runs of a segment: the first by name, the others counted."""
    runs = sorted(segment.runs)
    return runs[0] + (f" and {len(runs) - 1} more" if len(runs) > 1 else "")
