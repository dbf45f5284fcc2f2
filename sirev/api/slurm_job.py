"""A segment as a Slurm job: the work on the node, and the end of the batch script.

The job writes its outcome into a report, a small JSON file next to its logs. A process that ends without one was killed or asked
to end: by the time limit, by preemption, for its memory. The batch script then has Slurm requeue the job, as often as allowed,
and the segment resumes from the store and the saved training; after that, the script reports the failure. Slurm itself requeues
a job after the failure of its node.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from sirev.api.sweep_task import MachineFacts, SentSweep
from sirev.execution.failures import FailedSegment
from sirev.execution.segments import Segment
from sirev.execution.user_state import write_whole
from sirev.processes.termination import Terminated, terminable, terminated_status


@dataclass(frozen=True)
class JobReport:
    """The last report of a job on its segment."""

    job: str
    state: Literal["running", "done", "failed"]
    why: str = ""
    log: str = ""
    """A file with more about a failure than the job's own log; empty if there is none."""

    @classmethod
    def read(cls, path: Path) -> JobReport | None:
        """The report in a file; None if there is none yet."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            return cls(str(said["job"]), said["state"], str(said["why"]), str(said.get("log", "")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Write the report atomically."""
        write_whole(path, json.dumps(asdict(self)))


@dataclass(frozen=True)
class SegmentJob:
    """The work of a job: compute a segment, if its node is fit for it, and report the outcome."""

    sent: SentSweep
    segment: Segment
    wanted: MachineFacts
    folder: Path

    def __call__(self) -> None:
        """Compute the segment. After a signal, trainings save their state, and the process ends without a report."""
        job = os.environ["SLURM_JOB_ID"]
        report = report_file(self.folder, self.segment.id, job)
        JobReport(job, "running").write(report)
        try:
            with terminable():  # replaces submitit's handlers, which would requeue the job before anything is saved
                self.sent.compute(self.segment, self.wanted)
        except Terminated:
            sys.exit(terminated_status())
        except Exception as error:
            if terminated_status() is None:  # else the signal caused the error
                failed = FailedSegment.of(self.segment, error)
                log = None if self.sent.push else failed.log  # a log in a node's own store is not visible elsewhere
                JobReport(job, "failed", failed.why, str(log or "")).write(report)
            raise
        JobReport(job, "done").write(report)


def report_file(folder: Path, segment: str, job: str) -> Path:
    """The file of a job's report on a segment."""
    return folder / f"{segment}-{job}.json"


def ending(folder: Path, segment: str, retries: int) -> Sequence[str]:
    """The end of the batch script: it requeues a job that died without a report, up to `retries` times, then reports the failure.

    A job that is being cancelled is no longer RUNNING. If Slurm does not answer for minutes, that is reported.
    """
    begun = "$((${SLURM_RESTART_COUNT:-0} + 1))"
    return (
        "status=$?",
        f'report={shlex.quote(str(folder / segment))}-"$SLURM_JOB_ID".json',
        'said="its process died with status $status"',
        """report() { printf '{"job": "%s", "state": "failed", "why": "%s"}' "$SLURM_JOB_ID" "$said, $1" > "$report"; }""",
        'patiently() { for pause in 1 5 25 125; do "$@" && return; sleep $pause; done; "$@"; }',
        """if [ $status -eq 0 ] || grep -qs '"state": "failed"' "$report"; then exit $status; fi""",
        'state=$(patiently squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T) || state=unknown',
        'if [ "$state" = unknown ]; then report "and Slurm did not say whether to continue"; exit $status; fi',
        'if [ "$state" != RUNNING ]; then exit $status; fi',
        f'if [ "${{SLURM_RESTART_COUNT:-0}}" -ge {retries} ]; then report "begun {begun} times"; exit $status; fi',
        'patiently scontrol requeue "$SLURM_JOB_ID" || report "and Slurm did not queue it again"',
        "exit $status",
    )
