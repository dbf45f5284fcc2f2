"""What a command shows while it compares runs that have not been compared together yet: a bar, or plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from types import TracebackType
from typing import Any

from sirev.cli.progress import PLAIN_SECONDS, duration
from sirev.printing import console, say, text_column


class Comparing:
    """A `sirev.study.comparing.Watch` that says on stderr what is going on. Rich is loaded only where there is a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._began = self._said = 0.0

    def __enter__(self) -> Comparing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def __call__(self, runs: int, done: int, models: int) -> None:
        """See `sirev.study.comparing.Watch`."""
        now = time.monotonic()
        if done == 0:
            self._stop()
            self._began = self._said = now
            what = "1 run" if runs == 1 else f"{runs} runs"
            say(f"sirev: comparing {what} (the store has no such comparison yet) ...")
            if sys.stderr.isatty():
                self._bar = _bar()
                self._task = self._bar.add_task("", total=models)
                self._bar.start()
        elif self._bar is not None:
            self._bar.update(self._task, completed=done)
        elif now - self._said >= PLAIN_SECONDS:
            self._said = now
            left = duration((now - self._began) * (models - done) / done)
            say(f"sirev: {done} of {models} models compared, {left}")

    def _stop(self) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal is gone
                self._bar.stop()
            self._bar = None


def _bar() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(bar_width=30), MofNCompleteColumn(), text_column("models"), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), transient=True)
