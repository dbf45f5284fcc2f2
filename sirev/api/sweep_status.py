"""The status of a sweep's segments, from the store, from living processes, and from Slurm if it has jobs of the sweep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sirev.api.slurm_job import JobReport
from sirev.api.slurm_jobs import SweepJobs
from sirev.api.sweep import GridSweep
from sirev.execution.failures import FailedSegment
from sirev.execution.segments import Segment
from sirev.execution.slurm import QueuedJob, SlurmUnreachable
from sirev.store.leases import living


@dataclass(frozen=True)
class SegmentStatus:
    """A segment's state; `job` is the id of its Slurm job, `note` the node of a running one or why it is not running."""

    segment: Segment
    state: Literal["done", "running", "queued", "waiting", "failed"]
    job: str | None = None
    note: str = ""
    log: Path | None = None
    """A file with more about a failure."""

    @property
    def failure(self) -> FailedSegment:
        """The failure of a failed segment."""
        return FailedSegment(self.segment, self.note, self.log)


@dataclass(frozen=True)
class SweepStatus:
    """The status of every segment; `trouble` is why Slurm's queue is unknown, "" if it is known or not needed."""

    segments: list[SegmentStatus]
    trouble: str = ""


@dataclass
class _Known:
    """Facts about segments with steps that the store lacks."""

    lacking: set[str]
    living: Collection[str]
    """Runs of living processes, as far as these are visible from here."""
    jobs: SweepJobs | None = None
    queued: Mapping[str, QueuedJob] = field(default_factory=dict)
    reports: Mapping[str, JobReport] = field(default_factory=dict)

    def status(self, segment: Segment) -> SegmentStatus:
        if segment.id not in self.lacking:
            return SegmentStatus(segment, "done")
        if job := self.queued.get(segment.id):
            running = job.state == "RUNNING"
            return SegmentStatus(segment, "running" if running else "queued", job.id, job.node if running else job.reason)
        if not segment.parents & self.lacking and any(run in self.living for run in segment.steps_by_run()):
            return SegmentStatus(segment, "running")
        report = self.reports.get(segment.id)
        if self.jobs is not None and report is not None and report.state == "failed":
            return SegmentStatus(segment, "failed", report.job, report.why, self.jobs.log(report.job, report))
        return SegmentStatus(segment, "waiting")


def sweep_status(made: GridSweep) -> SweepStatus:
    """The status of every segment, including those of later steps; Slurm is only asked about missing ones.

    Without a Slurm job, a segment counts as running if its inputs are stored and a living process computes one of its runs.
    """
    rest = [] if (left := made.unfinished()) else made.rest()
    known = _Known({one.id for one in [*left, *rest]}, living(made.store.path) or ())
    trouble = ""
    if known.lacking and made.store.known_id is not None and (jobs := SweepJobs(made.store)).folder.is_dir():
        known.jobs, known.reports = jobs, jobs.last_reports()
        try:
            known.queued = jobs.queued()
        except SlurmUnreachable as error:
            trouble = str(error)
    return SweepStatus([known.status(one) for one in [*made.segments, *rest]], trouble)
