"""The listener that is told of the runs of an invocation while they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sirev.store.runs import Run

if TYPE_CHECKING:
    from sirev.execution.outlook import Outlook
    from sirev.trainers.dispatch import LogEntry

State = Literal["hit", "start", "done"]


class Listener:
    """Told what happens, from several threads at once, and ignores it: inherit it and define what is to be heard."""

    def begin(self, outlook: Outlook) -> None:
        """Something has to be computed: the steps of all runs, and what is known of how long they take. Told first, and once."""

    def step(self, run: Run, name: str, state: State) -> None:
        """A step was found, begins, or was computed."""

    def wait(self, run: Run, name: str, words: str) -> None:
        """A step is being computed elsewhere, or no longer waits for that: "waiting for process 7 on that-machine"."""

    def asking(self, text: str) -> None:
        """A place elsewhere is slow to answer, before anything else: "asking hf://buckets/OWNER/NAME for what it has"."""

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        """A long step is at `done` of `total` units, at `rate` tokens a second; of a grade step, answers a second."""

    def log(self, run: Run, name: str, step: int, entry: LogEntry) -> None:
        """A training notes something of an optimizer step: {"loss": ..., "learning_rate": ...}, by the names of TRL."""

    def note(self, run: Run, text: str) -> None:
        """Something the user should know about the run, one line."""

    def warn(self, run: Run, text: str) -> None:
        """Something that the user must know at once."""
