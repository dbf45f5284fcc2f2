"""Extraction of the program from a completion: the source that parses and defines the names that the tests use.

Among several it is the last fenced block, or the first in a text without fences. Nothing is run.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from sirev.grading.committed import committed
from sirev.grading.fences import Block, blocks, opens_bare
from sirev.grading.python_source import PythonSource, bound_by, free_in, parse_source, parsed_source, without_trials

_LONGEST_PIECE = 8
"""Pieces of a text that are tried together where one alone is no Python."""
_MOST_PIECES = 1000
_MOST_BROKEN = 50
"""Blocks that don't parse and are tried with more or fewer lines."""
_EXTENDED = 3
"""Following blocks that may in truth lie within a program's strings."""

_DEFINES = re.compile(r"^(?:async[ \t]+def|def|class)\b|^\w+[ \t]*=[ \t]*lambda\b", re.MULTILINE)
_STATEMENT = re.compile(
    r"(?:async +)?def \w+ *\(|class \w+ *[(:]|import \w|from [\w.]+ import\b|(?:if|for|while|with|elif|except|match)\b.*:"
    r"|(?:try|else|finally|except) *:|(?:return|pass|assert|raise|del|global|yield|await|not|lambda|print)\b|.*[^=]=[^=]"
)
_PROSE = re.compile(r"(?:[ \t]*(?:[-*>]+ +|\d+[.)] +))?[*_]*[^\W\d_][\w'-]*(?:[,.!?:;]? +[*_`'\"(]*\w|[:.!?]+[*_]*\s*$)")
_TAGS = "code|answer|solution|python|program"
_BEGINS = re.compile(rf"^[ \t]*+(?:\[(?:BEGIN|PYTHON|CODE)\]|<(?:{_TAGS})>)[ \t]*+\n?", re.MULTILINE)
_ENDS = re.compile(rf"(?:^|(?<=[ \t]))(?:\[(?:DONE|/PYTHON|/CODE)\]|</(?:{_TAGS})>)[ \t]*+$", re.MULTILINE)
_ODD = {
    0xA0: " ",
    0x2009: " ",
    0x202F: " ",
    0x3000: " ",
    0x200B: None,
    0x2060: None,
    0xFEFF: None,
    0x201C: '"',
    0x201D: '"',
    0x2018: "'",
    0x2019: "'",
}
"""Typographic blanks and quotation marks, which are no Python."""
_GOES_ON = re.compile(r"[\s)\]}#]|(?:else|elif|except|finally)\b")
_PROMPT = re.compile(r"\A(?:>>>|\.\.\.)(?: |\Z)")


def code(text: str, names: Collection[str] = ()) -> str | None:
    """The program in a completion; None if it holds only blanks, or nothing after a thought.

    `names` are the program's names that the tests use; without any, a program that defines something is enough. Searched are the
    fenced blocks of Python, those of other languages, and the text around them, with and without marks such as [BEGIN] and
    [DONE]. Definitions that a program needs from other blocks are put before it; statements that only try it out are removed.
    Where nothing parses and defines the names, the result is the last block that defines something, else the last block, else the
    text without the prose around it.
    """
    whole = text.removeprefix("\ufeff").replace("\r\n", "\n")
    said = committed(whole)
    if not said.strip():
        return None
    versions = [*_between_marks(said), said]
    if len(said) < len(whole) and whole.startswith(said):  # the token at its end may be a word of the program
        versions.append(whole)
    versions += [plain] if (plain := said.translate(_ODD)) != said else []
    for version in versions:
        if (found := _program(version.split("\n"), names)) is not None:
            return found
    return _by_form(versions[0])


def _between_marks(text: str) -> Iterator[str]:
    """The text after the first opening mark and before the first closing one."""
    begin = found.end() if (found := _BEGINS.search(text)) else 0
    end = found.start() if (found := _ENDS.search(text, begin)) else len(text)
    if (begin, end) != (0, len(text)) and text[begin:end].strip():
        yield text[begin:end]


def _program(lines: Sequence[str], names: Collection[str], *, nested: bool = False) -> str | None:
    """The program, in fenced blocks or around them, that parses and defines the names."""
    bare = opens_bare(lines)
    if bare is not None and (before := _fitting(["\n".join([*lines[:bare], ""])], names)):
        return _finished(before[0], [], names)  # the opening fence is in the prompt
    for loose in (False, True):
        found = blocks(lines, loose=loose)
        if (chosen := _chosen(lines, found, names)) is not None:
            return chosen
        if bare is not None and (chosen := _chosen(lines, blocks(lines, begun=True, loose=loose), names)) is not None:
            return chosen
    for block in [] if nested else blocks(lines):
        if "```" in block.content and (chosen := _program(block.content.split("\n"), names, nested=True)) is not None:
            return chosen
    pieces = _fitting(_in_pieces(_around(lines, blocks(lines)), names), names)
    return _finished(pieces[0], [], names) if pieces else None


def _chosen(lines: Sequence[str], found: Sequence[Block], names: Collection[str]) -> str | None:
    """The program in a block: the last one of Python that fits, else one made longer or shorter, else one of another language."""
    sources = {block: parsed_source(block.content) for block in found}
    others = [source for source in sources.values() if source is not None]
    python = [block for block in found if block.may_be_python]
    for those in (python, [block for block in found if not block.may_be_python] if names else []):
        if fitting := [source for block in those if (source := sources[block]) is not None and _fits(source, names)]:
            best = max(reversed(fitting), key=lambda source: len(source.defined.intersection(names)))
            return _finished(best, others, names)
    broken = [number for number, block in enumerate(found) if block.may_be_python and sources[block] is None]
    for number in reversed(broken[-_MOST_BROKEN:]):
        near = found[number : number + _EXTENDED + 1]
        for texts in (_extended(lines, near), _in_pieces(near[0].content.split("\n"), names)):
            if made := _fitting(texts, names):
                return _finished(made[0], others, names)
    return None


def _fits(source: PythonSource, names: Collection[str]) -> bool:
    """Whether a source defines one of the names, or anything where there are no names."""
    return not source.defined.isdisjoint(names) if names else source.defines_something


def _fitting(texts: Iterable[str], names: Collection[str]) -> list[PythonSource]:
    """A list of the first text that parses and fits, or an empty one."""
    return next(([source] for text in texts if (source := parsed_source(text)) is not None and _fits(source, names)), [])


def _extended(lines: Sequence[str], found: Sequence[Block]) -> Iterator[str]:
    """The first block with the lines after it up to later fences: the fences between may lie within its strings."""
    begin = found[0].begin
    indent = len(lines[begin]) - len(lines[begin].lstrip())
    ends = [number for block in found[1 : _EXTENDED + 1] for number in (block.begin, block.end - 1)]
    for end in ends if len(found) > _EXTENDED else [*ends, len(lines)]:
        yield "\n".join([*(line[min(indent, len(line) - len(line.lstrip())) :] for line in lines[begin + 1 : end]), ""])


def _around(lines: Sequence[str], found: Sequence[Block]) -> list[str]:
    """The text's lines with those of blocks emptied."""
    inside = {number for block in found for number in range(block.begin, block.end)}
    return ["" if number in inside else line for number, line in enumerate(lines)]


def _in_pieces(lines: Sequence[str], names: Collection[str]) -> Iterator[str]:
    """The programs in a text that is not all code: everything from its first to its last line of code, then piece by piece.

    A piece begins at a line without indentation. Pieces that are no Python are left out. After the names are defined, the first
    such piece ends the program, since another text follows.
    """
    yield "\n".join(lines).strip("\n")
    yield _without_prose(lines)
    whole = textwrap.dedent("\n".join(lines)).strip("\n").split("\n")
    whole[0] = whole[0].lstrip()
    yield _without_prose(whole)
    kept: list[PythonSource] = []
    defined: set[str] = set()
    for piece in islice(_pieces([_PROMPT.sub("", line, count=1) for line in whole]), _MOST_PIECES):
        source = None if _is_prose(piece) else parsed_source(piece)
        if source is not None:
            kept.append(source)
            defined |= source.defined
        elif (defined.intersection(names)) if names else any(one.defines_something for one in kept):
            break
    yield "\n".join(source.text for source in kept).strip("\n")


def _pieces(lines: Sequence[str]) -> Iterator[str]:
    """The lines in groups that each begin at a line without indentation; the lines of one statement stay together."""
    begins = [number for number, line in enumerate(lines) if line and not _GOES_ON.match(line)] or [0]
    ends = [*begins[1:], len(lines)]
    at = 0
    while at < len(begins):
        last = at
        while True:
            text = "\n".join(lines[begins[at] : ends[last]])
            if not _is_unfinished(text) or last + 1 >= min(len(begins), at + _LONGEST_PIECE):
                break
            last += 1
        if last > at and parsed_source(text) is None:
            last, text = at, "\n".join(lines[begins[at] : ends[at]])
        yield text
        at = last + 1


def _is_unfinished(text: str) -> bool:
    """True for the beginning of a statement: a decorator, an open bracket, an open triple-quoted string."""
    if text.startswith("@") and not _DEFINES.search(text):
        return True
    try:
        parse_source(text)
    except SyntaxError as error:
        return any(said in str(error.msg) for said in ("never closed", "unterminated triple-quoted", "unexpected EOF"))
    return False


def _is_prose(piece: str) -> bool:
    first = piece.split("\n", 1)[0]
    return not _STATEMENT.match(first) and _PROSE.match(first) is not None


def _finished(source: PythonSource, others: Sequence[PythonSource], names: Collection[str]) -> str:
    """A program preceded by what it, or the tests, need from other blocks, and without statements that only try it out."""
    text = without_trials(source, names) if names else source.text
    elsewhere = {
        name: (place, number)
        for place, other in enumerate(others)
        if other is not source
        for number, statement in enumerate(other.tree.body)
        for name in bound_by(statement)
    }
    missing = [*sorted(source.needed.union(names) - source.defined)]
    helpers: set[tuple[int, int]] = set()
    for name in missing:  # grows during the loop
        if (found := elsewhere.get(name)) is not None and found not in helpers:
            helpers.add(found)
            missing += sorted(free_in(others[found[0]].tree.body[found[1]]) - source.defined)
    taken = [others[place].lines_of(others[place].tree.body[number]) for place, number in sorted(helpers)]
    return "\n".join([*dict.fromkeys(taken), text])


def _by_form(text: str) -> str | None:
    """The last fenced block that defines something, else the last one, else the text without prose around its code."""
    lines = text.split("\n")
    found = [block.content for block in blocks(lines, loose=True) if block.may_be_python]
    if not found:
        program = _without_prose(lines)
        return program if program.strip() else None
    chosen = ([content for content in found if _DEFINES.search(content)] or found)[-1]
    return chosen if chosen.strip() else None


def _without_prose(lines: Sequence[str]) -> str:
    """The lines from the first that may be code to the last; prose is two words in a row, or one with a colon or full stop."""
    code_like = [i for i, line in enumerate(lines) if line.strip() and (_STATEMENT.match(line) or not _PROSE.match(line))]
    return "\n".join(lines[code_like[0] : code_like[-1] + 1] if code_like else lines)
