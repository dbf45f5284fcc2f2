"""The report of a verification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DamageKind = Literal["object", "record", "claim", "remnant", "run", "pin", "hollow mark", "local digest", "marker", "missing"]
"""What is damaged, by the place it has in the store.

"claim": a whole record, whose artifact can't be what it says. "remnant": a record whose artifact is not whole and that
no run stands on. "missing": something that is not there though a run or a pin stands on it.
"""
DamageRemedy = Literal["drop", "again", "hand"]
"""What mends it: `repair` drops it; it is computed, or a pull brings it, again; a person must look."""


@dataclass(frozen=True)
class Damage:
    """One damaged or missing file: `path` below the store, `what` is wrong in words.

    `belongs` names what stands on it: "RUN:t:step", "pin NAME", or "STAGE KEY" for a record that no run pins.
    """

    kind: DamageKind
    path: str
    what: str
    remedy: DamageRemedy
    belongs: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifyRemark:
    """Something worth knowing that is no damage: `path` below the store, and `what` in words."""

    path: str
    what: str


@dataclass
class Findings:
    """What was checked, and what is wrong. `size` is in bytes, of all objects.

    `unchecked` is of a format newer than this sirev reads, or a table larger: no damage, and never dropped. `remarks` are
    no damage either. `leftovers` in tmp/ belong to writers that were killed, or are at work. `hollow` counts the artifacts whose
    files were given up or left out on purpose.
    """

    runs: int = 0
    records: int = 0
    objects: int = 0
    size: int = 0
    seconds: float = 0.0
    damage: list[Damage] = field(default_factory=list)
    unchecked: list[VerifyRemark] = field(default_factory=list)
    remarks: list[VerifyRemark] = field(default_factory=list)
    leftovers: int = 0
    leftover_size: int = 0
    hollow: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged and nothing missing."""
        return not self.damage
