"""Optional parts of sirev, the extras of its package, and the command that installs them."""

from __future__ import annotations

from sirev.quoting import as_typed
from sirev.shipped import checkout


def install_command(*extras: str) -> str:
    """The one command that installs extras; under the constraints of the checkout, if this sirev runs from one."""
    folder = checkout()
    pins = folder / ("constraints-gpu.txt" if "vllm" in extras else "constraints.txt") if folder else None
    constrained = ("--constraint", pins) if pins is not None and pins.is_file() else ()
    return as_typed("pip", "install", *constrained, f"{folder or 'sirev'}[{','.join(extras)}]")
