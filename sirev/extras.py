"""The command that installs extras, the optional parts of sirev's package."""

from __future__ import annotations

from sirev.quoting import as_typed
from sirev.shipped import checkout


def install_command(*extras: str) -> str:
    """The pip command that installs extras; with the checkout's constraints, if this sirev runs from a checkout."""
    folder = checkout()
    pins = folder / ("constraints-gpu.txt" if "vllm" in extras else "constraints.txt") if folder else None
    constrained = ("--constraint", pins) if pins is not None and pins.is_file() else ()
    return as_typed("pip", "install", *constrained, f"{folder or 'sirev'}[{','.join(extras)}]")
