"""Usual lengths of a task's prompts and answers, and how many draws are right, from the data file task_lengths.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

_REAL = {"sft": {"1": 1.0, "8": 0.89, "11": 0.86}, "dpo": {"1": 0.89, "8": 0.82}, "whole": {"32": 0.5}}
"""What `real` is of a task that the file does not know: about that of GSM8K and MBPP."""


@dataclass(frozen=True)
class TaskLengths:
    """What is usual in a task; the file says how each number was measured or chosen. None is not known."""

    prompt: float | None = None
    """Mean tokens of a prompt."""
    answer: float | None = None
    """Mean tokens of a gold answer."""
    right: float | None = None
    """Share of the draws on training problems that are right."""
    real: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Kind of training, or "whole" for a batch that is not cut -> examples in a part -> share of tokens that are no padding."""

    def part(self, kind: str, most: float | None) -> tuple[float, float]:
        """Examples in a part of a batch, and the share of their tokens that are no padding, where at most so many may be in one.

        A batch that may be cut is, where that spares padding; None: it may not.
        """
        shares = self.real or _REAL
        of_kind = shares["whole"] if most is None else shares.get(kind, shares["sft"])
        known = [(float(count), share) for count, share in of_kind.items()]
        wanted = known[-1][0] if most is None else min(max(most, 1.0), known[-1][0])
        for (low, before), (high, after) in pairwise(known):
            if wanted <= high:
                return wanted, before + (after - before) * (wanted - low) / (high - low)
        return known[-1]


@cache
def _tasks() -> dict[str, TaskLengths]:
    text = files("sirev.execution").joinpath("task_lengths.json").read_text(encoding="utf-8")
    return {name: TaskLengths(**fields) for name, fields in json.loads(text)["tasks"].items()}


def lengths_of(task: str, options: Mapping[str, Any]) -> TaskLengths:
    """What is usual in a task, or in one subject of it where the options name that alone."""
    known = _tasks()
    subjects = options.get("subjects") or []
    return known.get(f"{task}/{','.join(subjects)}") or known.get(task) or TaskLengths()
