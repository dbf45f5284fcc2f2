"""Completions made elsewhere as they are read from files: problems with their completions, and what of the rows was used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

QUESTIONS = ("question", "prompt", "problem", "messages")
"""Fields that hold a question: where one of them stands for the id, a problem goes by its text."""

Paths = Mapping[str, Sequence[str]]
"""What is read of a row -> the keys that lead to it, from the row inwards."""


@dataclass(frozen=True)
class ImportedCompletion:
    """One completion. `correct` None: not judged yet; `answer` None: nobody says, "" none was read; `tokens` -1: unknown.

    `failed`: the request for it failed, and the text is empty for that.
    """

    text: str
    correct: bool | None
    answer: str | None
    tokens: int = -1
    finish: str = ""
    failed: bool = False


@dataclass
class Sampled:
    """One problem with its completions in the order of the files. `named` is the id as the file has it."""

    id: str
    named: str
    where: str
    prompt: str
    gold: str
    level: str
    completions: list[ImportedCompletion] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """What was read: the problems by id, by which reader, from which fields.

    `unused` are fields that look useful and were not used -> the options that would name them, none for verdicts that a task
    replaces. `choices` are the filters, scorers or metrics of a log whose verdicts there were to choose from, in its order.
    """

    problems: list[Sampled]
    reader: str
    fields: Paths
    unused: Mapping[str, Sequence[str]]
    choices: Sequence[str] = ()
