r"""Extraction of the answer from a completion: the \boxed{} or what follows a mark, and plain decimals.

Nothing here judges. Each function returns what it read, or None where the completion holds no answer of that form. Numbers,
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
    """A number as plain decimal digits: without blanks, dollar sign, commas and a full stop at the end; else None."""
    digits = text.strip().replace("$", "").replace(",", "").removesuffix(".")
    return digits if _DECIMAL.fullmatch(digits) else None


def boxed(text: str) -> str | None:
    r"""What stands in the last \boxed or \fbox whose braces balance, "" for an empty one (two of MATH's own are).

    `\boxed 5` goes on to the end of its formula. An escaped brace is no brace, so `\boxed{\left\{1\right.}` balances.
    One pass, whatever the text.
    """
    begin, end = -1, 0  # of the answer so far; an end of 0 is still to be found
    open_braces: list[int] = []  # for each, where its box's content begins, or -1 for a brace of another kind
    for found in _BRACES.finditer(text):
        token = found.group()
        if token == "}":
            if open_braces and (inside := open_braces.pop()) > begin:
                begin, end = inside, found.start()
        elif token == "{":
            open_braces.append(-1)
        elif token.startswith(("\\boxed", "\\fbox")):
            if token.endswith("{"):
                open_braces.append(found.end())
            else:
                begin, end = found.end(), 0
    if begin < 0:
        return None
    if not end and (limit := _BARE_END.search(text, begin)):
        end = limit.start()
    return text[begin:end].strip()


def after_mark(text: str) -> str | None:
    r"""The first line after the last "####", without a full stop at its end and without the `$` or `\(` around it."""
    _, mark, rest = text.rpartition(MARK)
    if not mark or not rest.strip():
        return None
    line = rest.strip().splitlines()[0].strip().removesuffix(".")
    for begin, end in _DELIMITERS:
        if line.startswith(begin) and line.endswith(end) and len(line) > len(begin) + len(end):
            line = line[len(begin) : -len(end)]
            break
    return line.strip() or None


def formula(text: str) -> str | None:
    r"""The answer to a MATH problem: the last \boxed, else what follows the last "####".

    An empty box counts only where nothing else does. A model trained on GSM8K's format answers MATH problems in that format.
    """
    box = boxed(text)
    return box or after_mark(text) or box
