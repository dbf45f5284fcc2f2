"""The command `sirev`: runs what was asked for, and ends with one line about what went wrong and the right exit status."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from sirev.cli.app import app
from sirev.cli.output import complaint, open_what_is_closed, spell_out_what_is_lacking
from sirev.errors import BadInput, SirevError
from sirev.printing import say

# Imports make many objects and hardly any garbage: at the usual threshold a replay spends 5 % of its time looking for some.
gc.set_threshold(100_000)

RESUMABLE = {130: "interrupted", 143: "terminated", 129: "hung up"}
"""Exit statuses after which the same command goes on from where this one was -> what happened."""
DECIDES_NUMBERS = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "OPENBLAS_CORETYPE")
"""Variables that numpy and its BLAS read as they are loaded: other instructions round otherwise."""
AGAIN = 5.0
"""Seconds within which a second signal is taken for the same request."""


class Terminated(BaseException):
    """A signal that asks the command to end. No Exception, so that nothing on the way takes it for a failure of its own."""


def main() -> None:
    """Entry point: 0, 1 where a stage failed, 2 for bad input, 130 when interrupted, 143 and 129 for SIGTERM and SIGHUP."""
    status: int
    for name in DECIDES_NUMBERS:
        os.environ.pop(name, None)
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup sirev ...` ignores SIGHUP, and goes on doing so
            signal.signal(number, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job ignores it
        signal.signal(signal.SIGINT, _interrupt)
    open_what_is_closed()
    spell_out_what_is_lacking()
    try:
        status = app(standalone_mode=False) or 0
    except BaseException as error:
        status = _status_of(error)
    status = _flushed(status)
    if status in RESUMABLE:
        with contextlib.suppress(OSError):  # after SIGHUP there may be no terminal to say it to
            say(f"sirev: {RESUMABLE[status]}; run the same command again to continue")
    _leave(status)


def _status_of(error: BaseException) -> int:
    """Say what went wrong, in a line; the exit status for it. An error of sirev's own making is raised again."""
    if _signal is not None:  # pydantic's core, for one, makes an error of its own of what a handler raises
        return 128 + _signal
    match error:
        case KeyboardInterrupt():
            return 130
        case SirevError():
            say(*(f"sirev: {'error' if isinstance(error, BadInput) else 'failed'}: {line}" for line in str(error).splitlines()))
            return error.exit_status
        case BrokenPipeError():  # `sirev report | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 0
        case OSError() if line := complaint(error):  # `sirev report > FILE` on a full disk
            with contextlib.suppress(OSError):  # standard error may be as full
                say(f"sirev: failed: {line}")
            return _drained()
        case MemoryError():
            say("sirev: failed: out of memory")
            return 1
        case Exception() if hasattr(error, "format_message"):  # Typer's own complaints about options
            helping = type(error).__name__ == "NoArgsIsHelpError"  # `sirev` alone: its message is the whole help
            say(*f"{'' if helping else 'sirev: error: '}{error.format_message()}".split("\n"))
            return 2
    raise error


def _drained() -> int:
    """Give up what is still to be written to standard output, so that it is not complained of twice; the exit status for it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (the process ends)
    return 1


def _flushed(status: int) -> int:
    """The exit status once standard output has taken all; what it can't take is a failure, unless nobody reads any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # `sirev report | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            say(f"sirev: failed: the output can't be written: {getattr(error, 'strerror', None) or error}")
        return status or 1
    return status


_asked = -math.inf
"""When a signal last asked the command to end, by the monotonic clock."""
_signal: int | None = None
"""The signal that did."""


def _terminate(number: int, frame: FrameType | None) -> None:
    global _asked, _signal
    if time.monotonic() - _asked < AGAIN:  # `timeout` and schedulers signal process and group: once is enough
        return
    _asked, _signal = time.monotonic(), number
    raise Terminated


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _signal
    _signal = number
    raise KeyboardInterrupt


def _leave(status: int) -> NoReturn:
    """End the process without taking it apart piece by piece, which takes a replay a sixth of its time."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # said before, or nobody reads the output any more
        pass
    os._exit(status)
