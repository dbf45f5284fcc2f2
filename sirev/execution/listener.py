"""The listener for events of the runs of an invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sirev.store.runs import Run

if TYPE_CHECKING:
    from sirev.execution.outlook import Outlook
    from sirev.trainers.dispatch import LogEntry

State = Literal["hit", "start", "done"]


class Listener:
    """A listener that ignores all events; subclasses override methods, which several threads call at once."""

    def begin(self, outlook: Outlook) -> None:
        """Something has to be computed; `outlook` has the steps of all runs and expected times. Called once, at first."""

    def step(self, run: Run, name: str, state: State) -> None:
        """A step is cached, begins, or was computed."""

    def wait(self, run: Run, name: str, words: str) -> None:
        """A step waits for another process, or stops waiting: "waiting for process 7 on that-machine"."""

    def asking(self, text: str) -> None:
        """A place elsewhere is slow to answer, before anything else: "asking hf://buckets/OWNER/NAME for what it has"."""

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        """A long step is at `done` of `total` units; `rate` is in tokens per second, for grades in answers per second."""

    def log(self, run: Run, name: str, step: int, entry: LogEntry) -> None:
        """A training logs an optimizer step: {"loss": ..., "learning_rate": ...}, with TRL's names."""

    def note(self, run: Run, text: str) -> None:
        """A note about the run for the user, one line."""

    def warn(self, run: Run, text: str) -> None:
        """A warning about the run for the user."""
