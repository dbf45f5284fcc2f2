"""How far each segment of a sweep is, by the store, by who computes there, and by Slurm where it has jobs of the sweep."""

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
    """A segment's state; `job` is Slurm's number of the last one, `note` the node that it runs on or why it does not run."""

    segment: Segment
    state: Literal["done", "running", "queued", "waiting", "failed"]
    job: str | None = None
    note: str = ""
    log: Path | None = None
    """The file that says more of a failure."""

    @property
    def failure(self) -> FailedSegment:
        """Why it failed, if it did."""
        return FailedSegment(self.segment, self.note, self.log)


@dataclass(frozen=True)
class SweepStatus:
    """The status of every segment; `trouble` is why Slurm did not say which are in its queue, "" where it did or need not."""

    segments: list[SegmentStatus]
    trouble: str = ""


@dataclass
class _Known:
    """What is known of segments that the store lacks a step of."""

    lacking: set[str]
    living: Collection[str]
    """Runs that living processes compute, as far as that can be told from here."""
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
    """The status of every segment, and of what runs lack beside them; only what the store lacks is asked of Slurm.

    Without Slurm a segment counts as running where what it reads is there and a living process computes one of its runs.
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
