"""Progress of a push or pull: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from sirev.cli.bars import Bars
from sirev.cli.units import size_text
from sirev.printing import text_column
from sirev.store.sharing.backend import TransferProgress

TRANSFER = "transfer"


class Moving(Bars, TransferProgress):
    """Progress of a transfer by several threads, in files and bytes."""

    lines_every = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._what = ""
        self._files = self._all_files = self._bytes = self._all_bytes = 0
        self._began = time.monotonic()

    def begin(self, what: str, files: int, size: int) -> None:
        """Begin a transfer of so many files and bytes; `what` is its name."""
        with self._lock:
            self._what, self._files, self._bytes = what, 0, 0
            self._all_files, self._all_bytes = files, size
            if self.on_terminal and files:
                self.show(TRANSFER, again=True, total=size or files, description=self._words())

    def advance(self, files: int, size: int) -> None:
        """Add finished files and bytes."""
        with self._lock:
            self._files += files
            self._bytes += size
            now = time.monotonic()
            if self.shown:
                done = self._bytes if self._all_bytes else self._files
                self.show(TRANSFER, completed=done, description=self._words())
            elif self.due(TRANSFER, self._began, now):
                self.line(TRANSFER, f"sirev: {self._words()}", now)

    def columns(self) -> Sequence[Any]:
        """See `Bars`."""
        from rich.progress import BarColumn, TimeRemainingColumn

        return text_column("{task.description}"), BarColumn(), TimeRemainingColumn()

    def _words(self) -> str:
        files = f"{self._what}: {self._files} of {self._all_files} files"
        return f"{files}, {size_text(self._bytes)} of {size_text(self._all_bytes)}" if self._all_bytes else files
