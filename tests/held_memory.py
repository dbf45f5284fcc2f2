"""A simulated device memory of files: each process that holds some has one, named by its id, and its death frees it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sirev.processes.requests import Emit

TOTAL = 80


@dataclass(frozen=True)
class HoldRequest:
    """A request for more of the device's memory."""

    device: Path
    amount: int


def free(device: Path) -> int:
    """The memory that no living process holds."""
    from tests.conftest import alive

    return TOTAL - sum(int(file.read_text()) for file in device.iterdir() if alive(int(file.name)))


def hold(request: HoldRequest, emit: Emit[object]) -> int:
    """Hold memory until this process ends, and return its id; MemoryError if too little is free."""
    left = free(request.device)
    if request.amount > left:
        raise MemoryError(f"CUDA out of memory: {request.amount} wanted, {left} free")
    own = request.device / str(os.getpid())
    own.write_text(str(request.amount + (int(own.read_text()) if own.exists() else 0)))
    return os.getpid()
