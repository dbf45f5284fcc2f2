"""A small model with random weights for the checks, without downloads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sirev.processes.requests import Emit, Progress
from sirev.trainers.dispatch import ArchitectureParameters, LoraParameters, TrainParameters, TrainRequest
from sirev.trainers.models import ModelSource

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_SIZES = ArchitectureParameters(
    hidden_size=128,
    intermediate_size=256,
    layers=2,
    heads=2,
    kv_heads=1,
    head_dim=64,
    initializer_range=0.1,
    rope_theta=10000.0,
)
LORA = LoraParameters(
    r=32,
    alpha=64,
    dropout=0.0,
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)
"""As in the paper's recipes."""
SMALL_TRAINING = TrainParameters("sft", epochs=1, batch_size=8, learning_rate=5e-3, warmup=0.05, seed=1, lora=LORA)
_QUESTIONS = [(first, second) for first in (3, 12, 45, 208) for second in (7, 20, 64, 150)]
SFT_ROWS = [
    {
        "prompt": f"{first} apples and {second} more?\nSolution:\n",
        "completion": f"{first} + {second}\n#### {first + second}",
    }
    for first, second in _QUESTIONS
]
DPO_ROWS = [
    {"prompt": row["prompt"], "chosen": row["completion"], "rejected": f"{first} - {second}\n#### {second}"}
    for row, (first, second) in zip(SFT_ROWS, _QUESTIONS, strict=True)
]


@dataclass(frozen=True)
class MakeRequest:
    """The folder to save a model into."""

    folder: Path


def make_model(request: MakeRequest, emit: Emit[Progress]) -> int:
    """Save a Llama of `_SIZES` and its tokenizer; return its number of weights."""
    import torch

    from sirev.trainers.models import save_model
    from sirev.trainers.pretrain import build_model

    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    model = build_model(_SIZES, tokenizer)
    request.folder.mkdir()
    save_model(model, tokenizer, request.folder)
    return int(model.num_parameters())


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer for any text, with one token per byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({token: i for i, token in enumerate(["<pad>", "</s>", *letters])}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>")


def training_request(folder: Path, init: ModelSource, data: Path, settings: TrainParameters, **changed: object) -> TrainRequest:
    """A request for a training in its own folder, with its initial model as the reference."""
    (folder / "out").mkdir(parents=True)
    return TrainRequest(
        replace(settings, **changed),  # type: ignore[arg-type]
        init=init,
        data=data,
        out=folder / "out",
        attempts=folder / "attempts",
        reference=init,
        reference_is_init=True,
    )
