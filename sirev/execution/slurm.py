"""Slurm's commands: options of sbatch, a user's jobs in the queue, GPUs of a partition."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sirev.errors import BadInput, SirevError

GPU_CHOICES = ("gres", "gpus", "gpus_per_node", "gpus_per_task")
"""Options of sbatch that request GPUs."""
_OF_GPUS = (*GPU_CHOICES, "gpus_per_socket", "gpu_bind", "gpu_freq", "cpus_per_gpu", "mem_per_gpu", "tres_per_task")
_OWN = {
    **dict.fromkeys(("dependency", "job_name", "kill_on_invalid_dep", "requeue", "no_requeue"), "the sweep's own"),
    **dict.fromkeys(("output", "error", "open_mode", "comment", "signal", "chdir"), "the sweep's own"),
    **dict.fromkeys(("array", "wrap", "parsable", "test_only", "wait", "hold", "export", "export_file"), "not for a sweep"),
    **dict.fromkeys(("nodes", "ntasks", "ntasks_per_node", "ntasks_per_gpu"), "a segment is one process on one node"),
}
"""Options that users can't set -> reason."""
_SHORT = {"p": "partition", "t": "time", "A": "account", "q": "qos", "c": "cpus_per_task", "C": "constraint", "w": "nodelist"}
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LIMIT = re.compile(r"(Max|Grp)SubmitJob")
"""Matches the names of limits of queued jobs, such as AssocMaxSubmitJobLimit."""
_AWAY = re.compile(
    r"Unable to contact slurm controller|Socket timed out|in standby mode|Resource temporarily unavailable", re.IGNORECASE
)
_PATIENCE = 120.0
"""Timeout of Slurm's commands in seconds."""


@dataclass(frozen=True)
class QueuedJob:
    """A job in Slurm's queue. `state` is Slurm's, such as PENDING; `node` is where it runs; `reason` is why it does not run."""

    id: str
    state: str
    node: str
    reason: str
    comment: str


@dataclass(frozen=True)
class SlurmSettings:
    """Options of sbatch for every job, and the largest number of concurrent jobs; None for Slurm's own limit."""

    options: Mapping[str, str] = field(default_factory=dict)
    at_most: int | None = None


class SlurmUnreachable(SirevError):
    """Slurm's controller does not answer; the message is the command's, in one line."""


def require_slurm() -> None:
    """Raise BadInput unless jobs can be submitted from this machine."""
    for name in ("sbatch", "squeue", "scancel", "sinfo", "srun"):
        if shutil.which(name) is None:
            raise BadInput(f"--on slurm: {name} is not on PATH: begin the sweep where you submit jobs to Slurm")


def sbatch_options(texts: Iterable[str]) -> dict[str, str]:
    """Parse options of sbatch such as "partition=a100,time=12:00:00"; values may have commas: "nodelist=n1,n2,time=60"."""
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(rf",(?={_KEY.pattern}=)", text):
            key, equals, value = part.partition("=")
            if not equals:
                raise BadInput(
                    f"--slurm {text}: expected KEY=VALUE such as partition=a100,time=12:00:00 (for a flag: exclusive=true)"
                )
            found[_checked_key(key)] = _checked_value(key, value)
    return found


def _checked_key(given: str) -> str:
    """The long name of an option, with underscores; BadInput for one that a sweep does not accept."""
    key = _SHORT.get(given, given.lstrip("-").replace("-", "_"))
    if not _KEY.fullmatch(key):
        raise BadInput(f"--slurm: {given!r} is not an option of sbatch")
    if key in _OWN:
        raise BadInput(f"--slurm {given}: can't be set: {_OWN[key]}")
    return key


def _checked_value(key: str, value: str) -> str:
    if not value or not value.isprintable():
        raise BadInput(f"--slurm {key}={value!r}: expected a value")
    return value


def without_gpus(options: Mapping[str, str]) -> dict[str, str]:
    """The options without those about GPUs, for a job that uses none."""
    return {key: value for key, value in options.items() if key not in _OF_GPUS}


def partition_has_gpus(partition: str | None) -> bool | None:
    """Whether a partition, or the default one, has a node with GPUs; None for an unknown partition."""
    command = ["sinfo", "--noheader", "--format=%P|%G", *([f"--partition={partition}"] if partition else [])]
    rows = [line.partition("|") for line in _answer(command).splitlines()]
    asked = [gres for name, _, gres in rows if partition or name.endswith("*")]
    return any(re.match(r"gpu\b", one) for gres in asked for one in gres.split(",")) if asked else None


def queued_jobs() -> list[QueuedJob]:
    """This user's jobs; SlurmUnreachable if Slurm does not answer."""
    rows = _answer(["squeue", "--noheader", f"--user={os.getuid()}", "--format=%i|%T|%N|%r|%k"]).splitlines()
    # The comment of another job may contain a line break.
    return [QueuedJob(*fields) for row in rows if len(fields := row.split("|", 4)) == 5]


def scancel(ids: Collection[str]) -> None:
    """Cancel jobs, including running ones; SlurmUnreachable if Slurm does not answer."""
    if ids:
        _answer(["scancel", *ids])


def _answer(command: list[str]) -> str:
    """The output of one of Slurm's commands; SlurmUnreachable if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmUnreachable(f"{command[0]}: {error}") from None
    if done.returncode:
        raise SlurmUnreachable(f"{command[0]}: {slurm_line(done.stderr)}")
    return done.stdout


def is_limit(said: str) -> bool:
    """Whether sbatch refused a job because of a limit of queued jobs."""
    return _LIMIT.search(said) is not None


def is_unreachable(said: str) -> bool:
    """Whether a Slurm command failed because the controller did not answer or was too busy."""
    return _AWAY.search(said) is not None


def slurm_line(text: str) -> str:
    """The error message of a Slurm command in one line, without the command's name."""
    said = [re.sub(r"^\w+: (error: )?", "", line.strip()) for line in text.splitlines() if line.strip()]
    return "; ".join(line for line in said if not line.startswith("Try "))
