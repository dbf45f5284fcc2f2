"""Rates that `sirev doctor --gpu-check` measured on this user's GPUs, for `sirev plan`: $XDG_STATE_HOME/sirev/rates.json.

The file is {"schema": 1, "rates": [...]}, each rate with the fields of `MeasuredRate`. A GPU's rate of a kind, for a model of so
many parameters and under the same conditions, is there once: a later measurement takes the place of an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from sirev.execution.gpus import Gpu, gpu_of_driver
from sirev.execution.user_state import read_state, write_state
from sirev.inputs import parse_json

_FILE = "rates.json"
_SCHEMA = 1
_MEASURED = ("tokens_per_second", "peak", "when")


@dataclass(frozen=True)
class MeasuredRate:
    """Tokens per second of one kind of work on one GPU, and what it was measured with."""

    gpu: str
    """As the driver names it: "NVIDIA H100 80GB HBM3"."""
    kind: Literal["sample", "train"]
    parameters: int
    """Weights of the base model, embeddings and head included."""
    tokens_per_second: float
    """sample: new tokens of all answers together. train: tokens of prompts and answers (a DPO pair's prompt counts twice),
    without padding. The start of the engine or of the trainer is left out."""
    trained: Literal["lora", "full"] = "lora"
    """What is trained; sample: whether an adapter samples (lora) or a whole model (full)."""
    checkpointing: bool = False
    """train: whether activations are computed again."""
    real: float = 1.0
    """train: share of the tokens that are no padding."""
    reference: bool = False
    """train: whether DPO's reference went through the model as well."""
    micro_tokens: int = 0
    """train: mean tokens that went through the model at once, padding included; 0 where that was not noted."""
    sequences: int = 0
    """sample: answers written at the same time."""
    context: int = 0
    """sample: mean tokens of an answer and its prompt while it is written."""
    peak: int = 0
    """train: most bytes that tensors took of the GPU's memory; 0 where that was not noted."""
    when: str = ""
    """UTC, as `sirev.store.provenance.now` writes it."""

    def __post_init__(self) -> None:
        if not (self.kind in ("sample", "train") and self.parameters > 0 and self.tokens_per_second > 0 and 0 < self.real <= 1):
            raise ValueError(f"no rate: {self}")

    @property
    def conditions(self) -> tuple[Any, ...]:
        """What a later measurement must share to take this one's place: all but what was measured, and the time."""
        return tuple(getattr(self, each.name) for each in fields(self) if each.name not in _MEASURED)


def load_rates() -> list[MeasuredRate]:
    """The rates measured so far; those that this version can't read are left out."""
    try:
        noted = parse_json(read_state(_FILE) or "{}")
        rows = noted["rates"] if noted.get("schema") == _SCHEMA else []
        return [rate for row in rows if (rate := _rate(row)) is not None]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def save_rates(measured: Iterable[MeasuredRate]) -> bool:
    """Add rates to those measured so far; False where nothing can be written."""
    kept = {rate.conditions: rate for rate in (*load_rates(), *measured)}
    text = json.dumps({"schema": _SCHEMA, "rates": [asdict(rate) for rate in kept.values()]}, indent=1)
    return write_state(_FILE, text)


def measured_peak(gpu: Gpu, parameters: int, *, trained: str, checkpointing: bool) -> MeasuredRate | None:
    """Of the trainings of a model of this size, in this way and on such a GPU, the one that took the most memory."""

    def alike(rate: MeasuredRate) -> bool:
        same = (rate.kind, rate.parameters, rate.trained, rate.checkpointing) == ("train", parameters, trained, checkpointing)
        return same and rate.peak > 0 and gpu_of_driver(rate.gpu) == gpu

    return max(filter(alike, load_rates()), key=lambda rate: rate.peak, default=None)


def _rate(row: dict[str, Any]) -> MeasuredRate | None:
    try:
        return MeasuredRate(**row)
    except (ValueError, TypeError):
        return None
