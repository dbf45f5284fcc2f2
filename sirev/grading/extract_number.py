r"""Extraction of a number from a completion: a whole one, such as "1,234.5", "10{,}080", "-3" or "2/3", or none.

A number is never part of something else: no 5 is read from "5.7", "5/2" or "5:30". The result is plain: a decimal without
separators, or a fraction "p/q" where no decimal equals it. Each function returns None where the text holds no such number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from sirev.grading import extract
from sirev.grading.committed import before_next_problem, committed, plain_signs

_MARK = extract.MARK

_LONGEST = 60
"""Characters of the longest fraction or power that is computed: long integers take quadratic time."""

# Separators of thousands: a comma, LaTeX's commas and narrow blanks, an apostrophe, a blank of any width.
_BETWEEN = r"(?:\{,\}|,?\\[,!:; ]|[,'’ \u00a0\u2009\u202f])"
_GROUPS = rf"[0-9]{{1,3}}(?:{_BETWEEN}[0-9]{{3}})++|[0-9]{{1,2}}(?:,[0-9]{{2}}(?=,))++,[0-9]{{3}}"
_DECIMAL = rf"(?:(?:{_GROUPS}|[0-9]++)(?![0-9])(?:\.[0-9]++)?|\.[0-9]++)"
_NUMBER = re.compile(
    rf"(?P<decimal>{_DECIMAL})(?:[eE](?P<e>[-+]?[0-9]{{1,3}})(?![0-9A-Za-z]))?"
    r"|\\[dtc]?frac ?(?:\{ ?(?P<top>[0-9]{1,30}) ?\}|(?P<t>[0-9])) ?(?:\{ ?(?P<bottom>[0-9]{1,30}) ?\}|(?P<b>[0-9]))"
    r"|(?P<vulgar>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])"
)
_OF_TEN = re.compile(r" ?(?:×|\\times|\\cdot|[*x]) ?10(?:\^|\*\*)(?:\{ ?(-?[0-9]{1,3}) ?\}|(-?[0-9]{1,3}))(?![0-9])")
_OVER = re.compile(r"/(?=[0-9])| / (?=[0-9])|⁄(?=[0-9])")
_JOINED = re.compile(
    r"[:^/⁄+×÷*x–-]\{?\(?\$?(?=[0-9])|(?=\.[0-9]|[kKMB](?![a-zA-Z]))|\*\*(?=[0-9])| ?(?:\\times|\\cdot|\\div|\\pm)(?![a-zA-Z]) ?"
    r"| [/+×÷*x–-] (?=\(?\$?[0-9])| [-–+](?=\$?[0-9])|(?=[²³¹⁰⁴-⁹])"
)
"""Text after a number that makes it part of something else: a clock, a date, a power, a range, a sum."""
_IN_A_FRACTION = re.compile(r"(?:frac ?|\} ?)\{ ?\Z")
_VULGAR = "½1/2 ⅓1/3 ⅔2/3 ¼1/4 ¾3/4 ⅕1/5 ⅖2/5 ⅗3/5 ⅘4/5 ⅙1/6 ⅚5/6 ⅛1/8 ⅜3/8 ⅝5/8 ⅞7/8"
_PARTS = {entry[0]: Fraction(entry[1:]) for entry in _VULGAR.split()}
_MONEY = r"(?:US|CA|AU|HK)?\\?[$€£¥₹]|(?:USD|EUR|GBP|Rs\.?|INR)(?= ?[0-9])"
_SIGNED = re.compile(rf"(?:(?<![\w)\]}}%])[-–](?:{_MONEY})?|(?:{_MONEY})-|\bnegative )\Z")
_COMMANDS = r"\\(?:boxed|fbox|text|mathrm|mathbf|textbf|displaystyle|left|approx)(?![a-zA-Z])"
_BEFORE = re.compile(
    rf"(?:[\s*_`\"'({{\[~≈:]|\\[(\[{{,;:! ]|{_COMMANDS}|{_MONEY})*+"
    rf"(?P<sign>[-–+]|minus |negative )?+(?:[ (]|{_MONEY})*+(?P<second>[-–])?+"
)
"""Text that may stand before a number that is the whole answer."""
_OTHER = re.compile(r"[\s*_`\"'$)}\]]*+(?:,\s*+(?:and|or)?|;|/|&|\bor|\band|\bto|\bbut)\s*+[$*(]*+[-–]?[0-9]")
_HEADING = re.compile(r"[.)][*_]*+[ \t]++[^\W\d]")
_ARITHMETIC = re.compile(r"(?:[-+*/().^{}\s0-9]|\\(?:d?frac|times|cdot|div|sqrt|left|right)(?![a-zA-Z])|\\[,!;: ])++")
_UNITS = re.compile(r"\\text(?:bf|rm|it)?\{[^{}]*+\}|\^ ?(?:\{ ?(?:\\circ|[23]) ?\}|\\circ|[23])|[²³]")
_NAMED = re.compile(
    r"\banswer\b[*_\"'`]*+(?: to (?:the|this|your) (?:problem|question))?(?: in [a-z]{1,12})?[*_]*+"
    r"(?:\s{0,3}(?:[:=]|\b(?:is|was|(?:will|would|should|must) be|equals|comes (?:out )?to)\b|\\[a-z]{4,8}\{(?:is|:) ?\})[*_]*+)+"
    r"|\bfinal answer[*_]*+[ \t]*+\n|(?:\A|\n)[ \t*_]*+A[*_]*+:",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"[\s:]*+(?:(?:therefore|thus|hence|so|then|indeed|now|simply|just|only|exactly|about|approximately|roughly|around|equal to"
    r"|a total of)\b,?\s{0,3}){0,3}",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\n[-–*•] ")
_SENTENCE = re.compile(r"[.!?][*_)\"'$]*+(?=\s|\Z)|\n")


@dataclass(frozen=True)
class _Found:
    """A number found at a place, None for numerals that form no single number; and its end."""

    value: str | None
    end: int


def strict(text: str) -> str | None:
    """The number after the last "####", the form of GSM8K's own answers."""
    text = plain_signs(committed(text))
    begun = before_next_problem(text)
    return (_after_mark(begun) if begun else None) or _after_mark(text)


def flexible(text: str) -> str | None:
    r"""The number that a solution ends in: after the last "####", else in the last box, else named as the answer, else the last.

    A box without a number, or a mark before "5:30", is an answer that is no number: None. Problems that a model goes on to ask
    itself are left out.
    """
    text = plain_signs(committed(text))
    begun = before_next_problem(text)
    return (_flexible(begun) if begun else None) or _flexible(text)


def last_number(text: str) -> str | None:
    """The last number anywhere in the text, close to the filter flexible-extract of lm-evaluation-harness.

    That filter takes the last match of (-?[$0-9.,]{2,})|(-?[0-9]+). Of a fraction, a clock or a range the last part is read.
    """
    found = _LAST.findall(text)
    return extract.number_in(found[-1]) if found else None


# The harness's pattern without its misreadings: punctuation alone ("..."), two joined numbers ("10$20"), and the minus of a
# difference or the dash of a range as a sign ("15-10", "3-4").
_LAST = re.compile(r"(?:(?<![\w)\]}])-)?\$?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)")


def _flexible(text: str) -> str | None:
    if (marked := _marked(text)) is not None:
        return marked.value
    if box := extract.boxed(text):
        return _in_box(box)
    if (named := _named(text)) is not None:
        return named.value
    return _last(text)


def _after_mark(text: str) -> str | None:
    found = _marked(text)
    return found.value if found else None


def _marked(text: str) -> _Found | None:
    """The number after the last mark that numbers follow; a mark before words is a heading."""
    end = len(text)
    while (at := text.rfind(_MARK, 0, end)) >= 0:
        line, _, rest = text[at + len(_MARK) : end].partition("\n")
        if not line.strip():
            line = rest.partition("\n")[0]  # the number may stand on the next line
        if (found := _whole(line)) is not None and not _HEADING.match(line, found.end):
            return found
        end = at
    return None


def _in_box(box: str) -> str | None:
    """The number in a box, or its arithmetic as written; None for anything else."""
    plain = _UNITS.sub(" ", box)
    found = _whole(plain)
    if found is not None and found.value is not None and not any(sign.isdigit() or sign == "=" for sign in plain[found.end :]):
        return found.value
    _, equals, right = plain.rpartition("=")
    if equals:
        found = _whole(right)
        return found.value if found and not any(map(str.isdigit, right[found.end :])) else None
    return box if _ARITHMETIC.fullmatch(box) and any(map(str.isdigit, box)) and len(box) <= _LONGEST else None


def _named(text: str) -> _Found | None:
    """The number right after the last "the answer is" that has one; of an equation its right side."""
    for named in reversed([*_NAMED.finditer(text)]):
        begin = said.end() if (said := _SAID.match(text, named.end())) else named.end()
        begin = item.end() if (item := _ITEM.match(text, begin - 1)) else begin
        if (found := _whole(text[begin : begin + 400].lstrip(), sentence=True)) is not None and found.value is not None:
            return found
    return None


def _whole(text: str, sentence: bool = False) -> _Found | None:
    """The number at the beginning of a text, after signs and money alone; units and words may follow.

    None where the text begins otherwise; without a value where the numerals form no number, or two numbers are named. Of an
    equation, in a `sentence` or a line, the number after the last "=".
    """
    before = _BEFORE.match(text)
    begin = before.end() if before else 0
    first = _at(text, begin)
    if first is None:
        return None
    limit = _SENTENCE.search(text, first.end) if sentence else None
    end = limit.start() if limit else len(text)
    equals = text.rfind("=", first.end, end)
    if equals >= 0:
        if (right := _whole(text[equals + 1 : end])) is None:
            return _Found(None, end)
        return _Found(right.value, equals + 1 + right.end)
    if first.value is None or _OTHER.match(text, first.end):
        return _Found(None, first.end)
    negative = before is not None and ((before["sign"] or "+")[0] in "-–mnMN") != bool(before["second"])
    return _Found(f"-{first.value}" if negative else first.value, first.end)


def _last(text: str) -> str | None:
    """The last number that is no part of a clock, a date, a range or a sum."""
    found, at = None, 0
    while (match := _NUMBER.search(text, at)) is not None:
        one = _at(text, match.start()) or _Found(None, match.end())
        at = max(one.end, match.start() + 1)
        head = text[max(0, match.start() - 10) : match.start()]
        if one.value is not None and not _IN_A_FRACTION.search(head):
            found = f"-{one.value}" if _SIGNED.search(head) else one.value
    return found


def _at(text: str, at: int) -> _Found | None:
    """The number at a place, with everything that is joined to it."""
    match = _NUMBER.match(text, at)
    if match is None:
        return None
    end = match.end()
    value = _decimal(match)
    if match["decimal"]:
        if (part := _NUMBER.match(text, end + (text[end : end + 1] == " "))) and not part["decimal"]:  # 2½, 2\frac{1}{2}
            value, end = _sum(value, _decimal(part)), part.end()
        elif mixed := _MIXED.match(text, end):
            value, end = _sum(value, _quotient(mixed[1], mixed[2])), mixed.end()
        elif (over := _OVER.match(text, end)) and (below := _NUMBER.match(text, over.end())) and below["decimal"]:
            value, end = _quotient(value, _decimal(below)), below.end()
        elif power := _OF_TEN.match(text, end):
            value, end = _scaled(value, int(power[1] or power[2])), power.end()
    whole = True
    while joined := _JOINED.match(text, end):
        whole = False
        end = max(joined.end(), end + 1)
        if more := _NUMBER.match(text, end):
            end = more.end()
    return _Found(value if whole else None, end)


_MIXED = re.compile(r" ([0-9]{1,4})[/⁄]([0-9]{1,4})(?![0-9/⁄])")


def _decimal(match: re.Match[str]) -> str | None:
    if match["vulgar"]:
        return _plain(_PARTS[match["vulgar"]])
    if match["decimal"] is None:
        return _quotient(match["top"] or match["t"], match["bottom"] or match["b"])
    digits = re.sub(r"[^0-9.]", "", match["decimal"])
    return _scaled(digits, int(match["e"])) if match["e"] else digits


def _quotient(above: str | None, below: str | None) -> str | None:
    first, second = _fraction(above), _fraction(below)
    return None if first is None or not second else _plain(first / second)


def _sum(one: str | None, other: str | None) -> str | None:
    first, second = _fraction(one), _fraction(other)
    return None if first is None or second is None else _plain(first + second)


def _scaled(digits: str | None, power: int) -> str | None:
    value = _fraction(digits)
    return None if value is None or abs(power) > _LONGEST else _plain(value * Fraction(10) ** power)


def _fraction(digits: str | None) -> Fraction | None:
    return Fraction(digits) if digits and len(digits) <= _LONGEST else None


def _plain(value: Fraction) -> str:
    """A fraction as a terminating decimal, else as "p/q"."""
    below, places = value.denominator, 0
    while below > 1 and places < 2 * _LONGEST and 10**places % below:
        places += 1
    if 10**places % below:
        return f"{value.numerator}/{value.denominator}"
    digits = str(value.numerator * 10**places // below).rjust(places + 1, "0")
    return f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
