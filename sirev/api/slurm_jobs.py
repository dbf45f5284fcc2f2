"""The Slurm jobs of a store's segments: their folder, their state in the queue, their reports, and their cancellation.

A job is identified by its comment, which names its segment and the segment's first training.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from sirev.api.slurm_job import JobReport, report_file
from sirev.api.sweep import GridSweep
from sirev.errors import BadInput
from sirev.execution import slurm
from sirev.execution.scratch import private_folder
from sirev.execution.segments import Segment
from sirev.execution.slurm import QueuedJob, SlurmUnreachable
from sirev.execution.user_state import state_file, write_whole
from sirev.store.digests import canonical_json, sha256
from sirev.store.locks import key_lock
from sirev.store.store import Store

FOLDER = "SIREV_SLURM_FOLDER"
"""The environment variable with a folder for jobs, visible to all nodes, instead of one in the user's state folder."""
_INSTEAD = f"name another folder with {FOLDER}"
_CANCELLING = 120.0
"""Seconds to wait for cancelled jobs to leave the queue."""


class SweepJobs:
    """The jobs of an existing store's segments."""

    def __init__(self, store: Store) -> None:
        """Raises BadInput if there is no folder for them."""
        name = sha256(f"{store.known_id} {store.path.resolve()}".encode())[:16]  # a copied store keeps its id
        self.folder = _jobs_folder() / name
        self._prefix = f"sirev/{name}/"

    def make_folder(self) -> None:
        """Make the folder, accessible only to this user: nodes execute the pickles that submitit writes to it."""
        private_folder(self.folder, _INSTEAD)

    def comment(self, segment: Segment) -> str:
        """The comment of a segment's job."""
        return f"{self._prefix}{segment.lead}/{segment.id}"

    def lane(self, number: int) -> str:
        """The common name of all jobs in a lane."""
        return f"{self._prefix}{number}"

    def among(self, jobs: Iterable[QueuedJob]) -> dict[str, QueuedJob]:
        """Segment -> its job, among the user's jobs in the queue."""
        mine = [job for job in jobs if job.comment.startswith(self._prefix)]
        return {job.comment.rpartition("/")[2]: job for job in mine}

    def queued(self) -> dict[str, QueuedJob]:
        """Segment -> its job in the queue. Raises SlurmUnreachable."""
        return self.among(slurm.queued_jobs())

    def rivals(self, segment: Segment, queued: Iterable[QueuedJob]) -> list[str]:
        """Jobs of other segments with the same first training, such as those of an earlier version of the grid."""
        same = f"{self._prefix}{segment.lead}/"
        return [
            job.id for job in queued if segment.lead and job.comment.startswith(same) and job.comment != self.comment(segment)
        ]

    def report(self, segment: Segment, job: str) -> JobReport | None:
        """The last report of a job on its segment; None if there is none."""
        return JobReport.read(report_file(self.folder, segment.id, job))

    def last_reports(self) -> dict[str, JobReport]:
        """Segment -> the report of its last job."""
        last: dict[str, int] = {}
        for path in self.folder.glob("*-*.json"):
            segment, _, job = path.stem.rpartition("-")
            if job.isdecimal() and (segment not in last or last[segment] < int(job)):
                last[segment] = int(job)
        read = ((segment, JobReport.read(report_file(self.folder, segment, str(job)))) for segment, job in last.items())
        return {segment: report for segment, report in read if report is not None}

    def log(self, job: str, report: JobReport | None = None) -> Path:
        """The log of a failed job: the one named in its report, else submitit's file of its standard error."""
        return Path(report.log) if report is not None and report.log else self.folder / f"{job}_0_log.err"

    def submitting(self) -> AbstractContextManager[bool]:
        """A lock for looking up and submitting, or cancelling, jobs, so that only one command does so at a time."""
        return key_lock(self.folder, "submitting")

    def last_cancelled(self, made: GridSweep) -> str | None:
        """A token of the last cancellation of a grid's jobs; None if they were never cancelled."""
        with contextlib.suppress(OSError):
            return self._cancelled(made).read_text(encoding="utf-8")
        return None

    def note_cancelled(self, made: GridSweep) -> None:
        """Note the cancellation of a grid's jobs, so that the commands that wait for them end."""
        write_whole(self._cancelled(made), secrets.token_hex(8))

    def _cancelled(self, made: GridSweep) -> Path:
        grid = sha256(canonical_json(sorted(one.id for one in made.segments)))[:16]
        return self.folder / f"{grid}.cancelled"


def _jobs_folder() -> Path:
    own = os.environ.get(FOLDER)
    try:
        return (Path(own) if own else state_file("slurm")).absolute()
    except RuntimeError:
        raise BadInput(f"no home folder to keep Slurm's jobs in; name one with {FOLDER}") from None


def jobs_in_queue(made: GridSweep) -> set[str]:
    """The ids of a sweep's jobs in the queue. Raises SlurmUnreachable."""
    if made.store.known_id is None:
        return set()
    known = {one.id for one in [*made.segments, *made.rest()]}
    return {job.id for segment, job in SweepJobs(made.store).queued().items() if segment in known}


def cancel_jobs(made: GridSweep) -> tuple[set[str], set[str]]:
    """Cancel all jobs of a sweep and wait until they have left the queue; return the ids of all, and of those still there.

    Commands that wait for the jobs end.
    """
    slurm.require_slurm()
    if made.store.known_id is None or not (jobs := SweepJobs(made.store)).folder.is_dir():
        return set(), set()
    with jobs.submitting():
        found = jobs_in_queue(made)
        jobs.note_cancelled(made)
        slurm.scancel(found)
    left, until = found, time.monotonic() + _CANCELLING
    while left and time.monotonic() < until:
        time.sleep(1)
        with contextlib.suppress(SlurmUnreachable):
            left = found & {job.id for job in slurm.queued_jobs()}
    return found, left
