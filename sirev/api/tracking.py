"""`--track`: training curves and measures are sent to a tracker during runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sirev.execution.listener import Listener, State
from sirev.execution.planner import Planner
from sirev.execution.tracker_target import tracker_target
from sirev.quoting import as_typed
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.remedies import store_option
from sirev.study.step_names import stage_of
from sirev.trackers.dispatch import TrackerTarget

if TYPE_CHECKING:
    from sirev.execution.outlook import Outlook
    from sirev.trainers.dispatch import LogEntry


UNANSWERED_SECONDS = 60.0
"""Seconds that a command waits at its end for a tracker that does not respond."""
HASTE_SECONDS = 5.0
"""The same after a signal."""


class Tracking(Listener):
    """A listener that passes all events on to another one, and sends curves and measures to a tracker."""

    def __init__(
        self,
        target: TrackerTarget,
        store: Path,
        runs: Sequence[Run],
        planner: Callable[[Store, Run], Planner],
        inner: Listener,
    ) -> None:
        from sirev.api.run_sender import RunSender  # only needed with a tracker
        from sirev.execution.tracker import Tracker

        self._runs = runs
        self._inner = inner
        self._tracker = Tracker(target, partial(self._failed, store))
        self._sender = RunSender(self._tracker, store, planner, inner.note)
        self._lock = threading.Lock()
        self._unsent: dict[str, dict[str, list[tuple[int, LogEntry]]]] = {}
        """Run -> training -> entries since the tracker's last job for curves of this run."""
        self._measured: set[str] = set()
        """Runs for whose measures the tracker has a waiting job."""

    def begin(self, outlook: Outlook) -> None:
        """See `Listener`."""
        self._inner.begin(outlook)

    def step(self, run: Run, name: str, state: State) -> None:
        """See `Listener`. After the last measure of an M_t, its values are sent."""
        self._inner.step(run, name, state)
        if state == "start" or stage_of(name) != "measure":
            return
        with self._lock:
            known = run.id in self._measured
            self._measured.add(run.id)
        if not known:
            self._tracker.submit(partial(self._send_measured, run))

    def wait(self, run: Run, name: str, words: str) -> None:
        """See `Listener`."""
        self._inner.wait(run, name, words)

    def asking(self, text: str) -> None:
        """See `Listener`."""
        self._inner.asking(text)

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        """See `Listener`."""
        self._inner.progress(run, name, done, total, unit, rate)

    def log(self, run: Run, name: str, step: int, entry: LogEntry) -> None:
        """See `Listener`. Entries that arrive while the tracker is busy are sent together."""
        self._inner.log(run, name, step, entry)
        if self._tracker.over:
            return
        with self._lock:
            known = run.id in self._unsent
            self._unsent.setdefault(run.id, {}).setdefault(name, []).append((step, entry))
        if not known:
            self._tracker.submit(partial(self._send_curves, run))

    def note(self, run: Run, text: str) -> None:
        """See `Listener`."""
        self._inner.note(run, text)

    def warn(self, run: Run, text: str) -> None:
        """See `Listener`."""
        self._inner.warn(run, text)

    def end(self) -> None:
        """Send all stored results of the runs that were not sent before, and wait for the tracker."""
        for run in self._runs:
            self._tracker.submit(partial(self._sender.send_rest, run.id))
        self._sender.close(UNANSWERED_SECONDS)

    def break_off(self) -> None:
        """End the tracker, with a few seconds for its waiting jobs."""
        self._sender.close(HASTE_SECONDS)

    def _send_curves(self, run: Run) -> None:
        with self._lock:
            curves = self._unsent.pop(run.id)
        self._sender.send_curves(run, curves)

    def _send_measured(self, run: Run) -> None:
        with self._lock:
            self._measured.discard(run.id)
        self._sender.send_measured(run)

    def _failed(self, store: Path, reason: str) -> None:
        target = self._tracker.target
        if len(self._runs) == 1:
            command = as_typed("sirev", "track", self._runs[0].id, "--track", target)
            rest = f"Once the run is finished: {command}{store_option(Store(store))}"
        else:
            rest = f"The same command with {as_typed('--track', target)} sends the rest"
        self._inner.warn(self._runs[0], f"{target} failed: {reason.rstrip('.')}. Nothing more is sent; runs continue. {rest}")


@contextlib.contextmanager
def tracking(
    track: str | None, store: Path, runs: Sequence[Run], planner: Callable[[Store, Run], Planner], listener: Listener
) -> Iterator[Listener]:
    """A context that yields a listener; if a tracker is named, events are sent to it, and the rest of `runs` at the end.

    `planner` plans a run from a store. Raises BadInput for an unknown tracker or one that is not installed. A tracker that fails
    only causes a warning.
    """
    target = tracker_target(track)
    if target is None:
        yield listener
        return
    told = Tracking(target, store, runs, planner, listener)
    try:
        yield told
    except Exception:
        told.end()
        raise
    except BaseException:  # a signal or Ctrl-C
        told.break_off()
        raise
    told.end()
