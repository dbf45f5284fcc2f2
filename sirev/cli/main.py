"""The command `sirev`: runs what was asked for, and ends with one line about what went wrong and the right exit status."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from sirev.cli.app import app
from sirev.cli.output import complaint, open_what_is_closed, spell_out_what_is_lacking
from sirev.errors import BadInput, SirevError
from sirev.printing import say
from sirev.processes.termination import raise_terminated, terminated_status

# Imports make many objects and hardly any garbage: at the usual threshold a replay spends 5 % of its time looking for some.
gc.set_threshold(100_000)

RESUMABLE = {130: "interrupted", 143: "terminated", 129: "hung up"}
"""Exit statuses after which the same command goes on from where this one was -> what happened."""
DECIDES_NUMBERS = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "OPENBLAS_CORETYPE")
"""Variables that numpy and its BLAS read as they are loaded: other instructions round otherwise."""


def main() -> None:
    """Entry point: 0, 1 where a stage failed, 2 for bad input, 130 when interrupted, 143 or 129 when asked to end."""
    status: int
    for name in DECIDES_NUMBERS:
        os.environ.pop(name, None)
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")
    raise_terminated()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a background job ignores it
        signal.signal(signal.SIGINT, _interrupt)
    open_what_is_closed()
    spell_out_what_is_lacking()
    try:
        status = app(standalone_mode=False) or 0
        if status:  # Typer takes every KeyboardInterrupt for Ctrl-C
            status = _signal_status() or status
    except BaseException as error:
        status = _status_of(error)
    status = _flushed(status)
    if status in RESUMABLE:
        with contextlib.suppress(OSError):  # after SIGHUP there may be no terminal to say it to
            say(f"sirev: {RESUMABLE[status]}; run the same command again to continue")
    _leave(status)


def _status_of(error: BaseException) -> int:
    """Say what went wrong, in a line; the exit status for it. An error of sirev's own making is raised again."""
    if (status := _signal_status()) is not None:
        return status  # pydantic's core, for one, makes an error of its own of what a handler raises
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


_interrupted = False


def _signal_status() -> int | None:
    """The exit status for the signal that ended the command; None if none did."""
    return 130 if _interrupted else terminated_status()


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _leave(status: int) -> NoReturn:
    """End the process without taking it apart piece by piece, which takes a replay a sixth of its time."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # said before, or nobody reads the output any more
        pass
    os._exit(status)
