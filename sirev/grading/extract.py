r"""Extraction of the answer from a completion: the \boxed{} or the text after a mark, and plain decimals.

Nothing here judges. Each function returns the text it read, or None where the completion holds no answer of that form. Numbers,
options and programs have modules of their own: `extract_number`, `extract_option`, `extract_code`.
"""

from __future__ import annotations

import re

MARK = "####"

_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_BRACES = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])[ \t]*\{?|\\.|[{}]", re.DOTALL)
_BARE_END = re.compile(r"[$\n]|\\[)\]]|$")
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))


def number_in(text: str) -> str | None:
    """A number as plain decimal digits, without blanks, dollar signs, commas and a final full stop; None for anything else."""
    digits = text.strip().replace("$", "").replace(",", "").removesuffix(".")
    return digits if _DECIMAL.fullmatch(digits) else None


def boxed(text: str) -> str | None:
    r"""The content of the last \boxed or \fbox with balanced braces, "" for an empty one (two of MATH's own are)."""
    found = boxes(text)
    return text[slice(*found[-1])].strip() if found else None


def boxes(text: str) -> list[tuple[int, int]]:
    r"""The (begin, end) of the content of each \boxed or \fbox with balanced braces, in order; of nested ones the inner.

    `\boxed 5` extends to the end of its formula. An escaped brace is no brace, so `\boxed{\left\{1\right.}` balances. One pass,
    whatever the text.
    """
    found: list[tuple[int, int]] = []
    open_braces: list[int] = []  # where the content of each brace's box begins; -1 for other braces
    for token in _BRACES.finditer(text):
        sign = token.group()
        if sign == "}":
            if open_braces and (inside := open_braces.pop()) >= 0 and not (found and found[-1][0] > inside):
                found.append((inside, token.start()))
        elif sign == "{":
            open_braces.append(-1)
        elif sign.startswith(("\\boxed", "\\fbox")):
            if sign.endswith("{"):
                open_braces.append(token.end())
            else:
                found.append((token.end(), -1))
    if found and found[-1][1] < 0 and (limit := _BARE_END.search(text, found[-1][0])):
        found[-1] = (found[-1][0], limit.start())
    return [box for box in found if box[1] >= 0]


def after_mark(text: str) -> str | None:
    r"""The first line after the last "####", without a final full stop and a surrounding `$` or `\(`; None if there is none."""
    _, mark, rest = text.rpartition(MARK)
    if not mark or not rest.strip():
        return None
    line = rest.strip().splitlines()[0].strip().removesuffix(".")
    for begin, end in _DELIMITERS:
        if line.startswith(begin) and line.endswith(end) and len(line) > len(begin) + len(end):
            line = line[len(begin) : -len(end)]
            break
    return line.strip() or None
