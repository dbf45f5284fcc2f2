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
from sirev.cli.output import complaint, spell_out_what_is_lacking
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

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> None:
    """Entry point: 0, 1 where a stage failed, 2 for bad input, 130 when interrupted, 143 and 129 for SIGTERM and SIGHUP."""
    status: int
    for name in DECIDES_NUMBERS:
        os.environ.pop(name, None)
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup sirev ...` ignores SIGHUP, and goes on doing so
            signal.signal(number, _terminate)
    spell_out_what_is_lacking()
    try:
        status = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except SirevError as error:
        say(*(f"sirev: {'error' if isinstance(error, BadInput) else 'failed'}: {line}" for line in str(error).splitlines()))
        status = error.exit_status
    except KeyboardInterrupt:
        status = 130
    except Terminated as asked:
        status = 128 + asked.number
    except BrokenPipeError:  # `sirev report | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 0
    except OSError as error:  # `sirev report > FILE` on a full disk
        if (said := complaint(error)) is None:
            raise
        say(f"sirev: failed: {said}")
        status = 1
    except MemoryError:
        say("sirev: failed: out of memory")
        status = 1
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's own complaints about options
            raise
        helping = type(error).__name__ == "NoArgsIsHelpError"  # `sirev` alone: its message is the whole help
        say(*f"{'' if helping else 'sirev: error: '}{error.format_message()}".split("\n"))
        status = 2
    if status in RESUMABLE:
        with contextlib.suppress(OSError):  # after SIGHUP there may be no terminal to say it to
            say(f"sirev: {RESUMABLE[status]}; run the same command again to continue")
    _leave(status)


_asked = -math.inf
"""When a signal last asked the command to end, by the monotonic clock."""


def _terminate(number: int, frame: FrameType | None) -> None:
    global _asked
    if time.monotonic() - _asked < AGAIN:  # `timeout` and schedulers signal process and group: once is enough
        return
    _asked = time.monotonic()
    raise Terminated(number)


def _leave(status: int) -> NoReturn:
    """End the process without taking it apart piece by piece, which takes a replay a sixth of its time."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads the output any more
        pass
    os._exit(status)
