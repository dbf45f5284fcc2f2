"""Rates that `sirev doctor --gpu-check` measured on this user's GPUs, for `sirev plan`: $XDG_STATE_HOME/sirev/rates.json.

The file is {"schema": 1, "rates": [...]}, each rate with the fields of `MeasuredRate`. A later measurement under the same
`conditions` replaces an earlier one.
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
    """Tokens per second of one kind of work on one GPU, and the conditions of the measurement."""

    gpu: str
    """The driver's name: "NVIDIA H100 80GB HBM3"."""
    kind: Literal["sample", "train"]
    parameters: int
    """Number of weights of the base model, including embeddings and head."""
    tokens_per_second: float
    """sample: new tokens of all answers. train: tokens of prompts and answers without padding (a DPO pair's prompt counts
    twice). The start-up of the engine or trainer is excluded."""
    trained: Literal["lora", "full"] = "lora"
    """train: what is trained. sample: what samples, an adapter (lora) or a whole model (full)."""
    checkpointing: bool = False
    """train: whether activations are computed again (gradient checkpointing)."""
    real: float = 1.0
    """train: share of the tokens that are not padding."""
    reference: bool = False
    """train: whether DPO's reference was computed as well."""
    micro_tokens: int = 0
    """train: mean tokens per forward pass, including padding; 0 if unknown."""
    sequences: int = 0
    """sample: answers sampled at the same time."""
    context: int = 0
    """sample: mean tokens of an answer and its prompt while it is sampled."""
    peak: int = 0
    """train: peak GPU memory of tensors in bytes; 0 if unknown."""
    when: str = ""
    """Time of the measurement in UTC, as from `sirev.store.provenance.now`."""

    def __post_init__(self) -> None:
        if not (self.kind in ("sample", "train") and self.parameters > 0 and self.tokens_per_second > 0 and 0 < self.real <= 1):
            raise ValueError(f"no rate: {self}")

    @property
    def conditions(self) -> tuple[Any, ...]:
        """The fields that must be equal for a later measurement to replace this one: all but results and time."""
        return tuple(getattr(self, each.name) for each in fields(self) if each.name not in _MEASURED)


def load_rates() -> list[MeasuredRate]:
    """The rates measured so far, without those that this version can't read."""
    try:
        noted = parse_json(read_state(_FILE) or "{}")
        rows = noted["rates"] if noted.get("schema") == _SCHEMA else []
        return [rate for row in rows if (rate := _rate(row)) is not None]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def save_rates(measured: Iterable[MeasuredRate]) -> bool:
    """Add rates to those measured so far; returns False where nothing can be written."""
    kept = {rate.conditions: rate for rate in (*load_rates(), *measured)}
    text = json.dumps({"schema": _SCHEMA, "rates": [asdict(rate) for rate in kept.values()]}, indent=1)
    return write_state(_FILE, text)


def measured_peak(gpu: Gpu, parameters: int, *, trained: str, checkpointing: bool) -> MeasuredRate | None:
    """The measured training with the highest peak memory for this size of model, settings and GPU; None if there is none."""

    def alike(rate: MeasuredRate) -> bool:
        same = (rate.kind, rate.parameters, rate.trained, rate.checkpointing) == ("train", parameters, trained, checkpointing)
        return same and rate.peak > 0 and gpu_of_driver(rate.gpu) == gpu

    return max(filter(alike, load_rates()), key=lambda rate: rate.peak, default=None)


def _rate(row: dict[str, Any]) -> MeasuredRate | None:
    try:
        return MeasuredRate(**row)
    except (ValueError, TypeError):
        return None
