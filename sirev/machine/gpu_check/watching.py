"""Observation of a training in a child process: device, precision, dtypes of weights, memory and speed."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sirev.processes.requests import Emit
from sirev.trainers.dispatch import Trained, TrainingProgress, TrainRequest, train


@dataclass(frozen=True)
class WatchedTraining:
    """Result of a training, with observations."""

    trained: Trained
    device: str
    precision: str
    """accelerate's mixed precision: "bf16", or "no"."""
    trainable: list[str]
    """Dtypes of the trained weights."""
    frozen_changed: bool
    """Whether the training changed a frozen weight."""
    seconds_per_step: float
    """Without the first step, which compiles kernels; 0 for a single step."""
    peak: int
    """Peak memory of tensors on the GPU, in bytes; 0 without a GPU."""

    hooks: int = 0
    """Forward hooks on the model's embeddings at the end."""

    @property
    def losses(self) -> list[float]:
        """The loss of each logged step; NaN if it was not finite."""
        return [loss if (loss := entry.get("loss")) is not None else float("nan") for entry in self.trained.log]


def watched_training(request: TrainRequest, emit: Emit[TrainingProgress]) -> WatchedTraining:
    """Train as a run does, and record observations."""
    import torch

    times: list[float] = []

    def step(event: TrainingProgress) -> None:
        times.append(time.monotonic())
        emit(event)

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with _watched() as seen:
        trained = train(request, step)
    steps = max(len(times) - 1, 1)
    return WatchedTraining(
        trained=trained,
        device=seen["device"],
        precision=seen["precision"],
        trainable=seen["trainable"],
        frozen_changed=seen["before"] != seen["after"],
        seconds_per_step=(times[-1] - times[0]) / steps,
        hooks=seen["hooks"],
        peak=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
    )


@contextlib.contextmanager
def _watched() -> Iterator[dict[str, Any]]:
    """Patch transformers' trainer; yield a dictionary for its settings, and digests of frozen weights before and after."""
    from transformers import Trainer

    seen: dict[str, Any] = {}
    plain = Trainer.train

    def train(self: Any, *args: Any, **settings: Any) -> Any:
        weights = dict(self.model.named_parameters())
        seen["device"] = self.args.device.type
        seen["precision"] = str(self.accelerator.mixed_precision)
        seen["trainable"] = sorted({str(weight.dtype) for weight in weights.values() if weight.requires_grad})
        seen["before"] = _frozen(self.model)
        outcome = plain(self, *args, **settings)
        seen["after"] = _frozen(self.model)
        seen["hooks"] = len(self.model.get_input_embeddings()._forward_hooks)
        return outcome

    Trainer.train = train
    try:
        yield seen
    finally:
        Trainer.train = plain


def _frozen(model: Any) -> str:
    """A digest of a small model's frozen weights; of no data for a large model, which would take too long."""
    import torch

    digest = hashlib.sha256()
    if model.num_parameters() < 10**8:
        for name, weight in sorted(model.named_parameters()):
            if not weight.requires_grad:
                digest.update(name.encode())
                digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
