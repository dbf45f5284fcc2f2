"""Fenced blocks of Markdown, by the rules of CommonMark 0.31, section 4.5, and by the habits of models.

A library's parser would also read the rest of a text as Markdown, where a Python comment is a heading. In a text that is half a
program only the fences mean anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Before a fence: blanks, marks of quotations and list items. More than CommonMark's three blanks are a nested item.
_LEAD = r"[ \t]*+(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]++|>[ \t]?+)*+"
_FENCE = re.compile(rf"(?P<lead>{_LEAD})(?P<marks>`{{3,}}+(?=[^`]*\Z)|~{{3,}}+)(?P<info>.*)")
_WORD = re.compile(r"[{.\s]*+([\w.+#-]*+)")
_AFTER_PROSE = re.compile(r"(?P<marks>`{3,}+)[ \t]*+(?P<info>py\w{0,20})[ \t]*+\Z", re.IGNORECASE)
_PYTHON = re.compile(r"(?:i?py|.*\.py\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """The content of a fenced block without its fence's indentation, its language, and its lines, fences included."""

    language: str
    content: str
    begin: int
    end: int

    @property
    def may_be_python(self) -> bool:
        """True if the block is labelled Python, or not labelled."""
        return not self.language or _PYTHON.match(self.language) is not None


@dataclass(frozen=True)
class _Opened:
    """The opening fence of a block."""

    marks: str
    indent: int
    quoted: bool
    language: str

    def closed_by(self, line: str) -> bool:
        """Whether a line is the closing fence: at least as many marks and nothing else, indented by at most three blanks more."""
        marks = line.strip()
        indent = len(line) - len(line.lstrip())
        return len(marks) >= len(self.marks) and not marks.strip(self.marks[0]) and indent < self.indent + 4

    def content(self, line: str) -> str:
        """A line of the block without the quotation's mark or the item's indentation."""
        if self.quoted:
            return re.sub(r"\A[ \t]*>[ \t]?", "", line)
        blanks = len(line) - len(line.lstrip(" \t"))
        return line[min(blanks, self.indent) :]


def blocks(lines: Sequence[str], *, begun: bool = False, loose: bool = False) -> list[Block]:
    """The fenced blocks of a text, in order; the last may lack its closing fence.

    `begun`: the text begins inside a block whose fence is in the prompt. `loose`: a fence may also follow prose on its line, and
    may close a block at the end of a line of code or before prose; CommonMark allows neither.
    """
    found: list[Block] = []
    opened = _Opened("```", 0, False, "") if begun else None
    content: list[str] = []
    begin = 0
    for number, line in enumerate(lines):
        if opened is None:
            if (opened := _opening(line, loose)) is not None:
                content, begin = [], number
            continue
        inner = opened.content(line)
        if opened.closed_by(inner if opened.quoted else line):
            found.append(Block(opened.language, "\n".join([*content, ""]), begin, number + 1))
            opened = None
        elif loose and opened.marks in line:
            code, _, rest = line.partition(opened.marks)
            last = [code] if code.strip() else []
            found.append(Block(opened.language, "\n".join([*content, *last, ""]), begin, number + 1))
            opened = _opening(line, loose) if re.fullmatch(r"[\w+.-]+", rest.strip()) else None
            content, begin = [], number
        else:
            content.append(inner)
    if opened is not None:
        found.append(Block(opened.language, "\n".join(content), begin, len(lines)))
    return found


def opens_bare(lines: Sequence[str]) -> int | None:
    """The number of the first line with a fence if that has no language, like a closing fence; else None."""
    for number, line in enumerate(lines):
        if found := _FENCE.fullmatch(line):
            return number if not found["info"].strip() else None
    return None


def _opening(line: str, loose: bool) -> _Opened | None:
    if found := _FENCE.fullmatch(line):
        return _Opened(found["marks"], len(found["lead"]), ">" in found["lead"], _language(found["info"]))
    if loose and (at := line.find("```")) > 0 and (found := _AFTER_PROSE.match(line, at)):
        return _Opened(found["marks"], 0, False, _language(found["info"]))
    return None


def _language(info: str) -> str:
    word = _WORD.match(info)
    return word[1].lower() if word else ""
