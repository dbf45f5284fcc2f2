"""Usual lengths of a task's prompts and answers, and share of right draws, from the data file task_lengths.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

_REAL = {"sft": {"1": 1.0, "8": 0.89, "11": 0.86}, "dpo": {"1": 0.89, "8": 0.82}, "whole": {"32": 0.5}}
"""`real` of tasks that are not in the file: about that of GSM8K and MBPP."""


@dataclass(frozen=True)
class TaskLengths:
    """Usual values of a task, None if unknown; the file says how each was measured or chosen."""

    prompt: float | None = None
    """Mean tokens per prompt."""
    answer: float | None = None
    """Mean tokens per gold answer."""
    right: float | None = None
    """Share of right draws on training problems."""
    real: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Kind of training, or "whole" for an undivided batch -> examples per micro-batch -> share of tokens that are not padding."""

    def part(self, kind: str, most: float | None) -> tuple[float, float]:
        """Examples per micro-batch, and the share of their tokens that are not padding.

        `most` is the largest number of examples per micro-batch; smaller ones are used where that saves padding. None for
        batches that are not divided.
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
    """Usual values of a task, or of the subjects in its options if the file has them."""
    known = _tasks()
    subjects = options.get("subjects") or []
    return known.get(f"{task}/{','.join(subjects)}") or known.get(task) or TaskLengths()
