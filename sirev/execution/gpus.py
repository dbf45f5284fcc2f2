"""GPUs that a plan knows: memory, and what arithmetic and memory traffic are taken to reach, from the data file gpus.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sirev.errors import BadInput

_OTHER = re.compile(r"\b(laptop|max-q|d|mig|grid)\b|-\d+[QCBA]\b", re.IGNORECASE)
"""In a driver's name: slower models that share a name with a card of the table, and parts of a card."""


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU; gpus.json says where its numbers come from, and that they were not measured."""

    name: str
    """As `sirev plan --gpu` takes it."""
    title: str
    driver: str
    """A pattern of whole words in the name that the driver gives it."""
    gb: int
    """The size that it is sold with."""
    mib: int
    """What the driver reports."""
    peak_tflops: float
    tflops: float
    """What large matrix products in bfloat16 reach, in 10^12 floating-point operations a second."""
    peak_gb_per_s: float
    gb_per_s: float
    """What copies within its memory reach."""
    sequences: int
    """Answers that vLLM writes at the same time by default."""
    bfloat16: bool = True
    """Whether it computes in bfloat16."""

    @property
    def bytes(self) -> float:
        """Its memory."""
        return self.mib * 2.0**20


@cache
def known_gpus() -> dict[str, Gpu]:
    """Every GPU of the table by its name."""
    text = files("sirev.execution").joinpath("gpus.json").read_text(encoding="utf-8")
    return {name: Gpu(name=name, **fields) for name, fields in json.loads(text)["gpus"].items()}


def gpu_named(text: str) -> Gpu:
    """The GPU that a user or a driver names: "h100", "RTX 4090", "NVIDIA A100-SXM4-80GB"; BadInput with the known names."""
    known = known_gpus()
    found = known.get(text.strip().lower()) or gpu_of_driver(text)
    if found is None:
        raise BadInput(f"--gpu {text}: unknown; known are {', '.join(known)} (for another, give its memory: --gpu-memory GB)")
    return found


def gpu_of_driver(name: str) -> Gpu | None:
    """The GPU that a driver's name means; None if the table has none of it."""
    if _OTHER.search(name):
        return None
    return next((gpu for gpu in known_gpus().values() if re.search(rf"\b(?:{gpu.driver})\b", name, re.IGNORECASE)), None)


def usual_gpu(gb: float) -> Gpu | None:
    """The first GPU of the table that is sold with so much memory and computes in bfloat16; None if there is none."""
    return next((gpu for gpu in known_gpus().values() if gpu.gb == round(gb) and gpu.bfloat16), None)
