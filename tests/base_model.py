"""A tiny base model in a folder, as a user may have: random weights, and a tokenizer for any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sirev.trainers.dispatch import ArchitectureParameters

SIZES = ArchitectureParameters(
    hidden_size=48,
    intermediate_size=64,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=8,
    initializer_range=0.06,
    rope_theta=10000.0,
)


def save_base_model(folder: Path, seed: int = 0) -> tuple[Any, Any]:
    """Save a Llama and a byte-level tokenizer into `folder` by `save_pretrained`, and return both."""
    import torch

    from sirev.machine.gpu_check.small_model import byte_tokenizer
    from sirev.trainers.pretrain import build_model

    torch.manual_seed(seed)
    tokenizer = byte_tokenizer()
    model = build_model(SIZES, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer
