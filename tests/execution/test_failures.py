from __future__ import annotations

from pathlib import Path

from sirev.errors import StageFailed
from sirev.execution.failures import FailedSegment, SegmentsFailed, failure_before, failure_line
from sirev.execution.segments import Segment


def test_a_failure_is_one_line_and_names_the_kind_of_a_foreign_error() -> None:
    assert failure_line(StageFailed("train:\n  out of memory")) == "train: out of memory"
    assert failure_line(ValueError("no such thing")) == "ValueError: no such thing"
    assert len(failure_line(ValueError("very long" * 1000))) <= 300


def test_the_log_of_a_failure_is_apart_from_its_reason() -> None:
    failure = FailedSegment.of(Segment("ab", "1:train"), StageFailed("out of\nmemory", Path("/logs/one")))
    assert (failure.why, failure.log) == ("out of memory", Path("/logs/one"))
    assert str(failure) == "1:train (ab): out of memory; log: /logs/one"


def test_segments_that_failed_are_a_line_each_and_what_is_left_the_last() -> None:
    failures = [FailedSegment(Segment("ab", "1:train"), "out of memory"), FailedSegment(Segment("cd", "2:train"), "not today")]
    assert str(SegmentsFailed(failures, "2 runs left")).splitlines() == [*map(str, failures), "2 runs left"]


def test_what_a_segment_reads_has_failed_before_it() -> None:
    first, other = Segment("ab", "1:train"), Segment("cd", "1:train")
    failed = {"ab": FailedSegment(first, "out of memory")}
    assert failure_before(Segment("ef", "2:train", parents={"ab", "cd"}), failed) == failed["ab"]
    assert failure_before(Segment("gh", "2:train", parents={"cd"}), failed) is None
    assert failure_before(other, failed) is None
