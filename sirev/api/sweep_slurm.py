"""Sweeps on Slurm: a job per segment, submitted by submitit, which Slurm begins once those whose results it reads have ended.

Nothing here schedules: order, limits and what is begun again are Slurm's, by dependencies, names of lanes and the batch script.
All data go by the store. A later command waits for the jobs that are in the queue, and submits none for their segments.
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
"""Seconds between two questions to Slurm: more, the longer nothing has ended."""
_GRACE = 30.0
"""Seconds that the report of a job may take to be seen here after it has left the queue."""
_ANY = "any"
"""No job's number: where Slurm did not answer, it is asked again as soon as it does."""
_NO_REPORT = "its job ended without a report: cancelled, out of time, or on a node that does not see the folder of this log"


def compute_on_slurm(
    made: GridSweep, todo: Sequence[Segment], retries: int, told: SegmentTold, settings: SlurmSettings
) -> Mapping[str, FailedSegment]:
    """Compute segments, parents first; segment -> why it, or one that it stands on, failed.

    Jobs of an earlier call that are in the queue are waited for; an interruption leaves all jobs there. Raises BadInput for what
    sbatch refuses, once the jobs submitted with it are cancelled, and StageFailed once somebody has cancelled the sweep's.
    """
    slurm.require_slurm()
    if find_spec("submitit") is None:
        raise BadInput(f"--on slurm: submitit is not installed: {install_command('slurm')}")
    return _Computation(made, todo, Submission(made, todo, retries, settings), told).computed()


class _Computation:
    """Segments that wait to be submitted, and those that wait in Slurm's queue."""

    def __init__(self, made: GridSweep, todo: Sequence[Segment], submission: Submission, told: SegmentTold) -> None:
        self._made, self._submission, self._told = made, submission, told
        self._jobs = submission.jobs
        self._backlog = deque(todo)
        self._segments = {one.id: one for one in todo}
        self._awaited: dict[str, str] = {}  # segment -> its job, whoever submitted that
        self._gone_since: dict[str, float] = {}
        self._running: set[str] = set()
        self._failed: dict[str, FailedSegment] = {}
        self._cancelled = self._jobs.last_cancelled(made)
        self._others: set[str] = set()  # all jobs of the user's that were in the queue when it took no more

    def computed(self) -> Mapping[str, FailedSegment]:
        """Have all computed; segment -> why it failed."""
        self._submit()
        while self._awaited or self._backlog:
            self._wait()
            self._submit()
        return self._failed

    def _submit(self) -> None:
        """Submit what is not yet in the queue, until Slurm takes no more for now; BadInput leaves nothing of it there."""
        if not self._backlog:
            return
        new: list[str] = []
        try:
            with self._jobs.submitting():
                self._obey()
                self._submit_beside(slurm.queued_jobs(), new)
        except SlurmUnreachable:  # its controller is being restarted, say
            self._others = {_ANY}
        except BadInput:
            with suppress(SlurmUnreachable):
                slurm.scancel(new)
            raise

    def _submit_beside(self, there: Sequence[QueuedJob], new: list[str]) -> None:
        """Submit beside the jobs that are in the queue; those submitted are noted in `new`."""
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
        """StageFailed once somebody has cancelled the jobs."""
        if self._jobs.last_cancelled(self._made) != self._cancelled:
            raise StageFailed("the jobs of this sweep were cancelled; the same command continues")

    def _left_out(self, segment: Segment) -> bool:
        """Whether one failed that a segment stands on; it is told so."""
        before = failure_before(segment, self._failed)
        if before is not None:
            self._failed[segment.id] = before
            self._told(segment, "left", str(before))
        return before is not None

    def _wait(self) -> None:
        """Wait until a job has ended, or there can be room for another; tell of all that have begun or ended."""
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
        """Note which jobs segments have: another command may have submitted one again. Tell of those that have begun."""
        for name, job in queued.items():
            if name not in self._awaited:
                continue
            self._awaited[name] = job.id
            self._gone_since.pop(name, None)
            if job.state == "RUNNING" and name not in self._running:
                self._running.add(name)
                self._told(self._segments[name], "running", job.node)

    def _has_ended(self, name: str) -> bool:
        """Tell how a job that has left the queue ended; False where that can't be said yet."""
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
