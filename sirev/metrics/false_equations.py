"""Check of an answer's equations: a free substitute for a judge of its reasoning, as far as that is arithmetic."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from sirev.metrics.equations import EQUATION, plain

LONGEST = 100
"""Characters of the longest equation that is evaluated: answers hold no longer calculations, and time is bounded."""
# Text next to an equation that is part of a larger expression, and so is not checked.
_BEFORE = re.compile(r"(?:[-+*/x×÷·−^]|\\(?:times|div|cdot))[ \t]*$")
_AFTER = re.compile(r"[ \t]*(?:[-+*/x×÷·−^]|\\(?:times|div|cdot))[ \t]*[\d($]|[\d.]*[A-Za-z(]|!")
_PART = re.compile(r"\d+(?:\.\d+)?|[-+*/()%=]")
_BEYOND = 24  # characters before an equation that can hold a sign and blanks


def checked(text: str) -> tuple[bool, ...]:
    r"""The truth of each equation of a text, in order, without those that can't be evaluated.

    Equations are as in `sirev.metrics.equations.equations`: "a op b = c", with any number of operands. One can't be evaluated
    where it is part of a larger expression ("x + 3 + 4 = 9", "2 + 3 = 1 * 5"), divides by 0, adds a percentage or is longer than
    LONGEST. A result with decimals may be rounded or cut off at its last place; an integer must be exact. "75%" is 0.75, and as a
    result also 75.
    """
    found = []
    for match in EQUATION.finditer(text):
        equation = match.group(1)
        if equation is None or len(equation) > LONGEST:
            continue
        before = text[max(match.start() - _BEYOND, 0) : match.start()]
        if not _BEFORE.search(before) and not _AFTER.match(text, match.end()):
            verdict = _is_true(equation)
            found += [] if verdict is None else [verdict]
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def _is_true(equation: str) -> bool | None:
    """Whether an equation is true; None where it can't be evaluated."""
    left, _, right = plain(equation).partition("=")
    if equation.count("(") != equation.count(")") and ")" in equation:
        return None  # `plain` drops unbalanced brackets, whose meaning is unknown
    try:
        value = _Reader(left).expression()
    except (ZeroDivisionError, _Unreadable):
        return None
    number, percent = right.rstrip("%"), right.endswith("%")
    stated = Fraction(number)
    decimals = len(number.partition(".")[2])
    allowed = Fraction(1, 10**decimals) if decimals else Fraction(0)
    if abs(value - stated) < allowed or value == stated:
        return True
    return percent and (abs(100 * value - stated) < allowed or 100 * value == stated)


class _Unreadable(Exception):
    """An expression without a clear value."""


class _Reader:
    """Recursive-descent evaluator of arithmetic in exact fractions."""

    def __init__(self, text: str) -> None:
        self._parts = _PART.findall(text)
        if "".join(self._parts) != text:
            raise _Unreadable
        self._at = 0

    def expression(self) -> Fraction:
        """The value of the whole expression."""
        value = self._sum()
        if self._at < len(self._parts):
            raise _Unreadable
        return value

    def _sum(self) -> Fraction:
        value, percent = self._product()
        while self._next in ("+", "-"):
            sign = self._take()
            further, also = self._product()
            if percent or also:
                raise _Unreadable  # 10% of what?
            value = value + further if sign == "+" else value - further
        return value

    def _product(self) -> tuple[Fraction, bool]:
        """A product, and whether it is only a percentage."""
        value, percent = self._factor()
        while self._next in ("*", "/"):
            sign = self._take()
            further, _ = self._factor()
            value, percent = (value * further if sign == "*" else value / further), False
        return value, percent

    def _factor(self) -> tuple[Fraction, bool]:
        part = self._take()
        if part == "(":
            value = self._sum()
            if self._take() != ")":
                raise _Unreadable
        elif part[:1].isdigit():
            value = Fraction(part)
        else:
            raise _Unreadable
        percent = False
        while self._next == "%":
            self._take()
            value, percent = value / 100, True
        return value, percent

    @property
    def _next(self) -> str:
        return self._parts[self._at] if self._at < len(self._parts) else ""

    def _take(self) -> str:
        part = self._next
        self._at += 1
        return part
