"""Log-probabilities of given answers under any transformers causal language model, in padded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from sirev.engines.kv_sampler import additive_mask
from sirev.engines.protocol import AnswerTokens

BATCH_TOKENS = 8192  # including padding; most of a batch's memory is its logits, tokens times vocabulary


@torch.inference_mode()
def log_probabilities(
    model: Any,
    answers: Sequence[AnswerTokens],
    batch_size: int | None = None,
    progress: Callable[[int], None] = lambda answers: None,
) -> list[float]:
    """log p(answer | prompt) of each answer in nats, summed over its tokens (teacher forcing); 0 for an empty answer.

    `batch_size` is the most answers per batch. The log-softmax is in float32, the sum in float64.
    """
    found = [0.0] * len(answers)
    done = len(answers) - sum(bool(one.answer) for one in answers)
    for places in _batches(answers, batch_size):
        for place, value in zip(places, _of_batch(model, [answers[place] for place in places]), strict=True):
            found[place] = value
        done += len(places)
        progress(done)
    return found


def _batches(answers: Sequence[AnswerTokens], batch_size: int | None) -> Iterator[list[int]]:
    """Yield the indices of answers of similar lengths, the longest first, so that a lack of memory shows at once."""
    lengths = [len(one.prompt) + len(one.answer) for one in answers]
    places = sorted((i for i, one in enumerate(answers) if one.answer), key=lambda i: (-lengths[i], i))
    start = 0
    while start < len(places):
        size = min(batch_size or len(places), max(BATCH_TOKENS // lengths[places[start]], 1))
        yield places[start : start + size]
        start += size


def _of_batch(model: Any, batch: Sequence[AnswerTokens]) -> list[float]:
    length = max(len(one.prompt) + len(one.answer) for one in batch)
    ids = torch.zeros((len(batch), length), dtype=torch.long)  # any token may pad: padding is masked
    present = torch.zeros((len(batch), length), dtype=torch.bool)
    for row, one in enumerate(batch):
        tokens = [*one.prompt, *one.answer]
        ids[row, : len(tokens)] = torch.tensor(tokens)
        present[row, : len(tokens)] = True
    ids, present = ids.to(model.device), present.to(model.device)
    causal = torch.ones(length, length, dtype=torch.bool, device=model.device).tril()
    first = min(len(one.prompt) for one in batch) - 1  # its logits predict the first token of an answer
    out = model(
        input_ids=ids,
        attention_mask=additive_mask(causal & present[:, None, None, :], model.dtype),
        position_ids=torch.arange(length, device=model.device).expand(len(batch), -1),
        use_cache=False,
        logits_to_keep=length - first,
    )
    return [_of_row(out.logits[row], ids[row], one, first) for row, one in enumerate(batch)]


def _of_row(logits: torch.Tensor, ids: torch.Tensor, one: AnswerTokens, first: int) -> float:
    """The score of one row: `logits` (positions from `first` on, vocabulary), `ids` all its tokens."""
    start, count = len(one.prompt), len(one.answer)
    scores = torch.log_softmax(logits[start - 1 - first : start - 1 - first + count].float(), dim=-1)
    return float(scores.gather(1, ids[start : start + count, None]).double().sum())
