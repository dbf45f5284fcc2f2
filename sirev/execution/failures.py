"""Segments that failed: why, where to read more, and what else that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sirev.errors import SirevError, StageFailed, with_log
from sirev.execution.segments import Segment

_LONGEST = 300
"""Characters of an error that is not sirev's own."""


@dataclass(frozen=True)
class FailedSegment:
    """A segment that failed, and why; `log` is the file that says more, if it is known."""

    segment: Segment
    why: str
    log: Path | None = None

    @classmethod
    def of(cls, segment: Segment, error: BaseException) -> Self:
        """The failure of a segment that ended with an error."""
        if isinstance(error, StageFailed):
            return cls(segment, failure_line(StageFailed(error.reason)), error.log)
        return cls(segment, failure_line(error))

    @property
    def reason(self) -> str:
        """Why, and where to read more."""
        return with_log(self.why, self.log)

    def __str__(self) -> str:
        return f"{self.segment.leader} ({self.segment.id}): {self.reason}"


class SegmentsFailed(StageFailed):
    """Segments of a sweep failed, and `left` says what that leaves; a line per failure, then this one."""

    def __init__(self, failures: Sequence[FailedSegment], left: str) -> None:
        super().__init__("\n".join([*map(str, failures), left]))
        self.failures, self.left = failures, left


def failure_before(segment: Segment, failed: Mapping[str, FailedSegment]) -> FailedSegment | None:
    """The failure for which a segment can't be computed, of those by segment; None if nothing that it reads has failed."""
    return next((failed[parent] for parent in sorted(segment.parents) if parent in failed), None)


def failure_line(error: BaseException) -> str:
    """What failed, in one line."""
    return " ".join(failure_text(error).split())


def failure_text(error: BaseException) -> str:
    """What failed: sirev's own words as they are, of any other error its kind too, and the beginning of what it says."""
    return str(error) if isinstance(error, SirevError) else f"{type(error).__name__}: {error}"[:_LONGEST]
