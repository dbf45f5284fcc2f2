r"""Extraction of the answer from a completion: the number, the \boxed{}, the letter or the code that the model committed to.

Nothing here judges. Each function returns what it read, or None where the completion holds no answer of that form.
"""

from __future__ import annotations

import re

MARK = "####"

# lm-evaluation-harness, tasks/gsm8k: the filter strict-match, letter for letter.
_STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
# The harness's flexible-extract is (-?[$0-9.,]{2,})|(-?[0-9]+), the last match; see `flexible` for what is mended here.
_FLEXIBLE = re.compile(r"(?:(?<![\w)\]}])-)?\$?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)")
_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_BRACES = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])[ \t]*\{?|\\.|[{}]", re.DOTALL)
_BARE_END = re.compile(r"[$\n]|\\[)\]]|$")
_ANSWER = re.compile(r"answer:", re.IGNORECASE)
_LETTER = re.compile(r"[\s*_\"'(\[{]*([A-E])(?![\w'])")
_LANGUAGE = re.compile(r"[\w+#.-]*")
_PYTHON = ("", "python", "python3", "py")
_DEFINES = re.compile(r"^(?:async[ \t]+def|def|class)\b|^\w+[ \t]*=[ \t]*lambda\b", re.MULTILINE)
_STATEMENT = re.compile(
    r"(?:async +)?def \w+ *\(|class \w+ *[(:]|import \w|from [\w.]+ import\b|(?:if|for|while|with|elif|except|match)\b.*:"
    r"|(?:try|else|finally|except) *:|(?:return|pass|assert|raise|del|global|yield|await|not|lambda|print)\b|.*[^=]=[^=]"
)
_PROSE = re.compile(r"(?:[ \t]*(?:[-*>]+ +|\d+[.)] +))?[*_]*[^\W\d_][\w'-]*(?:[,.!?:;]? +[*_`'\"(]*\w|[:.!?]+[*_]*\s*$)")
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))


def number_in(text: str) -> str | None:
    """A number as plain decimal digits: without blanks, dollar sign, commas and a full stop at the end; else None."""
    digits = text.strip().replace("$", "").replace(",", "").removesuffix(".")
    return digits if _DECIMAL.fullmatch(digits) else None


def strict(text: str) -> str | None:
    """The number after the last "#### ", as GSM8K's own answers have it (the harness takes the first such mark)."""
    found = _STRICT.findall(text)
    return number_in(found[-1]) if found else None


def flexible(text: str) -> str | None:
    """The last number in the text, wherever it stands.

    As the harness's flexible-extract, except where that reads something that is no number: punctuation alone ("..."),
    two numbers run together ("10$20"), and the minus of a difference or the dash of a range as a sign ("15-10", "3-4").
    A fraction "1/5" is still two numbers, of which the last counts.
    """
    found = _FLEXIBLE.findall(text)
    return number_in(found[-1]) if found else None


def boxed(text: str) -> str | None:
    r"""What stands in the last \boxed or \fbox whose braces balance, "" for an empty one (two of MATH's own are)."""
    found = boxes(text)
    return text[slice(*found[-1])].strip() if found else None


def boxes(text: str) -> list[tuple[int, int]]:
    r"""Where the content of each \boxed or \fbox whose braces balance begins and ends, in their order; of nested ones the inner.

    `\boxed 5` goes on to the end of its formula. An escaped brace is no brace, so `\boxed{\left\{1\right.}` balances.
    One pass, whatever the text.
    """
    found: list[tuple[int, int]] = []
    open_braces: list[int] = []  # for each, where its box's content begins, or -1 for a brace of another kind
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


def letter(text: str) -> str | None:
    """The option, A to E in upper case, after the last "Answer:"; a completion may also be the option alone.

    "Answer: B", "Answer: (B)", "Answer: **B**", "answer: B." and "(B)" all say B; "Answer: bank" and "Answer: A's" say nothing.
    """
    marks = list(_ANSWER.finditer(text))
    if marks:
        found = _LETTER.match(text, marks[-1].end())
        return found.group(1) if found else None
    alone = re.fullmatch(r"[\s*(]*([A-E])[\s*).:]*", text)
    return alone.group(1) if alone else None


def code(text: str) -> str | None:
    """The program in a completion; None if there is nothing but blanks.

    1. Of fenced blocks (```python, ```py or bare; the last may lack its end) the last that defines something, since what
       follows it is often an example of its use; else the last.
    2. Of text without such a block all, without the prose before the first and after the last line that may be code: a line
       of two words in a row, or of one with a colon or full stop, that is no statement.
    """
    blocks = _blocks(text)
    if not blocks:
        return _without_prose(text)
    found = ([block for block in blocks if _DEFINES.search(block)] or blocks)[-1]
    return found if found.strip() else None


def _blocks(text: str) -> list[str]:
    """The content of each fenced block of Python."""
    blocks: list[tuple[str, list[str]]] = []
    inside = False
    for line in text.split("\n"):
        content, fence, rest = line.partition("```")
        if inside:
            blocks[-1][1].append(content if fence else line)
            inside = not fence
        elif fence and _LANGUAGE.fullmatch(language := rest.lstrip("`").strip()):
            blocks.append((language.lower(), []))
            inside = True
    return ["\n".join(lines) for language, lines in blocks if language in _PYTHON]


def _without_prose(text: str) -> str | None:
    lines = text.split("\n")
    code_like = [i for i, line in enumerate(lines) if line.strip() and (_STATEMENT.match(line) or not _PROSE.match(line))]
    if code_like:
        lines = lines[code_like[0] : code_like[-1] + 1]
    return "\n".join(lines) if text.strip() else None
