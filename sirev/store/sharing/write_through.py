"""Write-through: artifacts published in a store are copied to a shared one, by a thread in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

from sirev.errors import SirevError
from sirev.store.records import Realisation
from sirev.store.runs import Run
from sirev.store.sharing import answering
from sirev.store.sharing.backend import JOBS, PATIENCE, RemoteFailed, TransferProgress
from sirev.store.sharing.push import pins_there, push, send_closure
from sirev.store.sharing.remote import Remote
from sirev.store.sharing.transfer import Moved
from sirev.store.store import Store
from sirev.store.upkeep.closure import Closure, add_realisation


class WriteThrough:
    """Copies the artifacts that `store` publishes to `remote`. After failures, `finish` sends what is still missing there."""

    def __init__(self, store: Store, remote: Remote) -> None:
        self._store, self._remote = store, remote
        self.url = remote.url
        self._waiting: set[Realisation] = set()
        self._failed: set[Realisation] = set()
        self._sent: set[Realisation] = set()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._progress = _Stoppable()
        self._thread: threading.Thread | None = None
        self.moved = Moved()
        """Counts of what was sent so far."""
        self.twice: set[str] = set()
        """Keys that were computed both here and elsewhere: the shared store had no result at lookup, but one at upload."""

    def open(self) -> None:
        """Create the shared store if the place is empty; BadInput or RemoteFailed if it can't be written."""
        self._remote.create()
        self._remote.try_writing()

    @property
    def begun(self) -> bool:
        """Whether anything was there to be sent."""
        return self._thread is not None

    def reopen(self, waiting: Callable[[str], None]) -> None:
        """Do as `open` at the end, for a shared store that did not answer at first.

        Raises the errors of `await_answer`, also if a request of the background thread is stuck: `finish` would wait for it.
        """
        before = self._progress.pieces
        self.drain(answering.ANSWER_SECONDS)
        if self._thread is not None and self._thread.is_alive() and self._progress.pieces == before:
            raise RemoteFailed(f"{self.url} still does not answer")
        answering.await_answer(self._remote, waiting, answering.ANSWER_SECONDS)
        self.open()

    def add(self, key: str, artifact: str) -> None:
        """Queue a published artifact for copying."""
        with self._changed:
            self._waiting.add((key, artifact))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sirev-push", daemon=True)
                self._thread.start()
            self._changed.notify()

    def finish(self, runs: Sequence[Run], found: Collection[Realisation] = ()) -> None:
        """Wait for the background thread, then send what the shared store still lacks of `found` and the finished `runs`.

        Raises the errors of `push`.
        """
        self._close()
        if self._thread is not None:
            self._thread.join()
        self.send(self._failed | self._waiting | set(found))
        finished = [run for run in runs if run.status != "running"]
        # Runs are sent last: a shared store with a run has everything that it pins.
        if lacking := [run for run in finished if pins_there(self._remote, run.id) != run.pins]:
            moved = push(self._store, self._remote, lacking, jobs=JOBS)
            self.moved.bytes += moved.bytes
            self.moved.files += moved.files
            self.moved.said += moved.said

    def drain(self, seconds: float) -> None:
        """Let the background thread send the queue, for at most this many seconds; the shared store may then lack something."""
        self._close()
        if self._thread is not None:
            self._thread.join(seconds)

    def send(self, found: Collection[Realisation]) -> None:
        """Send realisations now, unless they were sent before; raises the errors of `push`."""
        self._send(set(found) - self._sent)

    def stop(self) -> None:
        """Stop sending, including transfers in progress."""
        self._progress.stopped.set()
        self._close()

    def _close(self) -> None:
        with self._changed:
            self._closed.set()
            self._changed.notify()

    def _work(self) -> None:
        failures = 0
        while failures < PATIENCE and not self._progress.stopped.is_set() and (batch := self._batch()):
            try:
                self._send(batch, new=True)
                failures = 0
            except (SirevError, OSError, RuntimeError):  # RuntimeError at the interpreter's end; `finish` tries again and raises
                failures += 1
                self._failed |= batch

    def _batch(self) -> set[Realisation]:
        """Wait for queued realisations and return them; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed.is_set())
        self._closed.wait(self._remote.backend.write_seconds)
        with self._changed:
            batch, self._waiting = self._waiting, set()
        return batch

    def _send(self, batch: Collection[Realisation], new: bool = False) -> None:
        """Send realisations; for `new` ones, record the keys that had a result there in `twice`."""
        reached = Closure()
        for key, artifact in sorted(batch):
            add_realisation(self._store, reached, key, artifact, f"key {key[:12]}")
        there = send_closure(self._store, self._remote, reached, [], self.moved, JOBS, self._progress)
        self._sent |= set(batch)
        if new:
            self.twice |= there


class _Stoppable(TransferProgress):
    """Progress that ends a transfer, between two pieces, once `stopped` is set."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.pieces = 0
        """Number of pieces moved so far."""

    def advance(self, files: int, size: int) -> None:
        """See `TransferProgress`."""
        self.pieces += 1
        if self.stopped.is_set():
            raise RemoteFailed("interrupted")
