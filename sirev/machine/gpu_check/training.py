"""Checks of training: SFT and DPO with an adapter, resumption after a kill, and hand-over of the device's memory."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.engines.dispatch import CellDone, SampleRequest, Underway, sample
from sirev.engines.protocol import Cell, DecodingSettings, Prompt
from sirev.execution.children import Crew
from sirev.machine.doctor import gpu_in_use
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.small_model import DPO_ROWS, SFT_ROWS, SMALL_TRAINING, MakeRequest, make_model, training_request
from sirev.machine.gpu_check.watching import WatchedTraining, watched_training
from sirev.processes.requests import Emit, Progress
from sirev.processes.torch_gpu import free_and_total
from sirev.trainers.dispatch import TrainRequest, train
from sirev.trainers.models import ModelSource

LN_2 = math.log(2)
_EPOCHS = 20
"""Epochs in which the small model memorises its answers."""
_STEPS = 6
"""Steps of trainings that are compared step by step."""
_LOSS = 0.05
"""The largest accepted difference of losses, in nats, in bfloat16, which has three digits."""
UNTOLD = "nvidia-smi does not report the memory of the GPU"
_MEMORY_SECONDS = 5.0
"""Time for the driver to free the memory of a killed process."""


def base(bench: Bench) -> ModelSource:
    """The small model with random weights, made at first use."""
    folder = bench.folder / "base"
    if not folder.exists():
        bench.child("checker").call(make_model, MakeRequest(folder), lambda event: None)
    return ModelSource(folder)


def adapted(bench: Bench) -> ModelSource:
    """The adapter trained by `sft`."""
    return ModelSource(bench.folder / "sft" / "out", bench.folder / "base")


def _request(bench: Bench, name: str, init: ModelSource, **changed: Any) -> TrainRequest:
    """A request for a training in the folder of this name, which is deleted first."""
    shutil.rmtree(bench.folder / name, ignore_errors=True)
    data = bench.folder / f"{name}.json"
    rows = SFT_ROWS if changed.get("kind", "sft") == "sft" else DPO_ROWS
    data.write_text(json.dumps(rows), encoding="utf-8")
    return training_request(bench.folder / name, init, data, SMALL_TRAINING, **{"dtype": bench.dtype, **changed})


def _watched(bench: Bench, name: str, init: ModelSource, **changed: Any) -> WatchedTraining:
    request = _request(bench, name, init, **changed)
    return bench.child("trainer").call(watched_training, request, lambda event: None)


def losses_apart(one: list[float], other: list[float]) -> float:
    """The largest difference of two trainings' losses; NaN if any loss is NaN."""
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), key=lambda distance: (math.isnan(distance), distance))


def sft(bench: Bench) -> Notes:
    """Check that an adapter trains in float32 on a frozen base, and that parts and checkpointing only change rounding."""
    notes, start = Notes(), base(bench)
    seen = _watched(bench, "sft", start, epochs=_EPOCHS)
    notes.expect(seen.device == bench.device, f"it trained on the device {seen.device}")
    notes.expect(not bench.on_gpu or seen.precision == "bf16", f"it trained with mixed precision {seen.precision}, not bf16")
    notes.expect(seen.trainable == ["torch.float32"], f"the adapter's weights are {', '.join(seen.trainable)}")
    notes.expect(not seen.frozen_changed, "the base's weights changed")
    notes.expect(seen.losses[-1] < seen.losses[0] / 2, f"the loss went from {seen.losses[0]:.3f} to {seen.losses[-1]:.3f}")
    short = _watched(bench, "sft-short", start, max_steps=_STEPS)
    ways: dict[str, dict[str, Any]] = {
        "gradient checkpointing": {"gradient_checkpointing": True},
        "parts of 4": {"micro_batch_size": 4},
        "float32": {"dtype": "float32"},
    }
    for what, changed in ways.items():
        other = _watched(bench, "sft-other", start, max_steps=_STEPS, **changed)
        distance = losses_apart(short.losses, other.losses)
        notes.expect(distance < _LOSS, f"with {what} the losses differ by {distance:.3f}")
    notes.found.append(f"loss {seen.losses[0]:.3f} to {seen.losses[-1]:.3f}{_peak(seen)}")
    return notes


def dpo(bench: Bench) -> Notes:
    """Check that DPO starts at ln 2 with any kind of reference, since it equals the initial model, and leaves no hooks."""
    notes = Notes()
    ways: tuple[tuple[str, dict[str, Any], float], ...] = (
        ("live", {}, 1e-3),
        ("precomputed", {"precompute_reference": True}, 1e-2),
        ("checkpointed", {"gradient_checkpointing": True}, 1e-3),
    )
    for name, way, allowed in ways:
        settings: dict[str, Any] = {"kind": "dpo", "epochs": 3, "learning_rate": 5e-4, "beta": 0.1, "micro_batch_size": 4}
        seen = _watched(bench, "dpo", adapted(bench), **settings, **way)
        first, last = seen.losses[0], seen.losses[-1]
        notes.expect(abs(first - LN_2) < allowed, f"with a {name} reference it begins at {first:.4f}, not at ln 2 = {LN_2:.4f}")
        margins = [entry.get("rewards/margins") or 0.0 for entry in seen.trained.log]
        notes.expect(last < LN_2 - 0.01 and margins[-1] > margins[0], f"with a {name} reference it learns nothing: {last:.4f}")
        notes.expect(not seen.frozen_changed, f"with a {name} reference weights that are not trained changed")
        # TRL requests one after every pass of the reference; if they added up, passes would get slower and slower.
        notes.expect(seen.hooks <= 1, f"with a {name} reference the embeddings have {seen.hooks} hooks at the end")
        notes.found.append(f"{name} reference: {first:.4f} to {last:.4f}{_peak(seen)}")
    return notes


class _Killed(Exception):
    """Raised at the step at which the training is to be killed."""


def kill_and_resume(bench: Bench) -> Notes:
    """Check that a killed training frees its memory, and resumes."""
    notes = Notes()
    settings: dict[str, Any] = {"kind": "dpo", "epochs": 4, "learning_rate": 5e-4, "beta": 0.1, "checkpoint_minutes": 0}
    whole = bench.child("trainer").call(train, _request(bench, "whole", adapted(bench), **settings), lambda event: None)
    bench.clear()
    before = free_memory(bench)
    request, last = _request(bench, "killed", adapted(bench), **settings), 5

    def step(event: Progress) -> None:
        if event.done == last:
            raise _Killed

    try:
        bench.child("trainer").call(train, request, step)  # the exception kills the child
        notes.wrong.append("the training did not die")
    except _Killed:
        expect_memory_back(bench, notes, before)
    again = bench.child("trainer").call(train, request, lambda event: None)
    notes.expect(again.resumed is not None and again.resumed >= last - 1, f"it continued after step {again.resumed or 0}")
    losses = [[entry.get("loss") or float("nan") for entry in one.log] for one in (whole, again)]
    distance = losses_apart(*losses)
    notes.expect(distance < _LOSS, f"its losses differ by {distance:.3f} from those of a training that was not killed")
    notes.found.append(
        f"continued after step {again.resumed} of {again.steps}; losses differ by {distance:.1e} from an uninterrupted training"
    )
    return notes


def free_memory(bench: Bench) -> float | None:
    """Free bytes of the children's GPU, from NVIDIA's driver; None without a GPU or an answer."""
    seen = gpu_in_use() if bench.on_gpu else None
    return seen and seen[2]


def expect_memory_back(bench: Bench, notes: Notes, before: float | None) -> None:
    """Expect the GPU's free memory to return to `before`, in bytes, within `_MEMORY_SECONDS`."""
    if before is None:
        notes.found += [f"whether memory is given back was not checked: {UNTOLD}"] if bench.on_gpu else []
        return
    began = time.monotonic()
    while (free := free_memory(bench) or 0.0) < before - 0.3e9 and time.monotonic() - began < _MEMORY_SECONDS:
        time.sleep(0.1)
    missing = f"{(before - free) / 1e9:.1f} GB were not free {_MEMORY_SECONDS:.0f} s after the process that held them had died"
    notes.expect(free >= before - 0.3e9, missing)
    notes.found.append(f"memory was free after {time.monotonic() - began:.1f} s")


@dataclass(frozen=True)
class PresenceRequest:
    """Ids of processes that may still be alive."""

    pids: list[int]


@dataclass(frozen=True)
class Presence:
    """A child's id, which of the other processes are alive, and the free share of the GPU's memory; 1 without a GPU."""

    pid: int
    others: list[int]
    free: float


def presence(request: PresenceRequest, emit: Emit[Progress]) -> Presence:
    """Report the presence of other processes and the free memory, before anything is loaded."""
    import torch

    free, total = free_and_total(torch) if torch.cuda.is_available() else (1, 1)
    return Presence(os.getpid(), [pid for pid in request.pids if Path(f"/proc/{pid}").exists()], free / total)


def hand_over(bench: Bench) -> Notes:
    """Check that a run's trainer and engine are never alive together, and that each finds as much free memory as the first."""
    notes, seen = Notes(), list[Presence]()
    bench.clear()
    crew = Crew("gpu-check", embedded=False)
    bench.also_ends(crew.close)
    try:
        for turn, role in enumerate(("trainer", "engine", "trainer")):
            child = crew.resident(role)
            asked = PresenceRequest([one.pid for one in seen])
            seen.append(child.call(presence, asked, lambda event: None))
            notes.expect(not seen[-1].others, f"the {role} finds {len(seen[-1].others)} earlier processes alive")
            lost = seen[0].free - seen[-1].free
            notes.expect(lost < 0.05, f"the {role} finds {lost:.0%} less of the memory free than the first process")
            if role == "trainer":
                child.call(train, _request(bench, f"turn-{turn}", adapted(bench), max_steps=2), lambda event: None)
            else:
                child.call(sample, _sampling(bench), _unheard)
    finally:
        crew.close()
    notes.found.append(f"trainer, engine, trainer: {', '.join(f'{one.free:.0%}' for one in seen)} of the memory free")
    return notes


def _sampling(bench: Bench) -> SampleRequest:
    cell = Cell((Prompt("p", SFT_ROWS[0]["prompt"]),), 0, 1)
    return SampleRequest(
        "transformers", adapted(bench), "m1+base", DecodingSettings(0.0, 1.0, 4), bench.dtype, {}, seed=0, cells=(cell,)
    )


def _unheard(event: CellDone | Underway) -> None:
    """Ignore an event."""


def _peak(seen: WatchedTraining) -> str:
    return f", {seen.peak / 1e9:.2f} GB at most" if seen.peak else ""
