"""What a push or a pull shows while it goes on: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from types import TracebackType
from typing import Any

from sirev.cli.units import size_text
from sirev.printing import console, say, text_column

TRANSFER_SECONDS = 10.0


class Moving:
    """Told by several threads how many files and bytes have moved; see `sirev.store.sharing.backend.TransferProgress`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._what = ""
        self._files = self._all_files = self._bytes = self._all_bytes = 0
        self._said = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Moving:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal is gone
                self._bar.stop()

    def begin(self, what: str, files: int, size: int) -> None:
        """So many files and bytes are to move now."""
        with self._lock:
            self._what, self._files, self._bytes = what, 0, 0
            self._all_files, self._all_bytes = files, size
            if sys.stderr.isatty() and files:
                self._draw()

    def advance(self, files: int, size: int) -> None:
        """So many more have moved."""
        with self._lock:
            self._files += files
            self._bytes += size
            if self._bar is not None:
                done = self._bytes if self._all_bytes else self._files
                self._bar.update(self._task, completed=done, description=self._words())
            elif time.monotonic() - self._said >= TRANSFER_SECONDS:
                self._said = time.monotonic()
                say(f"sirev: {self._words()}")

    def _words(self) -> str:
        files = f"{self._what}: {self._files} of {self._all_files} files"
        return f"{files}, {size_text(self._bytes)} of {size_text(self._all_bytes)}" if self._all_bytes else files

    def _draw(self) -> None:
        from rich.progress import BarColumn, Progress, TimeRemainingColumn

        if self._bar is None:
            columns = (text_column("{task.description}"), BarColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=1)
        self._bar.reset(self._task, total=self._all_bytes or self._all_files, description=self._words())
