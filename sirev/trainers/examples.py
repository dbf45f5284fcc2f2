"""A training set as tokens, in the columns that TRL's trainers take; what is too long is left out and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.trainers.tokens import answer_ids, prompt_ids

Ids = list[int]


@dataclass(frozen=True)
class Examples:
    """Tokenised rows, how many were dropped for their length, and how many tokens one pass over the rows takes."""

    rows: list[dict[str, Ids]]
    dropped: int
    tokens: int


@dataclass(frozen=True)
class TokenLimits:
    """The longest prompt and the longest answer, in tokens (the answer's end of text included); None is no limit."""

    prompt: int | None = None
    completion: int | None = None

    def allow(self, prompt: Sequence[int], *answers: Sequence[int]) -> bool:
        """Whether an example is short enough."""
        short = self.prompt is None or len(prompt) <= self.prompt
        return short and all(self.completion is None or len(answer) <= self.completion for answer in answers)


def tokenised_rows(
    tokenizer: Any,
    data: Sequence[Mapping[str, str]],
    answers: Sequence[str],
    row: Callable[..., dict[str, Ids]],
    limits: TokenLimits,
    chat: bool,
) -> Examples:
    """Rows of a prompt and of its answers, which stand in the columns `answers`, as what `row` makes of their tokens."""
    rows, dropped, tokens = [], 0, 0
    for example in data:
        prompt = prompt_ids(tokenizer, example["prompt"], chat)
        written = [answer_ids(tokenizer, example["prompt"], example[name], chat) for name in answers]
        if not limits.allow(prompt, *written):
            dropped += 1
            continue
        rows.append(row(prompt, *written))
        tokens += sum(len(prompt) + len(answer) for answer in written)
    return Examples(rows, dropped, tokens)
