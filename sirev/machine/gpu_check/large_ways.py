"""Checks of ways to train at the user's shape: batches cut by length, and all parameters in float32."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from typing import Any
from unittest import mock

from sirev.execution.footprint import footprint_of
from sirev.machine.gpu_check.large_model import STEPS, large_training, letters, too_small, trained_large
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.training import losses_apart
from sirev.machine.gpu_check.watching import WatchedTraining
from sirev.processes.requests import Emit
from sirev.processes.torch_gpu import torch_gpu
from sirev.recipe import load_recipe
from sirev.trainers.dispatch import TrainingProgress, TrainRequest
from sirev.trainers.parts import PartLimits

_LOSS = 0.05
"""The largest difference of losses, in nats, that rounding explains."""
_NO_SLOWER = 1 / 1.1
"""The least speed relative to the other order; a margin, since other programs may use the GPU."""
_COPIES = 1.5
"""Bytes per weight that autocast's cache takes at least; its copy has two."""


def training_in_given_order(request: TrainRequest, emit: Emit[TrainingProgress]) -> WatchedTraining:
    """Train as `large_training` does, with batches cut in the given order instead of by length."""
    from sirev.trainers import parts

    with mock.patch.object(parts, "in_parts", in_given_order):
        return large_training(request, emit)


def in_given_order(lengths: Sequence[Sequence[int]], limits: PartLimits) -> list[list[int]]:
    """The indices of a batch's examples, in their order, in parts of the largest allowed number."""
    places = list(range(len(lengths)))
    size = limits.examples or len(places)
    return [places[start : start + size] for start in range(0, len(places), size)]


def sorted_batches(bench: Bench) -> Notes:
    """Check that cutting batches by length keeps the losses and is not slower."""
    if reason := too_small(bench):
        return Notes(skipped=reason)
    notes, source = Notes(), random.Random(1)
    longest, micro = (768, 8) if bench.on_gpu else (32, 2)
    if bench.on_gpu and torch_gpu().total < 40e9:
        micro = 4
    batch = 4 * micro
    lengths = [source.randint(longest // 5, longest) for _ in range(batch * STEPS)]
    rows = [
        {"prompt": letters(length // 3, 2 * i), "completion": letters(length - length // 3 - 1, 2 * i + 1)}
        for i, length in enumerate(lengths)
    ]
    settings: dict[str, Any] = {"batch_size": batch, "micro_batch_size": micro, "gradient_checkpointing": True}
    by_length = trained_large(bench, "large-order", rows, **settings)
    as_given = trained_large(bench, "large-order", rows, training_in_given_order, **settings)
    if by_length is None or as_given is None:
        return Notes(skipped=f"{micro} x {longest} tokens at a time do not fit into the GPU's memory")
    apart = losses_apart(by_length.losses, as_given.losses)
    notes.expect(apart < _LOSS, f"the losses of batches cut by length and as they come differ by {apart:.3f}")
    faster = as_given.seconds_per_step / max(by_length.seconds_per_step, 1e-9)
    notes.expect(faster > _NO_SLOWER or not bench.on_gpu, f"batches cut by length take {1 / max(faster, 1e-9):.2f} times as long")
    rate = sum(lengths) / STEPS / max(by_length.seconds_per_step, 1e-9)
    notes.found.append(f"sft of {longest // 5} to {longest}: {rate:,.0f} tokens/s, {faster:.2f} times as fast as in random order")
    return notes


def full_training(request: TrainRequest, emit: Emit[TrainingProgress]) -> WatchedTraining:
    """Train as `large_training` does, but save nothing: it would be all weights of a large model."""
    from sirev.trainers import trl_steps

    with mock.patch.object(trl_steps, "save_model"):
        return large_training(request, emit)


def full_training_with_cache(request: TrainRequest, emit: Emit[TrainingProgress]) -> WatchedTraining:
    """As `full_training`, with autocast's cache, which a run switches off."""
    from sirev.trainers import trl_steps

    with mock.patch.object(trl_steps, "_autocast_cache", return_value=contextlib.nullcontext()):
        return full_training(request, emit)


def all_parameters(bench: Bench) -> Notes:
    """Check training of all parameters in float32, if it fits, and that it needs no memory for autocast's cache."""
    if bench.on_gpu:
        needed = footprint_of(load_recipe("mistral_gsm8k", overlays=["full"]), bench.shape)
        if not needed.trains_on(torch_gpu().total):
            return Notes(skipped=f"it takes about {needed.to_train / 1e9:.0f} GB of the GPU's {torch_gpu().total / 1e9:.0f} GB")
    notes = Notes()
    prompt, answer = (256, 512) if bench.on_gpu else (16, 16)
    rows = [{"prompt": letters(prompt, 2 * i), "completion": letters(answer - 1, 2 * i + 1)} for i in range(2 * STEPS)]
    # With two parts, cached copies would be in memory together with the first part's gradients.
    settings: dict[str, Any] = {"lora": None, "dtype": "float32", "optimizer": "sgd", "batch_size": 2, "micro_batch_size": 1}
    plain = trained_large(bench, "large-full", rows, full_training, gradient_checkpointing=True, **settings)
    cached = trained_large(bench, "large-full", rows, full_training_with_cache, gradient_checkpointing=True, **settings)
    if plain is None:
        notes.wrong.append("it does not fit into the GPU's memory, though by arithmetic it does")
        return notes
    notes.expect(plain.trainable == ["torch.float32"], f"the weights in training are {', '.join(plain.trainable)}")
    if cached is not None:
        apart = losses_apart(plain.losses, cached.losses)
        notes.expect(apart < _LOSS, f"with autocast's cache the losses differ by {apart:.3f}")
        notes.found.append(f"losses with and without autocast's cache differ by {apart:.1e}")
    if bench.on_gpu:
        beside = f"{cached.peak / 1e9:.1f} GB" if cached else "out of memory"
        notes.found.append(
            f"float32 with plain SGD, 1 x {prompt + answer}: {plain.peak / 1e9:.1f} GB; with autocast's cache {beside}"
        )
        spared = cached is None or cached.peak - plain.peak > _COPIES * bench.shape.parameters
        notes.expect(spared, "a run takes as much memory as with autocast's cache, which it should do without")
    return notes
