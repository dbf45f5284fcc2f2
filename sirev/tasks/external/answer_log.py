"""Graded answers of one model, for the logs of other tools: a sample per problem and epoch, and the accuracy."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any


@dataclass(frozen=True)
class AnswerLog:
    """One model's answers to one set of problems.

    `rows` are those of `sirev.answers`, in the order of problem and draw. `model` and `task` are names for logs, `created` is a
    time in ISO 8601 with its zone, `details` holds further facts about the answers' origin. `unread` are the reasons of grades
    for which no answer could be read.
    """

    task: str
    model: str
    grader: str
    created: str
    rows: Sequence[Mapping[str, Any]]
    unread: Collection[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def problems(self) -> list[list[Mapping[str, Any]]]:
        """The rows, grouped by problem."""
        return [list(of) for _, of in groupby(self.rows, key=lambda row: row["problem_id"])]

    def accuracy(self) -> tuple[float, float]:
        """The mean over problems of the share of right answers, and its standard error; NaN for a single problem."""
        shares = [statistics.fmean(row["correct"] for row in of) for of in self.problems()]
        error = statistics.stdev(shares) / math.sqrt(len(shares)) if len(shares) > 1 else math.nan
        return statistics.fmean(shares), error

    @property
    def identifier(self) -> str:
        """22 hex digits that identify the model and the task."""
        return _digits([self.model, self.task])

    @property
    def moment(self) -> str:
        """The time for file names."""
        return self.created.replace(":", "-")


def plain_name(text: str) -> str:
    """A name fit for a part of a file name, whose parts are joined by "_"."""
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in text)


def distinct_name(text: str) -> str:
    """As `plain_name`, with a digest if letters were replaced: `ckpt_1` and `ckpt-1` stay different."""
    plain = plain_name(text)
    return plain if plain == text else f"{plain}-{_digits(text)[:8]}"


def _digits(named: object) -> str:
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:22]
