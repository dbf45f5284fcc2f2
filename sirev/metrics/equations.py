r"""Equations of an answer, in plain text and in LaTeX, in a form that distinguishes ways to an answer.

`\$2 + \$3 = \$5`, `2 + 3 = \boxed{5}` and "2 + 3 = 5" are one equation. Nothing is evaluated here:
`sirev.metrics.false_equations` does that, for equations of numbers alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sirev.metrics.distinct import NUMBER

# Possessive throughout, and the last alternatives consume non-equations in one piece, so any text takes one pass.
_BLANKS = r"[ \t]*+"
_OPERAND = rf"[($]{{0,4}}+{NUMBER}[)%]*+"
_FURTHER = rf"{_BLANKS}(?:[-+*/x×÷·−]|\\(?:times|div|cdot)(?![a-z])){_BLANKS}{_OPERAND}"
_RESULT = rf"{_BLANKS}={_BLANKS}-?\$?{NUMBER}%?+"
EQUATION = re.compile(rf"(?=[\d(])(?:({_OPERAND}(?:{_FURTHER})++{_RESULT})|{_OPERAND}(?:{_FURTHER})*+|\()")
"""Matches equations of numbers, in its group, and skips over everything else."""
_DECORATION = re.compile(r"[ \t$,]+")
_SIGNS = re.compile(r"[x×·÷−]|\\(?:times|div|cdot)")
_PLAIN = {"÷": "/", "\\div": "/", "−": "-"}

_IDLE = (
    r"\\\\(?:\[[^\]\n]*+\])?+[\s&]*+(?==)",  # end of a row before a row that continues it
    r"[ \t]++|\$|\\[$!,;:> ]|&|~",
    r"\\(?:text\w*+|mbox|hbox|mathrm|operatorname)[ \t]*+\{[^{}\n]*+\}",
    r"\\(?:left|right|displaystyle|limits|nonumber|phantom|[bB]igg?[lr]?)(?![a-zA-Z])",
)
"""Parts of formulas without a meaning."""
_PART = re.compile(
    r"(?P<number>\d++(?:(?:,|\{,\}|,?\\[!,;])\d{3}(?!\d))*+(?:\.\d++)?+|\.\d++)"
    rf"|(?P<idle>{'|'.join(_IDLE)})"
    r"|(?P<rest>\\(?:begin|end)[ \t]*+\{[^{}\n]*+\}|\\[\\()\[\]]|\n)"
    r"|(?P<command>\\[a-zA-Z]++)"
    r"|(?P<word>[^\W\d_]{2,}+)"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<sign><<|>>|\\[{}%]|[-+*/^_=<>()\[\]{}|!%'±×÷·−²³°√π∞≤≥≠])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_BREAKS = frozenset(
    (
        *(r"\quad", r"\qquad", r"\Rightarrow", r"\Longrightarrow", r"\implies", r"\iff", r"\Leftrightarrow", r"\to"),
        *(r"\rightarrow", r"\longrightarrow", r"\therefore", r"\because", r"\hspace", r"\item", r"\label", r"\tag"),
    )
)
_SAME = {
    **dict.fromkeys((r"\dfrac", r"\tfrac", r"\cfrac"), r"\frac"),
    **dict.fromkeys((r"\times", r"\cdot", r"\ast", "×", "·"), "*"),
    **dict.fromkeys((r"\div", "÷"), "/"),
    **dict.fromkeys((r"\le", r"\leqslant", "≤"), r"\leq"),
    **dict.fromkeys((r"\ge", r"\geqslant", "≥"), r"\geq"),
    "−": "-",
    "²": "^2",
    "³": "^3",
    "√": r"\sqrt",
    "π": r"\pi",
    r"\%": "%",
}
_FUNCTIONS = frozenset(("sin", "cos", "tan", "sqrt", "log", "ln", "pi"))
_OPERATORS = frozenset("+-*/=^_<>(")
_ARTICLES = frozenset(("a", "A", "I"))
"""Letters that are words where they stand alone."""
_PLAIN_RUN = re.compile(r"[-\d.,+*/()=%$]+")
_EDGES = "!'|[]{}"
"""Signs that are punctuation before or after an equation."""
_NEVER_LAST = frozenset(("+", "-", "*", "/", "^", "_", "(", "[", "{", "!", "'", "|", "<", ">", r"\{"))
_NEVER_FIRST = frozenset(("*", "/", "^", "_", ")", "]", "}", "!", "'", "%", ">", r"\}"))
_SINGLE = re.compile(r"\{ (\S+) \}")
_NO_DIGIT = re.compile(r"[^\d.]+")
_OPERATOR_FOLLOWS = re.compile(r"[ \t]*+(?:[-+*/=×÷]|\\(?:times|div|cdot)(?![a-z]))")
_NEAR = 8
"""Characters that are examined after a letter."""
_LONGEST = 300
"""Longest run that is examined, in parts: no equation is longer."""


def equations(text: str) -> tuple[str, ...]:
    r"""The equations of an answer in their order, in plain signs: "$1,200 × 7 = $8,400" gives "1200*7=8400".

    With numbers joined by + - * / (also x × · ÷ \times \cdot \div): "a op b = c" with one number after the "=". With letters,
    fractions, roots and other LaTeX: everything around a "=" up to the next word, punctuation mark, arrow or line end. Removed
    are blanks, dollar signs, commas of thousands, `\left`, `\boxed{}`, `\text{}` with its content, and unbalanced brackets of
    plain numbers.
    """
    found: list[str] = []
    for run in _runs(text):
        if _PLAIN_RUN.fullmatch("".join(run.parts).strip(_EDGES)):
            found += [plain(one) for one in EQUATION.findall("".join(run.spaced)) if one]
        elif len(run.parts) <= _LONGEST and (one := _with_letters(run.parts)):
            found.append(one)
    return tuple(found)


def plain(equation: str) -> str:
    """An equation found by EQUATION, in plain signs."""
    short = _SIGNS.sub(lambda sign: _PLAIN.get(sign.group(), "*"), _DECORATION.sub("", equation))
    return short if short.count("(") == short.count(")") else short.replace("(", "").replace(")", "")


class _Run(NamedTuple):
    """Consecutive parts of formulas, without and with the blanks and dollar signs between them."""

    parts: list[str]
    spaced: list[str]


def _runs(text: str) -> Iterator[_Run]:
    """The runs that contain a "=", in order."""
    run = _Run([], [])
    boxes: list[bool] = []  # whether each open brace is a box's
    is_box = False
    for found in _PART.finditer(text):
        kind, part = found.lastgroup, found.group()
        if kind == "idle":
            run.spaced.append("$" if part.endswith("$") else " ")
            continue
        if part in (r"\boxed", r"\fbox"):
            is_box = True
            continue
        if part == "{":
            boxes.append(is_box)
            if is_box:
                is_box = False
                continue
        elif part == "}" and boxes and boxes.pop():
            continue
        is_box = False
        part = _SAME.get(part, part)
        if kind == "word" and part in _FUNCTIONS:
            kind, part = "command", "\\" + part
        if kind == "word" and _is_unit(run.parts, text, found.end()):
            run.spaced.append(" ")
            continue
        if kind == "letter" and part == "x" and run.parts and run.parts[-1][-1:].isdigit() and _number_follows(text, found.end()):
            kind, part = "sign", "*"
        if kind == "number":
            part = _NO_DIGIT.sub("", part)
        if _ends(kind, part, run.parts, text, found.end()):
            if "=" in run.parts:
                yield run
            before = run.spaced[-1:] if kind == "number" else []
            run = _Run([part], [*before, part]) if kind == "number" else _Run([], [])
            continue
        run.parts.append(part)
        run.spaced.append(part)
    if "=" in run.parts:
        yield run


def _is_unit(parts: list[str], text: str, end: int) -> bool:
    """Whether a word is the unit of a number, as in "3 apples + 2 apples = 5 apples"."""
    return bool(parts) and parts[-1][-1:].isdigit() and bool(_OPERATOR_FOLLOWS.match(text, end))


def _ends(kind: str | None, part: str, run: list[str], text: str, end: int) -> bool:
    """Whether a part is not in the formula before it."""
    if kind in ("word", "rest", "other") or part in _BREAKS or part in ("<<", ">>"):
        return True
    if kind == "number":
        return bool(run) and (run[-1][:1].isalnum() or run[-1] in ("%", "!"))
    if kind == "letter" and part in _ARTICLES:
        is_word = text[end : end + 1] in (" ", "") and (not run or run[-1] not in _OPERATORS)
        return is_word and text[end : end + _NEAR].lstrip(" ")[:1] not in _OPERATORS
    return False


def _number_follows(text: str, end: int) -> bool:
    return text[end : end + _NEAR].lstrip(" \t$\\(")[:1].isdigit()


def _with_letters(run: list[str]) -> str | None:
    """A formula around "=" as text; None where nothing follows the last "="."""
    begin, end = 0, len(run)
    while end and run[end - 1] in _NEVER_LAST:
        end -= 1
    while begin < end and run[begin] in _NEVER_FIRST:
        begin += 1
    parts = run[begin:end]
    if not parts or parts[-1] == "=" or "=" not in parts:
        return None
    return _SINGLE.sub(r"\1", " ".join(parts)).replace(" ", "")
