"""A device's memory made up of files: each process that holds some has one, named by its pid, and its death frees it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sirev.processes.requests import Emit

TOTAL = 80


@dataclass(frozen=True)
class HoldRequest:
    """So much more of the device's memory."""

    device: Path
    amount: int


def free(device: Path) -> int:
    """What no living process holds."""
    from tests.conftest import alive

    return TOTAL - sum(int(file.read_text()) for file in device.iterdir() if alive(int(file.name)))


def hold(request: HoldRequest, emit: Emit[object]) -> int:
    """Take memory until this process ends; returns its pid."""
    left = free(request.device)
    if request.amount > left:
        raise MemoryError(f"CUDA out of memory: {request.amount} wanted, {left} free")
    own = request.device / str(os.getpid())
    own.write_text(str(request.amount + (int(own.read_text()) if own.exists() else 0)))
    return os.getpid()
