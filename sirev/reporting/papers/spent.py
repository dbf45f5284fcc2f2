"""The time that the steps of a study took, by stage and machine, as their records say: wall-clock seconds, measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sirev.listing import count_text
from sirev.stages import STAGES
from sirev.store.records import Record

SERVER = "a server, its GPUs unknown"
"""In the place of the GPU of answers that came from a server, whose machine nobody here sees."""


@dataclass(frozen=True)
class Spent:
    """Steps of a stage on one kind of machine; `gpu` is what they computed on, "" for the CPU."""

    stage: str
    machine: str
    gpu: str
    steps: int
    seconds: float


@dataclass(frozen=True)
class Time:
    """`rows` in the order of the stages; `unmeasured` steps have no time on record, `resumed` ones only that of the part of their
    work that was left to do."""

    rows: tuple[Spent, ...]
    unmeasured: int
    resumed: int

    def gpu_hours(self) -> dict[str, float]:
        """GPU, or `SERVER` -> hours of the steps that computed on it; a step uses one GPU."""
        found: dict[str, float] = {}
        for row in self.rows:
            if row.gpu:
                found[row.gpu] = found.get(row.gpu, 0.0) + row.seconds / 3600
        return found

    def cpu_hours(self) -> float:
        """Hours of the steps that computed on no GPU."""
        return sum(row.seconds for row in self.rows if not row.gpu) / 3600


def time_of(records: Iterable[Record]) -> Time:
    """The time that steps took, added up: some go on side by side, so a clock on the wall showed less."""
    sums: dict[tuple[str, str, str], tuple[int, float]] = {}
    unmeasured = resumed = 0
    for record in records:
        stage = str(record.action["stage"])
        if stage not in STAGES:  # a part of a sampling, whose time is the sampling's
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
    """Such as "12.30 GPU hours on NVIDIA H200 and 1.20 hours on the CPU"."""
    found = time.gpu_hours()
    told = [f"{hours_in_words(hours)} {'hours' if gpu == SERVER else 'GPU hours'} on {gpu}" for gpu, hours in found.items()]
    rest = time.cpu_hours()
    return " and ".join([*told, *([f"{hours_in_words(rest)} hours on the CPU"] if rest or not told else [])])


def unmeasured_in_words(time: Time, lacking: int = 0) -> str:
    """What these hours leave out, `lacking` more steps without a record among it; "" where they are whole."""
    without = time.unmeasured + lacking
    told = [f"what was done earlier of {count_text(time.resumed, 'step')}"] if time.resumed else []
    told += [f"{count_text(without, 'step')} without a time on record"] if without else []
    return " and ".join(told)


def hours_in_words(hours: float) -> str:
    """Hours with two digits after the point."""
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
    """The GPU that a step computed on: of a stage that uses one, on a machine with one, with a torch that can; "" else."""
    stage = STAGES[str(record.action["stage"])]
    if not stage.needs_gpu:
        return ""
    if record.action.get("parameters", {}).get("engine") == "server":
        return SERVER
    gpus = (record.provenance.get("hardware") or {}).get("gpus") or []
    torch = str((record.provenance.get("packages") or {}).get("torch", ""))
    return str(gpus[0]) if gpus and not torch.endswith("+cpu") else ""


def _is_resumed(noted: dict[str, Any]) -> bool:
    """Whether part of a step's work was there already: of an attempt that was interrupted, or of a run with fewer draws."""
    return bool(noted.get("resumed")) or noted.get("tokens_now", noted.get("tokens")) != noted.get("tokens")
