"""Segments of a sweep as tasks on the nodes of a Ray cluster."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sirev.api.sweep_task import MachineFacts, SentSweep
from sirev.errors import StageFailed
from sirev.execution.segments import Segment
from sirev.processes.termination import Terminated, terminable

BOARD_SECONDS = 2.0
"""Seconds between two queries of the board."""


class Board:
    """An actor on which tasks note that they have begun, and read whether to end."""

    def __init__(self) -> None:
        self._begun: list[tuple[str, str]] = []
        self._closed = False

    def begin(self, segment: str, host: str) -> None:
        """Note that a segment is being computed on a host."""
        self._begun.append((segment, host))

    def news(self) -> list[tuple[str, str]]:
        """(segment, host) of the notes since the last call."""
        news, self._begun = self._begun, []
        return news

    def close(self) -> None:
        """Ask all tasks to save the state of their trainings and end."""
        self._closed = True

    def closed(self) -> bool:
        """Whether tasks are asked to end."""
        return self._closed


def compute_segment(sent: SentSweep, wanted: MachineFacts, segment: Segment, board: Any, *parents: str) -> str:
    """Compute a segment and return its id, for the tasks that wait for it. `parents` are the results that this one waited for."""
    board.begin.remote(segment.id, socket.gethostname())
    with _ends_with(board) as ending:
        try:
            with terminable():
                sent.compute(segment, wanted)
        except Terminated:
            if ending.is_set():
                raise StageFailed("asked to end") from None
            sys.exit(f"{segment.id}: asked to end")  # like Ray's own handler, so that Ray retries the task elsewhere
    return segment.id


def check_machine(sent: SentSweep) -> None:
    """Raise BadInput if this machine can't compute the rest of a sweep; see `GridSweep.check`."""
    sent.received().check()


@contextmanager
def _ends_with(board: Any) -> Iterator[threading.Event]:
    """A context in which this process gets SIGTERM once the board is closed; yields an event that is set then.

    `ray.cancel` only interrupts Python code, not a thread that waits for a child.
    """
    import ray

    over, ending = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(BOARD_SECONDS):
            try:
                closed = ray.get(board.closed.remote(), timeout=BOARD_SECONDS)
            except ray.exceptions.RayError:  # a lost board is never closed
                continue
            if closed:
                ending.set()
                os.kill(os.getpid(), signal.SIGTERM)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield ending
    finally:
        over.set()
        watcher.join()
