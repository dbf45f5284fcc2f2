"""Imported completions as read from files: problems with completions, and the fields that were used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

QUESTIONS = ("question", "prompt", "problem", "messages")
"""Fields that hold a question; if one of them serves as id, a problem is identified by its text."""

Paths = Mapping[str, Sequence[str]]
"""Role of a field -> the path of keys to it, from the row inwards."""


@dataclass(frozen=True)
class ImportedCompletion:
    """One completion. `correct` None: not graded yet; `answer` None: unknown, "": none was read; `tokens` -1: unknown.

    `failed`: its request failed, so the text is empty.
    """

    text: str
    correct: bool | None
    answer: str | None
    tokens: int = -1
    finish: str = ""
    failed: bool = False


@dataclass
class Sampled:
    """One problem with its completions, in the order of the files. `named` is the id as in the file."""

    id: str
    named: str
    where: str
    prompt: str
    gold: str
    level: str
    completions: list[ImportedCompletion] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """Result of reading: the problems in the order of ids, the reader, and the fields.

    `unused` maps useful-looking unused fields to the options that could name them, empty for verdicts that a task replaces.
    `choices` are the filters, scorers or metrics of a log that could be chosen, in its order.
    """

    problems: list[Sampled]
    reader: str
    fields: Paths
    unused: Mapping[str, Sequence[str]]
    choices: Sequence[str] = ()
