"""Sandbox for untrusted programs: `run` takes programs and limits, and yields their answers and how they ended.

docs/sandbox.md says what this protects against and what it does not. The layers, from the outside in: a worker is a fresh
interpreter with an empty environment (`worker`), in a tier of confinement (`confine`); each program is a fork of it with layers
of its own (`inside`). A program's output is trusted only as far as `reading` explains.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sirev.grading.sandbox.confine import Tier
    from sirev.grading.sandbox.pool import NoWorker, run
    from sirev.grading.sandbox.programs import Ended, Limits, Outcome, Program, Question
    from sirev.grading.sandbox.tiers import SAYS, TIERS, Found, best_tier

_HOMES = {
    "SAYS": "tiers",
    "TIERS": "tiers",
    "Ended": "programs",
    "Found": "tiers",
    "Limits": "programs",
    "NoWorker": "pool",
    "Outcome": "programs",
    "Program": "programs",
    "Question": "programs",
    "Tier": "confine",
    "best_tier": "tiers",
    "run": "pool",
}

__all__ = [
    "SAYS",
    "TIERS",
    "Ended",
    "Found",
    "Limits",
    "NoWorker",
    "Outcome",
    "Program",
    "Question",
    "Tier",
    "best_tier",
    "run",
]


def __getattr__(name: str) -> Any:
    # Loaded at first use: workers import modules of this package, and every loaded module makes their forks slower.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
