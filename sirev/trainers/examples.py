"""A training set as tokens, in the columns that TRL's trainers take; what is too long is left out and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.trainers.tokens import answer_ids, prompt_ids


@dataclass(frozen=True)
class Examples:
    """Tokenised rows, how many were dropped for their length, and how many tokens one pass over the rows takes."""

    rows: list[dict[str, Any]]
    dropped: int
    tokens: int


@dataclass(frozen=True)
class Limits:
    """The longest prompt and the longest answer, in tokens (the answer's end of text included); None is no limit."""

    prompt: int | None = None
    completion: int | None = None

    def allow(self, prompt: Sequence[int], *answers: Sequence[int]) -> bool:
        """Whether an example is short enough."""
        short = self.prompt is None or len(prompt) <= self.prompt
        return short and all(self.completion is None or len(answer) <= self.completion for answer in answers)


def sft_examples(tokenizer: Any, data: Sequence[Mapping[str, str]], limits: Limits, chat: bool) -> Examples:
    """Rows (prompt, completion) as input_ids and completion_mask, 1 where there is loss."""
    rows, dropped, tokens = [], 0, 0
    for row in data:
        prompt = prompt_ids(tokenizer, row["prompt"], chat)
        answer = answer_ids(tokenizer, row["prompt"], row["completion"], chat)
        if not limits.allow(prompt, answer):
            dropped += 1
            continue
        rows.append({"input_ids": prompt + answer, "completion_mask": [0] * len(prompt) + [1] * len(answer)})
        tokens += len(prompt) + len(answer)
    return Examples(rows, dropped, tokens)


def dpo_examples(tokenizer: Any, data: Sequence[Mapping[str, str]], limits: Limits, chat: bool) -> Examples:
    """Rows (prompt, chosen, rejected) as prompt_ids, chosen_ids and rejected_ids."""
    rows, dropped, tokens = [], 0, 0
    for row in data:
        prompt = prompt_ids(tokenizer, row["prompt"], chat)
        chosen, rejected = (answer_ids(tokenizer, row["prompt"], row[which], chat) for which in ("chosen", "rejected"))
        if not limits.allow(prompt, chosen, rejected):
            dropped += 1
            continue
        rows.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
        tokens += 2 * len(prompt) + len(chosen) + len(rejected)
    return Examples(rows, dropped, tokens)
