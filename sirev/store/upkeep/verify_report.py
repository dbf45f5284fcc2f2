"""The report of a verification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DamageKind = Literal["object", "record", "claim", "remnant", "run", "pin", "hollow mark", "local digest", "marker", "missing"]
"""The kind of damage, by its place in the store.

"claim": a sound record with an artifact whose manifest is false. "remnant": a record with an incomplete artifact that
no run pins. "missing": something that does not exist although a run or a pin refers to it.
"""
DamageRemedy = Literal["drop", "again", "hand"]
"""The remedy: "drop": `repair` deletes it. "again": compute or pull it again. "hand": a person must look."""


@dataclass(frozen=True)
class Damage:
    """One damaged or missing file: `path` below the store, and `what` is wrong.

    `belongs` names what refers to it: "RUN:t:step", "pin NAME", or "STAGE KEY" for a record that no run pins.
    """

    kind: DamageKind
    path: str
    what: str
    remedy: DamageRemedy
    belongs: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifyRemark:
    """A finding that is no damage: `path` below the store, and `what` was found."""

    path: str
    what: str


@dataclass
class Findings:
    """The result of a verification: counts of what was checked, and the damage. `size` is of all objects, in bytes.

    `unchecked` lists files of a format newer than this sirev reads and tables too large to read: no damage, and never
    dropped. `remarks` are no damage either. `leftovers` in tmp/ belong to killed or running writers. `hollow` counts the
    artifacts whose files were given up or left out on purpose.
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
        """Whether nothing is damaged or missing."""
        return not self.damage
