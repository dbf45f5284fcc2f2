"""`--track`: training curves and measures go to a tracker while runs go on."""

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
"""How long the end of a command waits for a tracker that does not respond."""
HASTE_SECONDS = 5.0
"""The same, where a signal ends the command."""


class Tracking(Listener):
    """Passes on what a listener is told, and has a tracker sent what there is to see of it."""

    def __init__(
        self,
        target: TrackerTarget,
        store: Path,
        runs: Sequence[Run],
        planner: Callable[[Store, Run], Planner],
        inner: Listener,
    ) -> None:
        from sirev.api.run_sender import RunSender  # a command without a tracker has no use for these
        from sirev.execution.tracker import Tracker

        self._runs = runs
        self._inner = inner
        self._tracker = Tracker(target, partial(self._failed, store))
        self._sender = RunSender(self._tracker, store, planner, inner.note)
        self._lock = threading.Lock()
        self._unsent: dict[str, dict[str, list[tuple[int, LogEntry]]]] = {}
        """Run -> training -> what came since the tracker's last job about curves of this run."""
        self._measured: set[str] = set()
        """Runs that the tracker has a job about: what was measured."""

    def begin(self, outlook: Outlook) -> None:
        """See `Listener`."""
        self._inner.begin(outlook)

    def step(self, run: Run, name: str, state: State) -> None:
        """See `Listener`. With the last measure of an M_t its values are sent."""
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
        """See `Listener`. What comes until the tracker has time for it is sent together."""
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
        """Send what the store has of the runs and was not sent before, and wait for the tracker."""
        for run in self._runs:
            self._tracker.submit(partial(self._sender.send_rest, run.id))
        self._sender.close(UNANSWERED_SECONDS)

    def break_off(self) -> None:
        """End the tracker, with no more than a moment for what it was given."""
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
    """While it lasts, and if a tracker is named, send it what the listener that it yields is told; at the end the rest of `runs`.

    `planner` plans a run from a store. BadInput for a tracker that is not known or not installed. One that fails is a warning.
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
    except BaseException:  # a signal asks for the end
        told.break_off()
        raise
    told.end()
