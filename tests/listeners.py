"""Listeners for tests."""

from __future__ import annotations

from sirev.execution.listener import Listener
from sirev.store.runs import Run


class Heard(Listener):
    """A listener that records notes and warnings."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, run: Run, text: str) -> None:
        self.notes.append(text)

    def warn(self, run: Run, text: str) -> None:
        self.warnings.append(text)
