"""GPUs known to plans: memory size, arithmetic and bandwidth that are assumed, from the data file gpus.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sirev.errors import BadInput

_OTHER = re.compile(r"\b(laptop|max-q|d|mig|grid)\b|-\d+[QCBA]\b", re.IGNORECASE)
"""Matches a driver's names of slower models that share a name with a card of the table, and of virtual GPUs."""


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU; gpus.json has the sources of its numbers, which were not measured."""

    name: str
    """The name for `sirev plan --gpu`."""
    title: str
    driver: str
    """A pattern of whole words in the driver's name."""
    gb: int
    """Advertised memory in GB."""
    mib: int
    """Memory that the driver reports, in MiB."""
    peak_tflops: float
    tflops: float
    """Rate of large matrix products in bfloat16, in 10^12 floating-point operations per second."""
    peak_gb_per_s: float
    gb_per_s: float
    """Rate of copies within its memory, in GB per second."""
    sequences: int
    """Answers that vLLM samples at the same time by default."""
    bfloat16: bool = True
    """Whether it supports bfloat16."""

    @property
    def bytes(self) -> float:
        """Memory in bytes."""
        return self.mib * 2.0**20


@cache
def known_gpus() -> dict[str, Gpu]:
    """All GPUs of the table, by name."""
    text = files("sirev.execution").joinpath("gpus.json").read_text(encoding="utf-8")
    return {name: Gpu(name=name, **fields) for name, fields in json.loads(text)["gpus"].items()}


def gpu_named(text: str) -> Gpu:
    """The GPU for a user's or driver's name: "h100", "RTX 4090", "NVIDIA A100-SXM4-80GB"; else BadInput with the known names."""
    known = known_gpus()
    found = known.get(text.strip().lower()) or gpu_of_driver(text)
    if found is None:
        raise BadInput(f"--gpu {text}: unknown; known are {', '.join(known)} (for another: sirev plan --gpu-memory GB)")
    return found


def gpu_of_driver(name: str) -> Gpu | None:
    """The GPU for a driver's name; None if it is not in the table."""
    if _OTHER.search(name):
        return None
    return next((gpu for gpu in known_gpus().values() if re.search(rf"\b(?:{gpu.driver})\b", name, re.IGNORECASE)), None)


def usual_gpu(gb: float) -> Gpu | None:
    """The first GPU of the table with this advertised memory and bfloat16; None if there is none."""
    return next((gpu for gpu in known_gpus().values() if gpu.gb == round(gb) and gpu.bfloat16), None)
