"""Which tier this machine offers: found by putting each around a worker and trying to get out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

from sirev.grading.sandbox.confine import Tier
from sirev.grading.sandbox.pool import NoWorker, Pool
from sirev.grading.sandbox.programs import Ended, Limits, Program, Question

TIERS: tuple[Tier, ...] = ("A", "B", "C")
"""Best first."""
SAYS: dict[Tier, str] = {
    "A": "namespaces, Landlock, system call filter, limits",
    "B": "Landlock, system call filter, limits",
    "C": "limits alone, NOT confined",
}
_LIMITS = Limits(10.0)

# Each trial must end as said: a layer that is asked for and does nothing is worse than one that is refused.
_TRIALS: tuple[tuple[str, str, Ended], ...] = (
    ("a program runs", "1 + 1", "done"),
    ("no network", "__import__('socket').socket()", "forbidden call"),
    ("no process", "__import__('os').fork()", "forbidden call"),
    ("no foreign file is read", "open('/etc/passwd').read()", "exception"),
    ("no file is written", "open('sirev-trial', 'w')", "exception"),
)


@dataclass(frozen=True)
class Found:
    """The tier, and why each better one is not to be had, by its letter."""

    tier: Tier
    refused: dict[Tier, str]


@cache
def best_tier() -> Found:
    """The best tier of this machine. NoWorker where not even C works, which means that Python can't be started."""
    refused: dict[Tier, str] = {}
    for tier in TIERS:
        reason = trouble(tier)
        if reason is None:
            return Found(tier, refused)
        refused[tier] = reason
    raise NoWorker(f"no program can be run here: {refused['C']}")


def trouble(tier: Tier) -> str | None:
    """Why a tier can't be had here; None if it can."""
    if tier != "C" and sys.platform != "linux":
        return f"only Linux has what it needs, and this is {sys.platform}"
    trials = _TRIALS if tier != "C" else _TRIALS[:1]
    try:
        with Pool(tier, _LIMITS, 1) as pool:
            ended = {index: outcome.ended for index, outcome in pool.run((_asked(e) for _, e, _ in trials))}
    except NoWorker as error:
        return str(error)
    failed = [f"{name}: it ended as {ended[i]!r}" for i, (name, _, wanted) in enumerate(trials) if ended[i] != wanted]
    return "; ".join(failed) or None


def _asked(expression: str) -> Program:
    return Program((), (Question("value", expression),))
