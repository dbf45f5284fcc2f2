"""Questions to the sandbox, and its answers."""

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
"""How a program ended. "done": its parts ran and all questions were answered. "memory": it had more than its share and raised
MemoryError. "killed": by a signal that was not ours, such as a segmentation fault. "no verdict": it left before it was done, or
wrote what is no answer."""

KEPT_STDERR = 500
"""Characters of what a program writes to stderr."""
WALL = 6.0
"""The wall clock's limit, in limits of CPU seconds: it ends programs that wait, and no honest one on a loaded machine."""


@dataclass(frozen=True)
class Question:
    """What is asked once a program's parts have run.

    "value": `source` is an expression, and its value comes out. "holds": `source` is a statement, such as an assertion, that
    runs inside; that it raised nothing is only as good as the program's word. `wrapped` is an expression of `value`, such as
    `len(value)`, whose value comes out where the value itself can't leave.
    """

    kind: Literal["value", "holds"]
    source: str
    wrapped: str = ""


@dataclass(frozen=True)
class Program:
    """Source texts that run one after another in one namespace, each compiled by itself; then the questions.

    With `prelude` the namespace has the usual imports already (`sirev.grading.sandbox.inside.PRELUDE`).
    """

    parts: tuple[str, ...]
    questions: tuple[Question, ...]
    prelude: bool = True


@dataclass(frozen=True)
class Limits:
    """Of each program: CPU seconds, rounded up to whole ones; bytes of memory beyond the interpreter's own."""

    seconds: float
    memory: int = 1 << 30

    @property
    def cpu(self) -> int:
        """Whole CPU seconds, as the kernel counts them."""
        return max(1, math.ceil(self.seconds))

    @property
    def wall(self) -> float:
        """Seconds by the clock."""
        return WALL * self.cpu


@dataclass(frozen=True)
class Outcome:
    """How a program ended and what it answered.

    `answers` holds the value of each question up to the first without one (None for a "holds" that held, a `Wrapped` where the
    value could not leave); `detail` says
    more: the exception and its last line, the signal. `cpu` and `wall` are seconds; they vary from run to run, as
    `stderr`, of which the first 500 characters are kept, may.
    """

    ended: Ended
    detail: str
    answers: tuple[Any, ...]
    stderr: str
    cpu: float
    wall: float
