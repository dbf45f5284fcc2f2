"""A tracker in a separate process, fed by a thread of this one, so that it can't delay, change or end a run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from sirev.errors import SirevError, StageFailed
from sirev.execution.scratch import Scratch
from sirev.processes.requests import Progress, Request, Result, Work
from sirev.processes.resident import Resident
from sirev.trackers.dispatch import (
    Finish,
    PageSending,
    Sending,
    TrackedPoint,
    TrackedRun,
    TrackerTarget,
    add_page_to_run,
    add_to_run,
    finish_runs,
)

_POLL_SECONDS = 0.2


class Tracker:
    """A queue of jobs that send to a tracker; the first failure is passed to `failed` and ends the sending."""

    def __init__(self, target: TrackerTarget, failed: Callable[[str], None]) -> None:
        self.target = target
        self._failed = failed
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sirev-tracker")
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._scratch: Scratch | None = None
        self._child: Resident | None = None
        self._moved = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether sending has ended."""
        return self._over.is_set()

    def submit(self, job: Callable[[], None]) -> None:
        """Queue a job for the tracker's thread; ignored once one has failed."""
        if not self.over:
            self._pool.submit(self._do, job)

    def send(self, run: TrackedRun, points: list[TrackedPoint], facts: dict[str, str]) -> None:
        """Add points and facts to a tracked run; only for jobs."""
        self._call(self._resident(), add_to_run, Sending(self.target, run, points, facts))

    def send_page(self, run: TrackedRun, page: Path) -> str | None:
        """Add its page to a tracked run; returns why the tracker refused it, None if it did not. Only for jobs."""
        return self._call(self._resident(), add_page_to_run, PageSending(self.target, run, page))

    def alive(self) -> None:
        """Note that a job makes progress."""
        self._moved = time.monotonic()

    @property
    def scratch(self) -> Path:
        """A scratch folder; only for jobs."""
        self._scratch = self._scratch or Scratch()
        return self._scratch.path

    def close(self, seconds: float, arrived: Callable[[], None]) -> None:
        """Wait until everything is sent, or until nothing was for `seconds`, then end the process.

        `arrived` is called once the tracker has everything; never after a failure.
        """
        self.alive()
        for job in (self._finish, arrived):
            last = self._pool.submit(self._do, job)
        try:
            while wait([last], timeout=_POLL_SECONDS).not_done:
                if time.monotonic() - self._moved > seconds:
                    self._give_up(f"it did not respond for {seconds:.0f} seconds")
                    break
        finally:
            with self._lock:
                self._over.set()
            if self._child is not None:
                self._child.kill()  # a job that waits for it fails silently
            self._pool.shutdown(cancel_futures=True)
            if self._scratch is not None:
                self._scratch.remove()

    def _finish(self) -> None:
        if self._child is not None:
            self._call(self._child, finish_runs, Finish())

    def _call(self, child: Resident, work: Work[Request, Progress, Result], request: Request) -> Result:
        result = child.call(work, request, _ignore)
        if child.starts > 1:
            raise StageFailed("its process died, and what it had not delivered is lost")
        self.alive()
        return result

    def _do(self, job: Callable[[], None]) -> None:
        if self._over.is_set():
            return
        try:
            job()
        except Exception as error:  # no failure of a tracker, its server or its disk may end a run
            self._give_up(str(error))
            with contextlib.suppress(SirevError):  # ends its runs there, as far as they got
                self._finish()
        self.alive()

    def _give_up(self, reason: str) -> None:
        if not self._over.is_set():
            self._over.set()
            self._failed(reason)

    def _resident(self) -> Resident:
        with self._lock:
            if self._over.is_set():
                raise StageFailed("stopped")
            if self._child is None:
                self._child = Resident("tracker", self.scratch / "tracker.log", 1, self.target.kind.passes)
            return self._child


def _ignore(event: Progress) -> None:
    """Ignore an event; trackers emit none."""
