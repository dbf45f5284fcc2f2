"""Signals that ask a process to end: those of `kill`, of a scheduler that takes the machine, of a terminal that goes away.

They often reach the whole process group. The parent raises `Terminated` in its main thread and decides what its children do; a
child only notes that it was asked, and a training in it saves its state after the optimizer step that it is at.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

EXIT_STATUSES = {signal.SIGTERM: 143, signal.SIGUSR2: 143, signal.SIGHUP: 129}
"""Signal -> the exit status of a command that it ended. SIGUSR2 is what Slurm's `--signal` and submitit send in advance."""
SAVING_SECONDS = 45.0
"""How long a process that is to end waits for its trainings to save their state; schedulers often grant a minute in all."""
AGAIN_SECONDS = 5.0
"""Within so many seconds a second signal is taken for the same request: `timeout` and schedulers signal process and group."""


class Terminated(KeyboardInterrupt):
    """A signal that asks this process to end. No Exception, so that nothing on the way takes it for a failure of its own.

    Libraries in C, such as Ray, go on or break down where a handler raises anything but a KeyboardInterrupt, and raise one anew.
    """


_asked = -math.inf
"""When a signal last raised Terminated, by the monotonic clock."""
_status: int | None = None
_noted = False


def raise_terminated() -> dict[signal.Signals, Any]:
    """Have these signals raise Terminated in the main thread from now on; the handlers that they had.

    A signal that is ignored stays so: `nohup sirev ...` ignores SIGHUP. Call it in the main thread.
    """
    return _handled_by(_terminate)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Have these signals raise Terminated in the main thread for as long as the `with` block lasts.

    For work inside a process of somebody else's, such as a segment of a sweep in a cluster's worker:

        with terminable():
            sweep.compute(segment)

    What computes in the block has its trainings save their state within SAVING_SECONDS; then Terminated goes on to the caller,
    who has the work begun again elsewhere. Outside the main thread, where Python handles no signals, it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = raise_terminated()
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # one that was not set from Python can't be put back by it
                signal.signal(number, handler)


def terminated_status() -> int | None:
    """The exit status for the last signal that raised Terminated; None if none did."""
    return _status


def saving_seconds_left() -> float:
    """How much of SAVING_SECONDS the last signal leaves to what is to be saved."""
    return max(0.0, _asked + SAVING_SECONDS - time.monotonic())


def note_termination() -> None:
    """In a child: only note these signals from now on."""
    _handled_by(_note)


def termination_noted() -> bool:
    """Whether this child was asked to end."""
    return _noted


def _handled_by(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, Any]:
    numbers = [number for number in EXIT_STATUSES if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in numbers}


def _terminate(number: int, frame: FrameType | None) -> None:
    global _asked, _status
    if time.monotonic() - _asked < AGAIN_SECONDS:
        return
    _asked, _status = time.monotonic(), EXIT_STATUSES[signal.Signals(number)]
    raise Terminated


def _note(number: int, frame: FrameType | None) -> None:
    global _noted
    _noted = True
