"""Listeners for tests."""

from __future__ import annotations

from sirev.execution.listener import Listener
from sirev.store.runs import Run


class Heard(Listener):
    """A listener that records questions to shared stores, notes and warnings."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def asking(self, text: str) -> None:
        self.asked.append(text)

    def note(self, run: Run, text: str) -> None:
        self.notes.append(text)

    def warn(self, run: Run, text: str) -> None:
        self.warnings.append(text)
