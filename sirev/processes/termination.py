"""Signals that ask a process to end, from `kill`, a scheduler that takes the machine, or a closed terminal.

They often reach the whole process group. The parent raises `Terminated` in its main thread and decides what its children
do. A child only notes the request; a training in it saves its state after the current optimizer step.
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
"""Signal -> exit status of a command that it ended. Slurm's `--signal` and submitit send SIGUSR2 in advance."""
SAVING_SECONDS = 45.0
"""Time for trainings to save their state before the process ends; schedulers often grant a minute in total."""
AGAIN_SECONDS = 5.0
"""Time within which a second signal is the same request, since `timeout` and schedulers signal both process and group."""
WAKES = 1.0
"""Seconds after which a waiting main thread wakes: it handles the signals, and one that another thread received does not wake
it."""


class Terminated(KeyboardInterrupt):
    """Raised for a signal that asks this process to end. Not an Exception, so that no `except Exception` handles it as a failure.

    Libraries in C, such as Ray, continue or fail if a handler raises anything but a KeyboardInterrupt, and raise a new one.
    """


_asked = -math.inf
"""Time of the last signal that raised Terminated, by the monotonic clock."""
_status: int | None = None
_noted = False


def raise_terminated() -> dict[signal.Signals, Any]:
    """Make these signals raise Terminated in the main thread from now on; returns the previous handlers.

    Ignored signals stay ignored: `nohup sirev ...` ignores SIGHUP. Call this in the main thread.
    """
    return _handled_by(_terminate)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within the context, make these signals raise Terminated in the main thread.

    For work inside a foreign process, such as a segment of a sweep in a cluster's worker:

        with terminable():
            sweep.compute(segment)

    Trainings in the block save their state within SAVING_SECONDS. Then Terminated propagates to the caller, which can start
    the work again elsewhere. Outside the main thread, where Python handles no signals, this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = raise_terminated()
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # a handler that was not set from Python can't be restored
                signal.signal(number, handler)


def terminated_status() -> int | None:
    """The exit status for the last signal that raised Terminated; None if there was none."""
    return _status


def saving_seconds_left() -> float:
    """Seconds left of SAVING_SECONDS since the last signal; 0 without one."""
    return max(0.0, _asked + SAVING_SECONDS - time.monotonic())


def note_termination() -> None:
    """Only note these signals from now on; for children."""
    _handled_by(_note)


def termination_noted() -> bool:
    """Whether this child has received such a signal."""
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
