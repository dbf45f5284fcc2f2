r"""Normal form of a mathematical answer: a list of tokens in which LaTeX, Unicode and plain text look alike.

`\dfrac12`, `½` and `\frac{1}{2}` are the same tokens, as are `\left(` and `(`, `x²` and `x^{2}`, `10\,080` and `10{,}080`.
Nothing here judges. Every step is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata

from sirev.grading.signs import (
    ARGUMENTS,
    CLOSING,
    CONNECTIVES,
    DROPPED,
    INFINITE,
    NAMES,
    OPENING,
    PAIRS,
    SAME,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    TEXT,
    THIN,
    UNICODE,
)

SPACE = " "
"""Kept only after a number, before another one, where it has a meaning: `1 4/5` is no `14/5`."""
WORD = "'"
r"""Prefix of a word from \text{}, so that it is never taken for a product of letters."""

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\.\d+|[^\W\d_]+|\s+|.", re.DOTALL)
_DOUBLED = re.compile(r"\\\\(?=[a-zA-Z])")
"""A backslash escaped once too often; in a matrix it ends a row."""
_DIGITS = re.compile(r"\d+")
_RAISED = re.compile(f"[{''.join(SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(SUBSCRIPTS)}]+")


def notation(text: str) -> list[str]:
    r"""The tokens of an answer: commands, numbers, words, single signs; words of \text{} begin with WORD.

    Removed is mere layout: blanks and their commands, `\left`, `$`, degree signs, quotes, a final full stop or comma. Fractions,
    roots, powers and indices have braces; groups of thousands are joined.
    """
    text = _in_ascii(text)
    if r"\begin" not in text:
        text = _DOUBLED.sub(r"\\", text)
    found = _with_arguments(_powers_in_braces(_joined(_plain(_TOKEN.findall(text)))))
    while found and found[-1] in (".", ",", ";", ":", "\\", SPACE, "?"):
        found.pop()
    return [token for before, token in zip(["", *found], found, strict=False) if token != SPACE or before[-1:].isdigit()]


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    text = _RAISED.sub(lambda run: "^{" + "".join(SUPERSCRIPTS[c] for c in run.group()) + "}", text)
    text = _LOWERED.sub(lambda run: "_{" + "".join(SUBSCRIPTS[c] for c in run.group()) + "}", text)
    return "".join(c if c.isascii() else _one(c) for c in text.translate(UNICODE))


def _one(character: str) -> str:
    """A full-width or compatibility character in its plain form; a fraction such as ½ in LaTeX."""
    same = unicodedata.normalize("NFKC", character)
    numerator, bar, denominator = same.partition("⁄")
    return f"\\frac{{{numerator}}}{{{denominator}}}" if bar else same.translate(UNICODE)


def _plain(raw: list[str]) -> list[str]:
    r"""Tokens with one name per thing; words of \text{} are marked and its braces removed; blanks become SPACE."""
    found: list[str] = []
    depth, texts = 0, []
    i = 0
    while i < len(raw):
        token = SAME.get(raw[i], raw[i])
        if token == r"\right" and raw[i + 1 : i + 2] == ["."]:
            i += 1
        elif token in TEXT:
            i = _past_blanks(raw, i + 1) - 1
            if raw[i + 1 : i + 2] == ["{"]:
                depth += 1
                texts.append(depth)
                found.append(SPACE)
                i += 1
        elif token == r"\phantom":
            i = _past_blanks(raw, i + 1)
        elif token == "{":
            depth += 1
            found.append(token)
        elif token == "}":
            if texts and texts[-1] == depth:
                texts.pop()
                found.append(SPACE)
            else:
                found.append(token)
            depth -= 1
        elif token in THIN:
            found.append(token)
        elif token in DROPPED:
            pass
        elif token.isspace():
            found.append(SPACE)
        elif token[0].isalpha():
            found.append(_word(token, bool(texts)))
        else:
            pair = token + raw[i + 1] if i + 1 < len(raw) else ""
            same = PAIRS.get(pair)
            found.append(token if same is None else same)
            i += same is not None
        i += 1
    return _with_dots(found)


def _past_blanks(raw: list[str], i: int) -> int:
    while i < len(raw) and raw[i].isspace():
        i += 1
    return i


def _word(token: str, in_text: bool) -> str:
    if token in INFINITE:
        return r"\infty"
    if token in NAMES:
        return "\\" + token
    if token.lower() in CONNECTIVES:
        return WORD + token.lower()
    return WORD + token if in_text and len(token) > 1 else token


def _with_dots(tokens: list[str]) -> list[str]:
    """The tokens, with three full stops in a row as an ellipsis."""
    found: list[str] = []
    for token in tokens:
        found.append(token)
        if token == "." and found[-3:] == [".", ".", "."]:
            found[-3:] = [r"\ldots"]
        elif token == "." and found[-2:] == [r"\ldots", "."]:
            found.pop()
    return found


def _joined(tokens: list[str]) -> list[str]:
    """The tokens with thousands joined, and without degree signs and blanks, except blanks between two numbers."""
    found: list[str] = []
    brackets = 0
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token in OPENING:
            brackets += 1
        elif token in CLOSING:
            brackets -= 1
        if token[0].isdigit() and (groups := _thousands(tokens, i, commas=brackets <= 0)):
            number, i = groups
            found.append(number)
            continue
        if token == "^" and (end := _past_circle(tokens, i)):
            i = end
            continue
        if token == SPACE or token in THIN:
            if found and found[-1] != SPACE and found[-1][-1].isdigit():
                found.append(SPACE)
        else:
            if found and found[-1] == SPACE and not token[0].isdigit() and not token.startswith("."):
                found.pop()
            found.append(token)
        i += 1
    return found


def _past_circle(tokens: list[str], i: int) -> int:
    r"""The index after a degree sign, `^\circ` or `^{\circ}`, that begins at i; 0 if there is none."""
    inside = [token for token in tokens[i + 1 : i + 8] if token != SPACE and token not in THIN]
    if inside[:1] not in ([r"\circ"], ["°"], ["{"]):
        return 0
    if inside[0] == "{" and (len(inside) < 3 or inside[1] not in (r"\circ", "°") or inside[2] != "}"):
        return 0
    last = "}" if inside[0] == "{" else inside[0]
    return tokens.index(last, i) + 1


def _thousands(tokens: list[str], i: int, *, commas: bool) -> tuple[str, int] | None:
    r"""A number with separated thousands that begins at i, as digits, and the index after it; None if there is none.

    Separators are `{,}`, `,\!` or a blank, and outside brackets also a plain comma: (100,101) is a pair.
    """
    first = tokens[i]
    if not (_DIGITS.fullmatch(first) and len(first) <= 3 and first[0] != "0"):
        return None
    parts, end = [first], i + 1
    while True:
        after = end
        if tokens[after : after + 3] == ["{", ",", "}"]:
            after += 3
        elif tokens[after : after + 1] == [","]:
            after += 1
            narrow = tokens[after : after + 1] == ["\\!"]
            if not (narrow or commas) or (not narrow and tokens[after : after + 1] == [SPACE]):
                break
            while after < len(tokens) and (tokens[after] == SPACE or tokens[after] in THIN) and after < end + 4:
                after += 1
        elif after < len(tokens) and (tokens[after] in THIN or tokens[after] == SPACE):
            after += 1
        else:
            break
        group = tokens[after] if after < len(tokens) else ""
        whole, _, _ = group.partition(".")
        if len(whole) != 3 or not whole.isdigit() or (tokens[after - 1] == SPACE and tokens[after + 1 : after + 2] == ["/"]):
            break
        parts.append(group)
        end = after + 1
        if "." in group:
            break
    return ("".join(parts), end) if len(parts) > 1 else None


def _powers_in_braces(tokens: list[str]) -> list[str]:
    r"""Braces in `x^2`, `x^-2`, `x^(2)`, `\sqrt(2)` and `√2`; exp(x) as a power of e. Of `2^10` the exponent is 10."""
    close = _closings(tokens)
    found: list[str] = []
    braces_at: set[int] = set()
    i = 0
    while i < len(tokens):
        token = tokens[i]
        following = tokens[i + 1] if i + 1 < len(tokens) else ""
        if i in braces_at:
            found.append("}")
        elif token == r"\exp" and following in ("(", "{") and (end := close.get(i + 1)):
            found += ["e", "^", "{"]
            braces_at.add(end)
            i += 1
        elif token in ("^", "_", "√", r"\sqrt"):
            found.append(r"\sqrt" if token == "√" else token)
            if following == "(" and (end := close.get(i + 1)):
                found.append("{")
                braces_at.add(end)
                i += 1
            elif token == r"\sqrt":
                pass
            else:
                sign = following in ("-", "+") and token == "^"
                part = tokens[i + 1 + sign] if i + 1 + sign < len(tokens) else ""
                if part and part not in ("{", "}", SPACE) and part[0] != "\\" and part not in ("-", "+", "^", "_", "√"):
                    first = part if part[0].isdigit() else part[:1]
                    found += ["{", *([following] if sign else []), first, "}"]
                    found += [part[1:]] if first != part else []
                    i += 1 + sign
        else:
            found.append(token)
        i += 1
    return found


def _closings(tokens: list[str]) -> dict[int, int]:
    """The index of the closing bracket for each round bracket or brace."""
    stack: list[int] = []
    close: dict[int, int] = {}
    for i, token in enumerate(tokens):
        if token in ("(", "{"):
            stack.append(i)
        elif token in (")", "}") and stack and tokens[stack[-1]] == ("(" if token == ")" else "{"):
            close[stack.pop()] = i
    return close


def _with_arguments(tokens: list[str]) -> list[str]:
    r"""The tokens with braces around each argument of `\frac12`, `\frac\pi2` and `\sqrt2`. `\frac172` is 1/72, as intended."""
    found: list[str] = []
    wanted = 0  # missing arguments of the last command
    around: list[int] = []  # the same for the command outside each open brace
    pending = tokens[::-1]
    while pending:
        token = pending.pop()
        if token == SPACE and wanted:
            continue
        if token in ARGUMENTS:
            found.append(token)
            wanted = ARGUMENTS[token]
            if token == r"\sqrt" and pending and pending[-1] == "[":
                while pending and found[-1] != "]":
                    found.append(pending.pop())
        elif token == "{":
            around.append(max(wanted - 1, 0))
            wanted = 0
            found.append(token)
        elif token == "}":
            wanted = around.pop() if around else 0
            found.append(token)
        elif wanted and token not in ("-", "+"):
            first, rest = _argument(token, wanted)
            wanted -= 1
            found += ["{", first, "}"]
            pending += [rest] if rest else []
        else:
            found.append(token)
    return found


def _argument(token: str, wanted: int) -> tuple[str, str]:
    """The argument without braces that a token begins with, and the rest of the token."""
    if token[0].isdigit():
        return (token[0], token[1:]) if wanted == 2 else (token, "")
    return (token[0], token[1:]) if token[0].isalpha() else (token, "")
