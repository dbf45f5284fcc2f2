r"""The final answer in a completion of a mathematical problem: in boxes, in tags, after a mark, or named as the answer.

Nothing here judges. Each function takes one pass over any text.
"""

from __future__ import annotations

import re

from sirev.grading import extract
from sirev.grading.committed import before_next_problem, committed
from sirev.grading.comparison import items_listed
from sirev.grading.notation import notation

_ANSWER_TAG, _END_OF_ANSWER = "<answer>", "</answer>"
_FINAL = re.compile(r"final answer(?: is)?(?![\w'])", re.IGNORECASE)
_NAMED = re.compile(r"(?<!\w)answer(?: is(?![\w'])|(?:\*\*|__)?:)", re.IGNORECASE)
_IDLE = re.compile(r"[\s:*_]*+(?:is(?![\w'])[\s:*_]*+)?")
_DISPLAYS = ((r"\[", r"\]"), ("$$", "$$"))
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n|(?<=\*)\*")
_LONGEST = 200
"""Characters of the longest answer that a sentence names; longer text is no answer."""
_NEAR, _NEAR_WITH_SEPARATOR = 10, 70
_SEPARATOR = re.compile(r"\b(?:and|or)\b|[,;]")


def formula(text: str, items: int = 1) -> str | None:
    r"""The answer to a problem whose gold answer lists `items` items; None where there is none.

    Searched in this order: the last <answer>, else all that the model commits to; there the last \boxed{}, the text after the
    last "####", the text named the final answer, the text named the answer. An empty box counts only where there is nothing else.
    Problems that a model goes on to ask itself are left out.
    """
    said = committed(text)
    begun = before_next_problem(said)
    return (_tagged(begun, items) if begun else None) or _tagged(said, items)


def _tagged(text: str, items: int) -> str | None:
    _, tag, tagged = text.rpartition(_ANSWER_TAG)
    if tag:
        tagged, _, _ = tagged.partition(_END_OF_ANSWER)
        return _read(tagged, items) or tagged.strip() or None
    return _read(text, items)


def _read(text: str, items: int) -> str | None:
    box = boxed_answer(text, items)
    return box or extract.after_mark(text) or answer_named(text) or box


def boxed_answer(text: str, items: int = 1) -> str | None:
    r"""The last box; where the gold answer has several items and as many boxes stand together at the end, all of them.

    "The roots are $\boxed{3}$ and $\boxed{5}$" gives "3,5". Boxes stand together within 10 characters, or within 70 that have a
    comma, "and" or "or", as in Math-Verify, with no end of a sentence or line between them.
    """
    found = extract.boxes(text)
    if not found:
        return None
    last = text[slice(*found[-1])].strip()
    if items == 1 or len(last) > _LONGEST or items_listed(notation(last)) > 1:
        return last
    run = [found[-1]]
    for box in reversed(found[:-1]):
        between = text[box[1] : run[0][0]]
        head = between[: _NEAR_WITH_SEPARATOR + 1]
        if len(between) > (_NEAR_WITH_SEPARATOR if _SEPARATOR.search(head) else _NEAR) or _SENTENCE_END.search(head):
            break
        run.insert(0, box)
        if len(run) > items:
            break
    chosen = run if len(run) == items else run[-1:]
    return ",".join(text[begin:end].strip() for begin, end in chosen)


def answer_named(text: str) -> str | None:
    """The text last named the final answer, else the answer: of "The final answer is $5$. I hope so." it is "$5$"."""
    for pattern in (_FINAL, _NAMED):
        ends = [found.end() for found in pattern.finditer(text)]
        if ends and (answer := _sentence(text, ends[-1])) and r"\boxed" not in answer:
            return answer
    return None


def _sentence(text: str, begin: int) -> str | None:
    """The rest of a sentence from a place on, or the displayed formula there."""
    idle = _IDLE.match(text, begin)
    begin = idle.end() if idle else begin
    for opening, closing in _DISPLAYS:
        if text.startswith(opening, begin):
            end = text.find(closing, begin + len(opening))
            begin += len(opening)
            return text[begin : end if end >= 0 else begin + _LONGEST].strip() or None
    stop = _SENTENCE_END.search(text, begin)
    answer = text[begin : stop.start() if stop else len(text)].strip(" \t*_")
    return answer if 0 < len(answer) <= _LONGEST else None
