"""Sweeps on Slurm: one job per segment, submitted by submitit and started by Slurm once the jobs that it needs have ended.

Nothing is scheduled here: order, limits and retries are Slurm's, by dependencies, names of lanes and the batch script. All data
pass through the store. A later command waits for jobs that are in the queue, and submits none for their segments.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec

from sirev.api.slurm_submission import Submission
from sirev.api.sweep import GridSweep, SegmentTold
from sirev.errors import BadInput, StageFailed
from sirev.execution import slurm
from sirev.execution.failures import FailedSegment, failure_before
from sirev.execution.segments import Segment
from sirev.execution.slurm import QueuedJob, SlurmSettings, SlurmUnreachable
from sirev.extras import install_command

_QUICKEST, _SLOWEST = 1.0, 20.0
"""Seconds between two queries of Slurm: the longer no job has ended, the more."""
_GRACE = 30.0
"""Seconds to wait for the report of a job that has left the queue."""
_ANY = "any"
"""The id of no job: if Slurm did not answer, submission is tried again as soon as it does."""
_NO_REPORT = "its job ended without a report: cancelled, out of time, or on a node that does not see the folder of this log"


def compute_on_slurm(
    made: GridSweep, todo: Sequence[Segment], retries: int, told: SegmentTold, settings: SlurmSettings
) -> Mapping[str, FailedSegment]:
    """Compute segments, parents first; return segment -> why it, or one that it depends on, failed.

    Waits for jobs of an earlier call that are in the queue; an interruption leaves all jobs there. If sbatch refuses, the jobs
    submitted with it are cancelled and BadInput is raised. Raises StageFailed if another command cancels the sweep's jobs.
    """
    slurm.require_slurm()
    if find_spec("submitit") is None:
        raise BadInput(f"--on slurm: submitit is not installed: {install_command('slurm')}")
    return _Computation(made, todo, Submission(made, todo, retries, settings), told).computed()


class _Computation:
    """State of a sweep: segments to be submitted, and those in Slurm's queue."""

    def __init__(self, made: GridSweep, todo: Sequence[Segment], submission: Submission, told: SegmentTold) -> None:
        self._made, self._submission, self._told = made, submission, told
        self._jobs = submission.jobs
        self._backlog = deque(todo)
        self._segments = {one.id: one for one in todo}
        self._awaited: dict[str, str] = {}  # segment -> its job, possibly submitted by another command
        self._gone_since: dict[str, float] = {}
        self._running: set[str] = set()
        self._failed: dict[str, FailedSegment] = {}
        self._cancelled = self._jobs.last_cancelled(made)
        self._others: set[str] = set()  # the user's jobs in the queue when it was full

    def computed(self) -> Mapping[str, FailedSegment]:
        """Submit all segments and wait for them; return segment -> why it failed."""
        self._submit()
        while self._awaited or self._backlog:
            self._wait()
            self._submit()
        return self._failed

    def _submit(self) -> None:
        """Submit segments that are not in the queue, until Slurm's limit; before BadInput is raised, new jobs are cancelled."""
        if not self._backlog:
            return
        new: list[str] = []
        try:
            with self._jobs.submitting():
                self._obey()
                self._submit_beside(slurm.queued_jobs(), new)
        except SlurmUnreachable:  # the controller may be restarting
            self._others = {_ANY}
        except BadInput:
            with suppress(SlurmUnreachable):
                slurm.scancel(new)
            raise

    def _submit_beside(self, there: Sequence[QueuedJob], new: list[str]) -> None:
        """Submit segments, given the jobs in the queue; ids of submitted jobs are added to `new`."""
        queued = self._jobs.among(there)
        while self._backlog:
            segment = self._backlog[0]
            if segment.id in queued:
                self._awaited[segment.id] = queued[segment.id].id
            elif not self._left_out(segment):
                parents = sorted(self._awaited[parent] for parent in segment.parents if parent in self._awaited)
                rivals = self._jobs.rivals(segment, there)
                job = self._submission.submitted(segment, parents, rivals, others=bool(there or self._awaited))
                if job is None:
                    self._others = {*(one.id for one in there), *new}
                    return
                new.append(job)
                self._awaited[segment.id] = job
            self._backlog.popleft()

    def _obey(self) -> None:
        """Raise StageFailed if the jobs were cancelled."""
        if self._jobs.last_cancelled(self._made) != self._cancelled:
            raise StageFailed("the jobs of this sweep were cancelled; the same command continues")

    def _left_out(self, segment: Segment) -> bool:
        """Whether a segment that this one depends on failed; if so, that is reported."""
        before = failure_before(segment, self._failed)
        if before is not None:
            self._failed[segment.id] = before
            self._told(segment, "left", str(before))
        return before is not None

    def _wait(self) -> None:
        """Wait until a job has ended, or there may be room for another; report jobs that have begun or ended."""
        since = time.monotonic()
        while True:
            time.sleep(min(max(_QUICKEST, (time.monotonic() - since) / 10), _SLOWEST))
            self._obey()
            try:
                there = slurm.queued_jobs()
            except SlurmUnreachable:
                continue
            queued = self._jobs.among(there)
            self._note_queued(queued)
            ended = [name for name in self._awaited if name not in queued and self._has_ended(name)]
            for name in ended:
                del self._awaited[name], self._gone_since[name]
            if ended or (self._backlog and self._others - {one.id for one in there}):
                return

    def _note_queued(self, queued: Mapping[str, QueuedJob]) -> None:
        """Update the jobs of segments, which another command may have resubmitted; report those that have begun."""
        for name, job in queued.items():
            if name not in self._awaited:
                continue
            self._awaited[name] = job.id
            self._gone_since.pop(name, None)
            if job.state == "RUNNING" and name not in self._running:
                self._running.add(name)
                self._told(self._segments[name], "running", job.node)

    def _has_ended(self, name: str) -> bool:
        """Report how a job that has left the queue ended; False if that is not known yet."""
        segment, job = self._segments[name], self._awaited[name]
        since = self._gone_since.setdefault(name, time.monotonic())
        report = self._jobs.report(segment, job)
        if report is not None and report.state != "running":
            why = report.why
        elif self._left_out(segment):
            return True
        elif time.monotonic() - since < _GRACE:
            return False
        else:
            why = _NO_REPORT
        if why:
            self._failed[name] = FailedSegment(segment, why, self._jobs.log(job, report))
            self._told(segment, "failed", self._failed[name].reason)
        else:
            self._told(segment, "done", "")
        return True
