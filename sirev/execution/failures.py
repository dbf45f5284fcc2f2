"""Failures of segments: reason, log, and the segments that depend on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sirev.errors import SirevError, StageFailed, with_log
from sirev.execution.segments import Segment

_LONGEST = 300
"""Largest number of characters shown of an error that is not sirev's."""


@dataclass(frozen=True)
class FailedSegment:
    """A failed segment and the reason; `log` is its log file, if known."""

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
        """The reason, with the path of the log if known."""
        return with_log(self.why, self.log)

    def __str__(self) -> str:
        return f"{self.segment.leader} ({self.segment.id}): {self.reason}"


class SegmentsFailed(StageFailed):
    """Segments of a sweep failed. The message has one line per failure, then `left`, which says what remains."""

    def __init__(self, failures: Sequence[FailedSegment], left: str) -> None:
        super().__init__("\n".join([*map(str, failures), left]))
        self.failures, self.left = failures, left


def failure_before(segment: Segment, failed: Mapping[str, FailedSegment]) -> FailedSegment | None:
    """The failure, of `failed` by segment, that keeps a segment from being computed; None if none of its parents has failed."""
    return next((failed[parent] for parent in sorted(segment.parents) if parent in failed), None)


def failure_line(error: BaseException) -> str:
    """Description of an error in one line."""
    return " ".join(failure_text(error).split())


def failure_text(error: BaseException) -> str:
    """Description of an error: sirev's messages unchanged; for other errors the type and the beginning of the message."""
    return str(error) if isinstance(error, SirevError) else f"{type(error).__name__}: {error}"[:_LONGEST]
