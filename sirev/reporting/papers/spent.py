"""The time of a study's steps, by stage and machine: measured wall-clock seconds, from their records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sirev.listing import count_text
from sirev.stages import STAGES
from sirev.store.records import Record

SERVER = "a server, its GPUs unknown"
"""Stands for the GPU of answers from a server, whose machine is unknown."""


@dataclass(frozen=True)
class Spent:
    """The time of a stage's steps on one kind of machine. `gpu` is the GPU that they used, "" for the CPU."""

    stage: str
    machine: str
    gpu: str
    steps: int
    seconds: float


@dataclass(frozen=True)
class Time:
    """The time of steps.

    `rows` are in the order of the stages. `unmeasured` counts steps without a recorded time, `resumed` those with the time of
    their last attempt only; these are in `rows` too.
    """

    rows: tuple[Spent, ...]
    unmeasured: int
    resumed: int

    def gpu_hours(self) -> dict[str, float]:
        """GPU, or `SERVER` -> hours of its steps. A step uses one GPU."""
        found: dict[str, float] = {}
        for row in self.rows:
            if row.gpu:
                found[row.gpu] = found.get(row.gpu, 0.0) + row.seconds / 3600
        return found

    def cpu_hours(self) -> float:
        """Hours of the steps without a GPU."""
        return sum(row.seconds for row in self.rows if not row.gpu) / 3600


def time_of(records: Iterable[Record]) -> Time:
    """The total time of steps. Some run side by side, so less wall-clock time went by."""
    sums: dict[tuple[str, str, str], tuple[int, float]] = {}
    unmeasured = resumed = 0
    for record in records:
        stage = str(record.action["stage"])
        if stage not in STAGES:  # a shard: its time is part of the sampling's
            continue
        seconds = record.provenance.get("seconds")
        if seconds is None:
            unmeasured += 1
            continue
        resumed += _is_resumed(record.provenance)
        place = (stage, machine_in_words(record), gpu_in_words(record))
        steps, total = sums.get(place, (0, 0.0))
        sums[place] = (steps + 1, total + float(seconds))
    order = list(STAGES)
    rows = [Spent(*place, *found) for place, found in sums.items()]
    return Time(tuple(sorted(rows, key=lambda row: (order.index(row.stage), row.machine, row.gpu))), unmeasured, resumed)


def time_in_words(time: Time) -> str:
    """The time in words: "12.30 GPU hours on NVIDIA H200 and 1.20 hours on the CPU"."""
    found = time.gpu_hours()
    told = [f"{hours_in_words(hours)} {'hours' if gpu == SERVER else 'GPU hours'} on {gpu}" for gpu, hours in found.items()]
    rest = time.cpu_hours()
    return " and ".join([*told, *([f"{hours_in_words(rest)} hours on the CPU"] if rest or not told else [])])


def unmeasured_in_words(time: Time, lacking: int = 0) -> str:
    """The gaps of these hours in words, with `lacking` more steps without a record; "" if there are none."""
    without = time.unmeasured + lacking
    told = [f"what was done earlier of {count_text(time.resumed, 'step')}"] if time.resumed else []
    told += [f"{count_text(without, 'step')} without a time on record"] if without else []
    return " and ".join(told)


def hours_in_words(hours: float) -> str:
    """Hours with two decimals; "under 0.01" below that."""
    return f"{hours:.2f}" if hours >= 0.005 else "under 0.01"


def machine_in_words(record: Record) -> str:
    """Cores, architecture and GPUs of the machine that a step ran on."""
    hardware = record.provenance.get("hardware") or {}
    gpus = [str(gpu) for gpu in hardware.get("gpus") or []]
    counted = [f"{gpus.count(gpu)} x {gpu}" for gpu in dict.fromkeys(gpus)]
    return ", ".join([processor_in_words(record), *counted])


def processor_in_words(record: Record) -> str:
    """Cores and architecture of the machine that a step ran on."""
    hardware = record.provenance.get("hardware") or {}
    return f"{hardware.get('cores', 'unknown')} cores ({hardware.get('machine', 'unknown')})" if hardware else "unknown"


def gpu_in_words(record: Record) -> str:
    """The GPU of a step, if its stage uses one, its machine has one and its torch is not for CPUs; else "".

    `SERVER` for answers from a server.
    """
    stage = STAGES[str(record.action["stage"])]
    if not stage.needs_gpu:
        return ""
    if record.action.get("parameters", {}).get("engine") == "server":
        return SERVER
    gpus = (record.provenance.get("hardware") or {}).get("gpus") or []
    torch = str((record.provenance.get("packages") or {}).get("torch", ""))
    return str(gpus[0]) if gpus and not torch.endswith("+cpu") else ""


def _is_resumed(noted: dict[str, Any]) -> bool:
    """Whether part of a step was done earlier: by an interrupted attempt, or by a run with fewer draws."""
    return bool(noted.get("resumed")) or noted.get("tokens_now", noted.get("tokens")) != noted.get("tokens")
