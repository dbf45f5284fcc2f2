"""The sandbox's requests and results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Ended = Literal[
    "done",
    "exception",
    "syntax error",
    "cpu timeout",
    "wall timeout",
    "memory",
    "killed",
    "forbidden call",
    "no verdict",
]
"""How a program ended. "done": its parts ran and all questions were answered. "memory": it exceeded its limit and raised
MemoryError. "killed": by a signal that the sandbox did not send, such as a segmentation fault. "no verdict": it left before
it was done, or wrote an invalid answer."""

KEPT_STDERR = 500
"""Characters of a program's stderr that are kept."""
WALL = 6.0
"""The wall clock's limit, as a multiple of the CPU seconds: it ends programs that wait, but no honest one on a loaded machine."""


@dataclass(frozen=True)
class Question:
    """A question to a program once its parts have run.

    "value": `source` is an expression, and its value comes out. "holds": `source` is a statement, such as an assertion, that runs
    inside; that it raised nothing is only the program's word. `wrapped` is an expression of `value`, such as `len(value)`, whose
    value comes out where the value itself can't leave.
    """

    kind: Literal["value", "holds"]
    source: str
    wrapped: str = ""


@dataclass(frozen=True)
class Program:
    """Source texts, compiled separately and run one after another in one namespace, then questions.

    With `prelude` the namespace has the usual imports already (`sirev.grading.sandbox.inside.PRELUDE`).
    """

    parts: tuple[str, ...]
    questions: tuple[Question, ...]
    prelude: bool = True


@dataclass(frozen=True)
class Limits:
    """Limits per program: CPU seconds, rounded up to whole ones; bytes of memory beyond the interpreter's own."""

    seconds: float
    memory: int = 1 << 30

    @property
    def cpu(self) -> int:
        """Whole CPU seconds, as the kernel counts them."""
        return max(1, math.ceil(self.seconds))

    @property
    def wall(self) -> float:
        """Wall-clock seconds."""
        return WALL * self.cpu


@dataclass(frozen=True)
class Outcome:
    """The end and the answers of a program.

    `answers` holds the values of the questions up to the first unanswered one (None for a "holds" that held, a `Wrapped` where
    the value could not leave). `detail` is the exception and its last line, or the signal. `cpu` and `wall` are seconds and vary
    between runs; so may `stderr`, cut to 500 characters.
    """

    ended: Ended
    detail: str
    answers: tuple[Any, ...]
    stderr: str
    cpu: float
    wall: float
