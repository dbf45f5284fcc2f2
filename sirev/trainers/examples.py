"""Tokenised training sets, in the columns of TRL's trainers; unusable examples are left out and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from datasets import Dataset

from sirev.trainers.tokens import ends_early, pairs_ids

Ids = list[int]

AT_ONCE = 1000
"""Examples tokenised together: enough for the tokenizer's speed, few enough to be held as Python integers."""


@dataclass(frozen=True)
class Examples:
    """Tokenised rows, the number of dropped examples, and the tokens of one pass over the rows."""

    rows: Dataset
    dropped: int
    tokens: int


@dataclass(frozen=True)
class TokenLimits:
    """The longest prompt and the longest answer, in tokens (the answer's end of text included); None means no limit."""

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
    """Tokenise `data`: each prompt, with the answers in the columns `answers`, becomes a row by `row`.

    Examples beyond the limits are left out, and those with an end of text in the middle of an answer: some tokenizers read a
    literal "</s>" as one, and a model would learn to end there.
    """
    parts, kept, tokens = [], 0, 0
    for start in range(0, len(data), AT_ONCE):
        some = data[start : start + AT_ONCE]
        ids = iter(pairs_ids(tokenizer, [(example["prompt"], example[name]) for example in some for name in answers], chat))
        rows = []
        for _ in some:
            pairs = [next(ids) for _ in answers]
            prompt, written = pairs[0][0], [answer for _, answer in pairs]
            if limits.allow(prompt, *written) and not any(ends_early(tokenizer, answer) for answer in written):
                rows.append(row(prompt, *written))
                tokens += sum(len(prompt) + len(answer) for answer in written)
        kept += len(rows)
        if rows:
            parts.append(pa.table({name: pa.array([one[name] for one in rows], pa.list_(pa.int32())) for name in rows[0]}))
    return Examples(Dataset(pa.concat_tables(parts) if parts else pa.table({})), len(data) - kept, tokens)
