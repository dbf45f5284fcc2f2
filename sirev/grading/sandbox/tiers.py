"""Tiers of the sandbox; the best on this machine is found by confining a worker in each and trying to get out."""

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

# Each trial must end as listed: a layer that is accepted and does nothing is worse than one that is refused.
_TRIALS: tuple[tuple[str, str, Ended], ...] = (
    ("a program runs", "1 + 1", "done"),
    ("no network", "__import__('socket').socket()", "forbidden call"),
    ("no process", "__import__('os').fork()", "forbidden call"),
    ("no foreign file is read", "open('/etc/passwd').read()", "exception"),
    ("no file is written", "open('sirev-trial', 'w')", "exception"),
    ("no foreign folder is listed", "__import__('os').listdir('/')", "exception"),
)
_TRIALS_OF_A: tuple[tuple[str, str, Ended], ...] = (
    ("processes of its own", "1 // (__import__('os').getppid() == 1)", "done"),
    ("a root of its own", "1 // (not __import__('os').path.exists('/proc'))", "done"),
)


@dataclass(frozen=True)
class Found:
    """A tier, and the reason why each better one is unavailable, by its letter."""

    tier: Tier
    refused: dict[Tier, str]
    root_kept: bool = False
    """Whether programs run as root, without root's rights, because no other user could read the interpreter."""

    @property
    def why(self) -> str:
        """Why there is no better tier, in one line; "" for the best."""
        return "; ".join(f"no tier {tier}: {reason}" for tier, reason in self.refused.items())


@cache
def best_tier() -> Found:
    """The best tier of this machine. Raises NoWorker if not even C works, because Python can't be started."""
    refused: dict[Tier, str] = {}
    for tier in TIERS:
        reason, root_kept = _tried(tier)
        if reason is None:
            return Found(tier, refused, root_kept)
        refused[tier] = reason
    raise NoWorker(f"no program can be run here: {refused['C']}")


def trouble(tier: Tier) -> str | None:
    """Why a tier is unavailable here; None if it works."""
    return _tried(tier)[0]


def _tried(tier: Tier) -> tuple[str | None, bool]:
    if tier != "C" and sys.platform != "linux":
        return f"only Linux has what it needs, and this is {sys.platform}", False
    trials = {"A": (*_TRIALS, *_TRIALS_OF_A), "B": _TRIALS, "C": _TRIALS[:1]}[tier]
    try:
        with Pool(tier, _LIMITS, 1) as pool:
            ended = {index: outcome.ended for index, outcome in pool.run(_asked(source) for _, source, _ in trials)}
            root_kept = pool.root_kept
    except NoWorker as error:
        return str(error), False
    failed = [f"{name}: it ended as {ended[i]!r}" for i, (name, _, wanted) in enumerate(trials) if ended[i] != wanted]
    return "; ".join(failed) or None, root_kept


def _asked(expression: str) -> Program:
    return Program((), (Question("value", expression),))
