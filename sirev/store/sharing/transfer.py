"""The result of a push, a pull or an import."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Moved:
    """Counts of a transfer: `files` and `bytes` moved, files that were `there` already, `hollow` artifacts without their files.

    `runs` are the ids that can now be used. `said` are sentences about exceptions, such as a run that was skipped or got
    another name.
    """

    files: int = 0
    bytes: int = 0
    there: int = 0
    hollow: int = 0
    runs: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seconds: float = 0.0
