"""The command `sirev`: runs a subcommand, and ends with the right exit status and one line about an error."""

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

# Imports make many objects and little garbage: at the default threshold, collection takes 5% of a replay's time.
gc.set_threshold(100_000)

RESUMABLE = {130: "interrupted", 143: "terminated", 129: "hung up"}
"""Exit statuses after which the same command continues -> what happened."""
DECIDES_NUMBERS = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "OPENBLAS_CORETYPE")
"""Variables that numpy and its BLAS read at import: other instructions round differently."""


def main() -> None:
    """Entry point. Exits with 0; 1 if a stage failed; 2 for bad input; 130 after Ctrl-C; 143 or 129 after SIGTERM or SIGHUP."""
    status: int
    for name in DECIDES_NUMBERS:
        os.environ.pop(name, None)
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # a plugin may change what is valid; the search reads every package
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
        with contextlib.suppress(OSError):  # after SIGHUP the terminal may be gone
            say(f"sirev: {RESUMABLE[status]}; run the same command again to continue")
    _leave(status)


def _status_of(error: BaseException) -> int:
    """Report an error on one line, and return the exit status. An unexpected error is raised again."""
    if (status := _signal_status()) is not None:
        return status  # pydantic's core, for example, wraps an exception of a signal handler
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
            with contextlib.suppress(OSError):  # standard error may be full too
                say(f"sirev: failed: {line}")
            return _drained()
        case MemoryError():
            say("sirev: failed: out of memory")
            return 1
        case Exception() if hasattr(error, "format_message"):  # Typer's errors about options
            helping = type(error).__name__ == "NoArgsIsHelpError"  # `sirev` alone: its message is the whole help
            say(*f"{'' if helping else 'sirev: error: '}{error.format_message()}".split("\n"))
            return 2
    raise error


def _drained() -> int:
    """Discard the rest of standard output, so that its error is reported only once; return the exit status."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (the process ends)
    return 1


def _flushed(status: int) -> int:
    """Flush standard output; return the exit status, which is a failure for any error but a broken pipe."""
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
    """The exit status of the signal that ended the command; None if none did."""
    return 130 if _interrupted else terminated_status()


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _leave(status: int) -> NoReturn:
    """End the process without the interpreter's shutdown, which takes a sixth of a replay's time."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # reported before, or the output is closed
        pass
    os._exit(status)
