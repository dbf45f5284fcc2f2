"""Graders that a recipe or a user's own task can name. Importing this module loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sirev.grading import final_number


@dataclass(frozen=True)
class RegisteredGrader:
    """Facts about a grader that are needed before it runs."""

    version: int
    """Part of the key of every grade; any change that can flip a verdict raises it."""
    heavy: bool
    """Whether it runs in a resident child of its own; the others take a microsecond per answer and run in the caller."""
    says: str
    """The part of a completion that it compares with the gold answer, in one line."""
    needs: tuple[str, ...] = ()
    """Distributions whose versions can change a verdict; they are recorded with the grades."""


@dataclass(frozen=True)
class Settings:
    """Settings of a recipe's grader.

    Graders of programs read all but `function`, a user's own grader `seconds` and `function`, other heavy graders `seconds`
    alone.
    """

    seconds: float
    """CPU seconds per answer or program."""
    memory_mb: int = 1024
    sandbox: Literal["A", "B", "C"] = "B"
    """The lowest tier accepted."""
    prelude: bool = True
    function: str = ""
    """The user's function: "package.module:function" or "file.py:function"."""


OWN = "python"
"""The grader that calls a user's own function."""
_ALGEBRA = ("math-verify", "latex2sympy2_extended", "sympy")

GRADERS: dict[str, RegisteredGrader] = {
    "final_number": RegisteredGrader(final_number.FINAL_NUMBER_VERSION, False, 'the number after the last "####"'),
    "gsm8k_strict": RegisteredGrader(2, True, 'the number after the last "####", as mathematics', _ALGEBRA),
    "gsm8k_flexible": RegisteredGrader(
        2, True, 'the number after the last "####", in the last box, named as the answer, or last, as mathematics', _ALGEBRA
    ),
    "last_number": RegisteredGrader(1, True, "the last number in the text, as mathematics", _ALGEBRA),
    "math": RegisteredGrader(
        2, True, 'the last \\boxed{}, else what follows "####" or is named the answer, as mathematics', _ALGEBRA
    ),
    "letter": RegisteredGrader(2, False, "the option, A to E, that is named as the answer"),
    "exact": RegisteredGrader(1, False, "the whole text, without blanks around it"),
    "mbpp": RegisteredGrader(3, True, "the program, run in a sandbox against the tests"),
    OWN: RegisteredGrader(1, True, "whatever your own function compares"),
}
