r"""Answers kept away from algebra: times of day, numbers in a base, ratios, words.

Each function takes the tokens of `sirev.grading.notation` and returns None for anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from sirev.grading.notation import SPACE, WORD
from sirev.grading.quantities import NUMBER_WORDS, plain_word

_LETTERS_OF_A_WORD = 4
"""Small letters in a row that make a word; fewer are a product."""
_LONGEST = 300


class Clock(NamedTuple):
    """A time of day; `half` is "am", "pm", or "" where the text doesn't say."""

    hour: int
    minutes: tuple[int, ...]
    half: str


def clock(tokens: Sequence[str]) -> Clock | None:
    """A time such as "9 a.m.", "4:51:06 p.m." or "05:00"."""
    half, rest = "", [token for token in tokens if token != SPACE]
    letters = "".join(
        plain_word(token) for token in rest[-4:] if token != "." and not token[0].isdigit() and token != ":"
    ).lower()
    if letters in ("am", "pm"):
        half = letters
        while rest and not rest[-1][0].isdigit():
            rest.pop()
    numbers, colons = rest[::2], rest[1::2]
    if not numbers or len(rest) % 2 == 0 or len(numbers) > 3 or any(colon != ":" for colon in colons):
        return None
    if not all(number.isdigit() and number.isascii() and len(number) <= 2 for number in numbers):
        return None
    if not half and (len(numbers) < 2 or any(len(number) != 2 for number in numbers[1:])):
        return None
    hour, *minutes = map(int, numbers)
    if hour > 24 or any(minute >= 60 for minute in minutes):
        return None
    return Clock(hour, tuple(minutes), half)


def same_time(gold: Clock, answer: Clock) -> bool:
    """Whether two times are equal; one side may omit the half of the day, or ":00"."""
    if gold.half and answer.half and gold.half != answer.half:
        return False
    pad = max(len(gold.minutes), len(answer.minutes))
    return (gold.hour, *gold.minutes, *[0] * (pad - len(gold.minutes))) == (
        answer.hour,
        *answer.minutes,
        *[0] * (pad - len(answer.minutes)),
    )


def in_base(tokens: Sequence[str]) -> tuple[str, str] | None:
    r"""The digits and base of "4210_7", "152A_{11}", "1011 base 2", "1011_{\text{two}}"."""
    words = [plain_word(token) for token in tokens if token not in (SPACE, "{", "}", "(", ")")]
    for at, word in enumerate(words):
        if word == "_" or word.lower() == "base":
            rest = [one for one in words[at + 1 :] if one.lower() != "base" and one != "_"]
            digits = words[:at]
            break
    else:
        return None
    if digits[-1:] == ["in"]:
        digits.pop()
    if len(rest) != 1 or not digits or not all(one in ("-", ".") or one.isalnum() or _is_decimal(one) for one in digits):
        return None
    base = str(NUMBER_WORDS.get(rest[0].lower(), rest[0]))
    number = "".join(digits)
    if not base.isdigit() or not any(character.isdigit() for character in number):
        return None
    return number.upper().lstrip("0") or "0", base.lstrip("0")


def _is_decimal(token: str) -> bool:
    return token.replace(".", "", 1).isdigit()


def ratio(tokens: Sequence[str]) -> tuple[Fraction, ...] | None:
    """The numbers of "3:5" or "1 : 2 : 3", divided by the first that is not 0."""
    rest = [token for token in tokens if token != SPACE]
    numbers, colons = rest[::2], rest[1::2]
    if len(rest) < 3 or len(rest) % 2 == 0 or any(colon != ":" for colon in colons):
        return None
    if not all(_is_decimal(number) and number.isascii() and len(number) < _LONGEST for number in numbers):
        return None
    values = [Fraction("0" + number) for number in numbers]
    first = next((value for value in values if value), None)
    return None if first is None else tuple(value / first for value in values)


def in_words(tokens: Sequence[str]) -> str | None:
    r"""The words of an answer in words, or of an arrangement of capitals, in small letters and without punctuation.

    Words are an answer with a word of two letters or more in \text{}, or with a run of letters too long for a product.
    """
    runs = [token for token in tokens if token[0].isalpha() or token[0] == WORD]
    if not runs or any(token[0] in "\\=+*/^_<>|" for token in tokens):
        return None
    marked = any(token[0] == WORD for token in runs)
    if not marked and not any(_is_word(run) for run in runs):
        return None
    return spelled(tokens)


def spelled(tokens: Sequence[str]) -> str:
    """The words and numbers of an answer in small letters, without the signs between them."""
    return " ".join(plain_word(token).lower() for token in tokens if token[0].isalnum() or token[0] == WORD)


def _is_word(run: str) -> bool:
    if len(run) < 2 or not run.isalpha():
        return False
    if run.isupper():
        return len(run) > 2
    is_row = all(ord(after) - ord(before) == 1 for before, after in pairwise(run))
    return len(run) >= _LETTERS_OF_A_WORD and not is_row
