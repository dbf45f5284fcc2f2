r"""Exact values of numbers with units as answers write them: `1 4/5`, `0.1\overline{6}`, `2 hours and 30 minutes`.

All functions work on the tokens of `sirev.grading.notation`, in exact fractions. Unclear input gives None, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from sirev.grading.notation import SPACE, WORD

_LONGEST = 300
"""Digits of the longest number that is read, and the largest power of ten: arithmetic up to here costs nothing."""

ROUNDED_FROM = 6
"""Decimal places, and significant digits, from which a decimal may stand for a value that no decimal equals, such as 1/3."""


class Unit(NamedTuple):
    """A unit of measurement: its dimension, its size in the dimension's own unit, and its power."""

    dimension: str
    size: Fraction
    power: int


@dataclass(frozen=True)
class Quantity:
    """A number with its unit."""

    value: Fraction
    decimals: int | None = None
    """Digits after the point of a plain decimal."""
    unit: Unit | None = None
    """None without a unit, or with an unknown one: "9 values"."""
    parts: int = 1
    """2 or more for "2 hours and 30 minutes", whose unit is that of the last part."""


_SIZES: dict[str, dict[str, Fraction | int]] = {
    "length": {
        **dict.fromkeys(("mm", "millimeter", "millimetre"), Fraction(1, 10)),
        **dict.fromkeys(("cm", "centimeter", "centimetre"), 1),
        **dict.fromkeys(("dm", "decimeter", "decimetre"), 10),
        **dict.fromkeys(("m", "meter", "metre"), 100),
        **dict.fromkeys(("km", "kilometer", "kilometre"), 100_000),
        **dict.fromkeys(("in", "inch", "inche"), Fraction(254, 100)),
        **dict.fromkeys(("ft", "foot", "feet"), Fraction(3048, 100)),
        **dict.fromkeys(("yd", "yard"), Fraction(9144, 100)),
        **dict.fromkeys(("mi", "mile"), Fraction(16093440, 100)),
    },
    "time": {
        **dict.fromkeys(("s", "sec", "second"), 1),
        **dict.fromkeys(("min", "minute"), 60),
        **dict.fromkeys(("h", "hr", "hour"), 3600),
        "day": 86_400,
        **dict.fromkeys(("week", "wk"), 604_800),
    },
    "months": {"month": 1, **dict.fromkeys(("year", "yr"), 12)},
    "dollars": {"cent": 1, "¢": 1, "dime": 10, "quarter": 25, **dict.fromkeys(("dollar", "usd", "$", "buck"), 100)},
    "euros": {"euro": 1, "eur": 1, "€": 1},
    "pounds sterling": {"£": 1},
    "mass": {
        **dict.fromkeys(("mg", "milligram"), Fraction(1, 1000)),
        **dict.fromkeys(("g", "gm", "gram"), 1),
        **dict.fromkeys(("kg", "kilogram"), 1000),
    },
    "weight": {**dict.fromkeys(("oz", "ounce"), 1), **dict.fromkeys(("lb", "pound"), 16), "ton": 32_000},
    "volume": {**dict.fromkeys(("ml", "milliliter", "millilitre"), 1), **dict.fromkeys(("l", "liter", "litre"), 1000)},
    "cups": {"cup": 1, "pint": 2, **dict.fromkeys(("quart", "qt"), 4), **dict.fromkeys(("gallon", "gal"), 16)},
    "angle": {**dict.fromkeys(("degree", "deg"), 1)},
    "radians": {**dict.fromkeys(("radian", "rad"), 1)},
    "speed": {"mph": 1},
    "speed, metric": {**dict.fromkeys(("kph", "kmph", "kmh"), 1)},
    "area": {"acre": 1},
}
_UNITS = {name: (dimension, Fraction(size)) for dimension, sizes in _SIZES.items() for name, size in sizes.items()}
_COMPOUND = frozenset({"length", "time", "months", "dollars", "weight", "mass", "cups"})
_LETTERS = frozenset(["m", "g", "s", "h", "L", "l"])
"""Single letters that are units directly after a number."""
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_ANY = frozenset({"unit", "units"})
"""Units of any dimension."""
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_ELSE = frozenset(
    [
        "half",
        "halves",
        "third",
        "thirds",
        "fourth",
        "fourths",
        "quarters",
        "fifth",
        "fifths",
        "sixth",
        "tenth",
        "tenths",
        "hundredth",
        "hundredths",
        "base",
        "mod",
    ]
)
"""Words that change the meaning of the number before them."""
NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}


def quantity(tokens: Sequence[str], *, letters: bool = True) -> Quantity | None:
    """The quantity that all tokens together form; None for anything else.

    `letters`: whether "5 m" is five metres. In a gold answer it is 5 times m.
    """
    if len(tokens) == 1 and (word := plain_word(tokens[0]).lower()) in NUMBER_WORDS:
        return Quantity(Fraction(NUMBER_WORDS[word]))
    found: list[Quantity] = []
    i = 0
    while i < len(tokens):
        if found and (tokens[i] in (",", SPACE) or tokens[i] == WORD + "and"):
            i += 1
            continue
        if (part := _one(tokens, i, letters)) is None:
            return None
        one, i = part
        found.append(one)
    return _compound(found)


def plain_word(token: str) -> str:
    r"""A token without the prefix of words from \text{}."""
    return token.removeprefix(WORD)


def same_quantity(gold: Quantity, answer: Quantity) -> bool:
    """Whether two quantities are equal: exactly, or to the last of at least ROUNDED_FROM decimals.

    Units count only where both have comparable ones: 5 m is 500 cm and not 5 cm. A percent sign is ignored.
    """
    if gold.unit is not None and answer.unit is not None:
        if (gold.unit.dimension, gold.unit.power) != (answer.unit.dimension, answer.unit.power):
            return False
        sizes = gold.unit.size**gold.unit.power, answer.unit.size**answer.unit.power
        if sizes[0] != sizes[1] or max(gold.parts, answer.parts) > 1:
            return gold.value * sizes[0] == answer.value * sizes[1]
    elif max(gold.parts, answer.parts) > 1:
        return False
    if gold.value == answer.value:
        return True
    return stands_for(gold, answer.value) or stands_for(answer, gold.value)


def stands_for(decimal: Quantity, value: Fraction) -> bool:
    """Whether a plain decimal is the value rounded or cut off to as many places, for a value that no decimal equals."""
    places = decimal.decimals
    if places is None or places < ROUNDED_FROM or abs(decimal.value) < Fraction(1, 10 ** (places - ROUNDED_FROM + 1)):
        return False
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest > 1 and close_enough(decimal, value)


def close_enough(decimal: Quantity, value: Fraction) -> bool:
    """Whether the decimal is the value rounded or cut off at its last place."""
    assert decimal.decimals is not None
    off = abs(value) - abs(decimal.value)
    step = Fraction(1, 10**decimal.decimals)
    return (value < 0) == (decimal.value < 0) and -step / 2 <= off < step


def _compound(parts: list[Quantity]) -> Quantity | None:
    """One quantity from several of one dimension, each in a smaller unit than the one before."""
    if len(parts) <= 1:
        return parts[0] if parts else None
    units = [part.unit for part in parts]
    last = units[-1]
    if last is None or last.dimension not in _COMPOUND:
        return None
    total, before = Fraction(0), None
    for part, unit in zip(parts, units, strict=True):
        if unit is None or unit.dimension != last.dimension or unit.power != 1 or (before is not None and unit.size >= before):
            return None
        total, before = total + part.value * unit.size, unit.size
    return Quantity(total / last.size, None, last, len(parts))


def _one(tokens: Sequence[str], i: int, letters: bool) -> tuple[Quantity, int] | None:
    """A number with its unit that begins at i, and the index after it."""
    money = ""
    negative = False
    signs = 0
    while i < len(tokens) and tokens[i] in ("-", "+", r"\$", "€", "£", r"\approx"):
        if tokens[i] in ("-", "+"):
            negative ^= tokens[i] == "-"
            signs += 1
        elif tokens[i] != r"\approx":
            money = tokens[i].removeprefix("\\")
        i += 1
    if signs > 2 or (number := exact_number(tokens, i)) is None:
        return None
    value, decimals, i = number
    value = -value if negative else value
    unit, i_after = _unit(tokens, i, letters)
    if unit is None:
        return None
    scale, known = unit
    if money and known is None:
        known = Unit(*_UNITS[money], 1)
    return Quantity(value * scale, decimals if scale == 1 else None, known), i_after


def exact_number(tokens: Sequence[str], i: int = 0) -> tuple[Fraction, int | None, int] | None:
    """A number without a sign that begins at i: its value, the decimals of a plain decimal, and the index after it."""
    if i >= len(tokens):
        return None
    token = tokens[i]
    if token == r"\frac":
        fraction = _fraction(tokens, i)
        return None if fraction is None else (fraction[0], None, fraction[1])
    if not (token[0].isdigit() or (token[0] == "." and len(token) > 1)) or len(token) > _LONGEST or not token.isascii():
        return None
    whole, point, places = token.partition(".")
    value = Fraction(token if whole else "0" + token)
    after = list(tokens[i + 1 : i + 9])
    repeating = after[1:] if after[:1] == ["."] and not point else after if point else []
    found: Fraction | None
    if repeating[:1] in ([r"\overline"], [r"\bar"]) and repeating[1:2] == ["{"] and repeating[3:4] == ["}"]:
        found = _with_period(value, len(places), repeating[2])
        return None if found is None else (found, None, i + 5 + (not point))
    if not point and after[:1] == ["."] and repeating[:1] == ["("] and repeating[2:3] == [")"]:
        found = _with_period(value, 0, repeating[1])
        return None if found is None else (found, None, i + 5)
    if not point:
        start = i + 2 if after[:1] == [SPACE] else i + 1
        if tokens[start : start + 1] == [r"\frac"] and (part := _fraction(tokens, start)) and 0 <= part[0] < 1:
            return value + part[0], None, part[1]
        rest = list(tokens[start : start + 3])
        if start == i + 2 and len(rest) == 3 and rest[1] == "/" and (part_of := _ratio(rest[0], rest[2])) is not None:
            return (value + part_of, None, start + 3) if part_of < 1 else None
    if after[:1] == ["/"]:
        quotient = _ratio(token, after[1]) if len(after) > 1 else None
        return None if quotient is None else (quotient, None, i + 3)
    if after[:4] == ["*", "10", "^", "{"] and (power := _power(after[4:])) is not None:
        exponent, length = power
        return value * Fraction(10) ** exponent, None, i + 5 + length
    if after[:1] in (["e"], ["E"]) and (power := _computer_power(after[1:], bool(point))) is not None:
        return value * Fraction(10) ** power[0], None, i + 2 + power[1]
    return value, len(places), i + 1


def _computer_power(tokens: list[str], point: bool) -> tuple[int, int] | None:
    """The exponent of "1.6e-19" and the number of its tokens; "3e-7" may be 3 times e less 7."""
    signed = tokens[:1] in (["-"], ["+"])
    digits = tokens[signed] if len(tokens) > signed else ""
    if not (digits.isdigit() and digits.isascii()) or len(digits) > 3 or int(digits) > _LONGEST or not (point or len(digits) > 1):
        return None
    return (-1 if tokens[0] == "-" else 1) * int(digits), 1 + signed


def _power(tokens: list[str]) -> tuple[int, int] | None:
    """An integer exponent before a closing brace, and the number of its tokens, including the brace."""
    negative = tokens[:1] == ["-"]
    digits = tokens[negative : negative + 2]
    if len(digits) < 2 or digits[1] != "}" or not digits[0].isdigit() or len(digits[0]) > 3 or int(digits[0]) > _LONGEST:
        return None
    return -int(digits[0]) if negative else int(digits[0]), 2 + negative


def _fraction(tokens: Sequence[str], i: int) -> tuple[Fraction, int] | None:
    r"""The value of `\frac{a}{b}` of two decimals that begins at i, and the index after it."""
    signs, numbers = 1, []
    at = i + 1
    for _ in range(2):
        if tokens[at : at + 1] != ["{"]:
            return None
        at += 1
        if tokens[at : at + 1] == ["-"]:
            signs, at = -signs, at + 1
        if at + 1 >= len(tokens) or tokens[at + 1] != "}":
            return None
        numbers.append(tokens[at])
        at += 2
    found = _ratio(*numbers)
    return None if found is None else (signs * found, at)


def _ratio(numerator: str, denominator: str) -> Fraction | None:
    for number in (numerator, denominator):
        if not (number[:1].isdigit() or number[:1] == ".") or len(number) > _LONGEST or not number.isascii():
            return None
    below = Fraction("0" + denominator)
    return Fraction("0" + numerator) / below if below else None


def _with_period(value: Fraction, places: int, period: str) -> Fraction | None:
    if not period.isdigit() or not period.isascii() or len(period) > _LONGEST:
        return None
    return value + Fraction(int(period), (10 ** len(period) - 1) * 10**places)


def _unit(tokens: Sequence[str], i: int, letters: bool) -> tuple[tuple[Fraction, Unit | None] | None, int]:
    """(scale, unit or None if unknown) after a number, and the index after it; None in place of the pair if it is no unit."""
    scale, power = Fraction(1), 1
    words: list[str] = []
    bare = True
    while i < len(tokens):
        token = tokens[i]
        word = plain_word(token)
        if token == WORD + "and" or token == ",":
            break
        if token == WORD + "or":
            return None, i
        if token == "%" or word.lower() in ("percent", "percentage", "pct") or (token in (".", SPACE, "-") and words):
            pass
        elif token == "/" and words:
            words.append("per")
        elif token in (r"\$", "€", "£", "¢"):
            words.append(token.removeprefix("\\"))
        elif (
            token == "^"
            and words
            and tokens[i + 1 : i + 2] == ["{"]
            and tokens[i + 3 : i + 4] == ["}"]
            and tokens[i + 2] in "123"
        ):
            power = int(tokens[i + 2])
            i += 3
        elif word[:1].isalpha():
            if word.lower() in _ELSE or (len(word) == 1 and not words and bare and not (letters and word in _LETTERS)):
                return None, i
            if word.lower() in _SCALES and not words:
                scale *= _SCALES[word.lower()]
            elif word.lower() in _POWERS:
                power = _POWERS[word.lower()]
            else:
                words.append(word)
            bare = bare and token == word
        elif token == SPACE:
            pass
        else:
            break
        i += 1
    return (scale, _known(words, power)), i


def _known(words: list[str], power: int) -> Unit | None:
    """The unit that the words name, if it can be compared."""
    if len(words) != 1:
        return None
    name = words[0] if words[0] in _UNITS else words[0].lower()
    if name in _ANY:
        return Unit("units", Fraction(1), power) if power > 1 else None
    name = name if name in _UNITS else name.removesuffix("s")
    return Unit(*_UNITS[name], power) if name in _UNITS else None
