"""The graders that a recipe or a user's own task can name. Importing this imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sirev.grading import final_number


@dataclass(frozen=True)
class RegisteredGrader:
    """What the rest of sirev needs to know of a grader before it runs."""

    version: int
    """Part of the key of every grade: a change that can flip a verdict raises it."""
    heavy: bool
    """Whether it runs in a resident child of its own; the others cost a microsecond and run where they are called."""
    says: str
    """What it compares with the gold answer, in one line."""
    needs: tuple[str, ...] = ()
    """Distributions whose versions can change a verdict, to be recorded beside the grades."""


@dataclass(frozen=True)
class Settings:
    """What a recipe says of its grader; all but `seconds` is read by those alone that run programs."""

    seconds: float
    """CPU time of one answer or program."""
    memory_mb: int = 1024
    sandbox: Literal["A", "B", "C"] = "B"
    """The least tier that will do."""
    prelude: bool = True
    function: str = ""
    """The user's function: "package.module:function" or "file.py:function"."""


OWN = "python"
"""The grader that is a function of the user's."""
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
