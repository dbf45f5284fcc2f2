"""A tiny base model as a user would have one in a folder: random weights, and a tokenizer that knows any text."""

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
    """Save a Llama and a byte-level tokenizer into `folder`, both as `save_pretrained` does; returns the two."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from sirev.trainers.pretrain import build_model

    torch.manual_seed(seed)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<pad>", "</s>", *letters])}
    core = Tokenizer(models.BPE(vocabulary, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>")
    model = build_model(SIZES, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer
