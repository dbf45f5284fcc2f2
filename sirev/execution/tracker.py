"""A tracker in a process of its own, which a thread of this one tells: it can neither delay nor change nor end a run."""

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
    """Jobs that send to a tracker, done one by one; the first that fails is told of, and ends the sending."""

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
        """Whether nothing more is sent."""
        return self._over.is_set()

    def submit(self, job: Callable[[], None]) -> None:
        """Have a job done by the tracker's thread; left undone once one has failed."""
        if not self.over:
            self._pool.submit(self._do, job)

    def send(self, run: TrackedRun, points: list[TrackedPoint], facts: dict[str, str]) -> None:
        """Add to a tracked run; for jobs alone."""
        self._call(self._resident(), add_to_run, Sending(self.target, run, points, facts))

    def send_page(self, run: TrackedRun, page: Path) -> str | None:
        """Add its page to a tracked run, and return why the tracker did not take it; for jobs alone."""
        return self._call(self._resident(), add_page_to_run, PageSending(self.target, run, page))

    def alive(self) -> None:
        """Note that a job goes on."""
        self._moved = time.monotonic()

    @property
    def scratch(self) -> Path:
        """A folder for what jobs make; for jobs alone."""
        self._scratch = self._scratch or Scratch()
        return self._scratch.path

    def close(self, seconds: float, arrived: Callable[[], None]) -> None:
        """Wait until all is sent, or until for so many seconds nothing was, and end the process.

        `arrived` is called once the tracker has everything; never where it failed.
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
                self._child.kill()  # a job that waits for it fails, and is told of by nobody
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
        except Exception as error:  # whatever a tracker, its server or its disk does, the runs go on
            self._give_up(str(error))
            with contextlib.suppress(SirevError):  # its runs are ended there, as far as they got
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
    """No tracker emits events."""
