"""Batched sampling with a key-value cache for any transformers causal language model.

On a small model, `generate` spends most of its time copying: the cache grows by concatenation, keys are
repeated for grouped heads, and finished rows stay to the end. Here the cache is allocated once, grouped
heads share their keys in one matrix product, a prompt is read once for all its draws, and finished rows
are dropped once they are a fair share of the batch.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface
from transformers.cache_utils import Cache, DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward

ATTENTION = "sirev_grouped"
DROP_SHARE = 0.25  # finished rows are dropped once they are this share of the batch
LIKELY = 8  # the nucleus is first sought among this many tokens: sorting the whole vocabulary took a sixth of the time


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one new token per row, without repeating the keys of grouped heads.

    Shapes: query (B, H, 1, D), key and value (B, K, S, D) with H a multiple of K, mask (B, 1, 1, S) additive;
    returns (B, 1, H, D). Longer queries (the prompt) go to torch's own attention.
    """
    if query.shape[2] != 1 or kwargs.get("softcap") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    rows, heads, _, size = query.shape
    groups = key.shape[1]
    grouped = query.reshape(rows, groups, heads // groups, size) * (scaling if scaling is not None else 1 / math.sqrt(size))
    scores = torch.matmul(grouped, key.transpose(2, 3))
    if attention_mask is not None:
        scores += attention_mask
    out = torch.matmul(torch.softmax(scores, dim=-1), value)
    return out.reshape(rows, 1, heads, size), None


AttentionInterface.register(ATTENTION, grouped_attention)


class PreallocatedLayer(DynamicLayer):
    """Keys and values of one layer, (B, K, capacity, D), written in place and read as a view."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, capacity: int) -> None:
        super().__init__()
        rows, groups, length, size = keys.shape
        self.dtype, self.device = keys.dtype, keys.device
        self.buffers = [torch.empty(rows, groups, capacity, size, dtype=keys.dtype, device=keys.device) for _ in "kv"]
        self.buffers[0][:, :, :length] = keys
        self.buffers[1][:, :, :length] = values
        self.length = length
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        end = self.length + key_states.shape[2]
        keys, values = self.buffers
        keys[:, :, self.length : end] = key_states
        values[:, :, self.length : end] = value_states
        self.length = end
        return keys[:, :, :end], values[:, :, :end]

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only these rows of the batch."""
        kept = []
        for buffer in self.buffers:
            smaller = buffer.new_empty(len(rows), *buffer.shape[1:])
            smaller[:, :, : self.length] = buffer[:, :, : self.length].index_select(0, rows)  # the rest is not written yet
            kept.append(smaller)
        self.buffers = kept

    def get_seq_length(self) -> int:
        return self.length


class Prefill:
    """Prompts after one forward pass: their cache and last logits, left-padded to a common length."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], pad_id: int) -> None:
        device = model.device
        length = max(len(p) for p in prompts)
        ids = torch.full((len(prompts), length), pad_id, dtype=torch.long)
        present = torch.zeros((len(prompts), length), dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            ids[row, length - len(prompt) :] = torch.tensor(prompt)
            present[row, length - len(prompt) :] = True
        self.present = present.to(device)
        self.lengths = self.present.sum(dim=1)
        causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        mask = additive_mask(causal & self.present[:, None, None, :], model.dtype)
        positions = (self.present.long().cumsum(dim=1) - 1).clamp(min=0)
        self.cache = Cache(layer_class_to_replicate=DynamicLayer)
        out = model(
            input_ids=ids.to(device),
            attention_mask=mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
            **{cache_argument(model): self.cache},
        )
        self.logits = out.logits[:, -1].float()


def cache_argument(model: Any) -> str:
    """The name of the cache argument of the model's forward: `cache`, or `past_key_values` in older versions of transformers."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def additive_mask(visible: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """0 where `visible`, the lowest finite number elsewhere (not -inf: a fully masked padding row must not become NaN)."""
    return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill_(~visible, torch.finfo(dtype).min)


def uniforms(seed: int, problem_id: str, draw: int, n: int) -> np.ndarray:
    """The `n` uniform numbers in [0, 1) that decide draw `draw` of a problem: one per token, from a Philox counter."""
    key = hashlib.sha256(f"{seed}/{problem_id}/{draw}".encode()).digest()
    generator = np.random.Generator(np.random.Philox(key=np.frombuffer(key[:16], dtype=np.uint64)))
    return generator.random(n)


def choose(logits: torch.Tensor, uniform: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """One token per row: nucleus sampling (Holtzman et al. 2020, section 3.1) by inversion of the cumulative distribution.

    `logits` (B, V), `uniform` (B,). The nucleus is the smallest set of most probable tokens whose probability
    reaches `top_p`. Temperature 0 takes the most probable token.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.double() / temperature, dim=-1)
    token, whole = _from_most_probable(probabilities, uniform, top_p, min(LIKELY, logits.shape[-1]))
    rest = (~whole).nonzero().squeeze(1)
    if len(rest):
        token[rest], _ = _from_most_probable(probabilities[rest], uniform[rest], top_p, logits.shape[-1])
    return token


def _from_most_probable(
    probabilities: torch.Tensor, uniform: torch.Tensor, top_p: float, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token per row from the nucleus, and whether the `k` most probable tokens held the whole nucleus."""
    likely, order = probabilities.topk(k, dim=-1)
    cumulative = likely.cumsum(dim=-1)
    kept = (cumulative - likely) < top_p
    mass = (likely * kept).sum(dim=-1, keepdim=True)
    place = torch.searchsorted(cumulative, uniform[:, None] * mass, right=True)
    last = kept.sum(dim=-1, keepdim=True) - 1
    token = order.gather(1, torch.minimum(place, last)).squeeze(1)
    return token, cumulative[:, -1] >= top_p


@torch.inference_mode()
def decode_tokens(
    model: Any,
    prefill: Prefill,
    draws: Sequence[tuple[int, np.ndarray]],
    *,
    temperature: float,
    top_p: float,
    ends: Sequence[int],
) -> list[tuple[list[int], str]]:
    """Continue prompts until one of the tokens `ends` or the length limit.

    `draws` has, for each row of the batch, the prompt's index in `prefill` and the uniform numbers, as many as new
    tokens are allowed. Returns per row the token ids without the end token, and "stop" or "length".
    """
    device = model.device
    limit = len(draws[0][1])
    source = torch.tensor([place for place, _ in draws], device=device)
    uniform = torch.tensor(np.stack([u for _, u in draws]), device=device)
    read = prefill.present.shape[1]
    layers = [
        PreallocatedLayer(layer.keys.index_select(0, source), layer.values.index_select(0, source), read + limit)
        for layer in prefill.cache.layers
    ]
    argument = {cache_argument(model): Cache(layers=list(layers))}
    visible = torch.ones(len(draws), read + limit, dtype=torch.bool, device=device)
    visible[:, :read] = prefill.present.index_select(0, source)
    mask = additive_mask(visible, model.dtype)[:, None, None, :]
    positions = prefill.lengths.index_select(0, source)

    written = torch.full((len(draws), limit), ends[0], dtype=torch.long, device=device)
    final = torch.tensor(ends, device=device)
    rows = torch.arange(len(draws), device=device)  # batch row -> row of `written`
    going = torch.ones(len(draws), dtype=torch.bool, device=device)
    logits = prefill.logits.index_select(0, source)
    for step in range(limit):
        token = choose(logits, uniform[rows, step], temperature, top_p)
        written[rows, step] = token
        going = going & ~torch.isin(token, final)
        alive = int(going.sum())
        if alive == 0 or step == limit - 1:
            break
        if alive <= len(rows) * (1 - DROP_SHARE):
            kept = going.nonzero().squeeze(1)
            rows, token, mask, positions = rows[kept], token[kept], mask[kept], positions[kept]
            going = going[kept]
            for layer in layers:
                layer.keep(kept)
        out = model(
            input_ids=token[:, None],
            attention_mask=mask[..., : read + step + 1],
            position_ids=positions[:, None] + step,
            use_cache=True,
            logits_to_keep=1,
            **argument,
        )
        logits = out.logits[:, -1].float()
    return [_until_end(ids, ends) for ids in written.tolist()]


def _until_end(ids: list[int], ends: Sequence[int]) -> tuple[list[int], str]:
    end = next((place for place, id_ in enumerate(ids) if id_ in ends), None)
    return (ids, "length") if end is None else (ids[:end], "stop")
