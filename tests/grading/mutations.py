"""Wrong answers that differ from a gold answer in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TUPLE = re.compile(r"(?:\\left)?([(\[])([^()\[\]]*,[^()\[\]]*?)((?:\\right)?[)\]])")
_LETTERS = re.compile(r"\\[a-zA-Z]+|[a-zA-Z]+")


def mutants(gold: str) -> Iterator[tuple[str, str]]:
    """Yield (kind of change, changed answer) for a gold answer of MATH: each kind at every possible place."""
    for found in re.finditer(r"\d", gold):
        at = found.start()
        yield "a digit", gold[:at] + str((int(found.group()) + 1) % 10 or 3) + gold[at + 1 :]
    for found in re.finditer(r"(?<=[\w})] )[-+](?= )|(?<=[\w})])[-+]|(?<![\w}) ])-", gold):
        at, sign = found.start(), found.group()
        yield "a sign", gold[:at] + ("+" if sign == "-" else "-") + gold[at + 1 :]
    if re.match(r"[1-9.]|\\[dt]?frac|\\sqrt", gold) and not re.search(
        r"[-+=<>,:;a-zA-Z]{2}|\d[-+]|[-+]\s|_", _without_commands(gold)
    ):
        yield "a sign", "-" + gold
    for found in re.finditer(r"(?<=\^)\d|(?<=\^\{)\d+(?=\})", gold):
        yield "an exponent", gold[: found.start()] + str(int(found.group()) + 1) + gold[found.end() :]
    for found in re.finditer(r"(?<=_)\d+$|(?<=_\{)\d+(?=\}$)", gold):
        yield "a base", gold[: found.start()] + str(int(found.group()) % 15 + 2) + gold[found.end() :]
    for found in _TUPLE.finditer(gold):
        items = [item.strip() for item in found.group(2).split(",")]
        if items != items[::-1]:
            swapped = found.group(0).replace(found.group(2), ", ".join(items[::-1]))
            yield "the order of a tuple", gold[: found.start()] + swapped + gold[found.end() :]
        if len(items) == 2 and found.group(1) == "[":
            yield "a bracket", gold[: found.start()] + found.group(0).replace("[", "(", 1) + gold[found.end() :]


def _without_commands(text: str) -> str:
    return _LETTERS.sub(lambda word: "" if word.group()[0] == "\\" else word.group(), text)
