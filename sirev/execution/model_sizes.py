"""Sizes of a model from its configuration: parameters, adapter parameters, and KV cache per token."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sirev.hub import is_local
from sirev.inputs import parse_json
from sirev.recipe.sections import Architecture, Lora, Model

_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
"""Fields of a config.json that a shape needs."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama-like model."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Numbers of inputs and outputs of the linear modules of one layer."""
        heads, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, heads),
            "k_proj": (self.hidden, kv),
            "v_proj": (self.hidden, kv),
            "o_proj": (heads, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def layer(self) -> int:
        """Number of weights of one layer: linear modules and norms."""
        return sum(i * o for i, o in self.linears.values()) + 2 * self.hidden

    @property
    def parameters(self) -> int:
        """Number of all weights: embeddings (once if tied), layers, the last norm."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2) + self.layers * self.layer + self.hidden

    def adapter(self, lora: Lora) -> int:
        """Number of weights of a LoRA adapter: r (inputs + outputs) per module (Hu et al. 2021, arXiv 2106.09685)."""
        return self.layers * sum(lora.r * sum(self.linears[name]) for name in lora.target_modules if name in self.linears)

    def kv_bytes(self, width: int) -> int:
        """Bytes of the KV cache per token, for values of `width` bytes: keys and values of every layer."""
        return 2 * self.layers * self.kv_heads * self.head_dim * width


@cache
def shipped_shapes() -> dict[str, Shape]:
    """Shapes of the models in sirev's recipes, so that a plan needs no download."""
    text = files("sirev.execution").joinpath("model_shapes.json").read_text(encoding="utf-8")
    return {name: Shape(**sizes) for name, sizes in json.loads(text).items()}


def shape_of(model: Model) -> Shape | None:
    """The shape of a recipe's base model; None if its configuration is neither shipped with sirev nor on this machine."""
    if model.name is None:
        a = model.architecture or Architecture()
        return Shape(a.hidden_size, a.intermediate_size, a.layers, a.heads, a.kv_heads, a.head_dim, 200, True)
    config = _config(model)
    if config is None:
        return shipped_shapes().get(model.name)
    said = {**config, "num_key_value_heads": config.get("num_key_value_heads") or config.get("num_attention_heads")}
    sizes: list[Any] = [said.get(field) for field in _SIZES]
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        return None
    hidden, intermediate, layers, heads, kv_heads, vocabulary = sizes
    head_dim = config.get("head_dim") or hidden // heads
    tied = bool(config.get("tie_word_embeddings", False))
    return Shape(hidden, intermediate, layers, heads, kv_heads, head_dim, vocabulary, tied)


def _config(model: Model) -> dict[str, Any] | None:
    assert model.name is not None
    if is_local(model.name):
        file = Path(os.path.expanduser(model.name)) / "config.json"
    else:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model.name, "config.json", revision=model.revision)
        if not isinstance(found, str):
            return None
        file = Path(found)
    try:
        config = parse_json(file.read_bytes()) if file.is_file() else None
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) else None
