"""Optional parts of sirev, the extras of its package, and the command that installs them."""

from __future__ import annotations

from pathlib import Path

from sirev.quoting import as_typed


def install_command(*extras: str) -> str:
    """The one command that installs extras; under the constraints of the checkout, if this sirev runs from one."""
    folder = _checkout()
    pins = folder / ("constraints-gpu.txt" if "vllm" in extras else "constraints.txt") if folder else None
    constrained = ("--constraint", pins) if pins is not None and pins.is_file() else ()
    return as_typed("pip", "install", *constrained, f"{folder or 'sirev'}[{','.join(extras)}]")


def _checkout() -> Path | None:
    """The folder of the checkout that this sirev runs from; None in an installed package."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None
