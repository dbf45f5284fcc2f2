"""The result of a push, a pull or an import."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Moved:
    """`files` of together `bytes` moved, `there` files were there already; `runs` are the ids that can now be used.

    `hollow` artifacts came without their files.
    `said` are sentences about what did not go as a matter of course: a run skipped, or kept under another name.
    """

    files: int = 0
    bytes: int = 0
    there: int = 0
    hollow: int = 0
    runs: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seconds: float = 0.0
