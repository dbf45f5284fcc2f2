"""Slurm as its own commands tell of it: sbatch's options as a user gives them, a user's jobs in the queue, a partition's GPUs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sirev.errors import BadInput, SirevError

GPU_CHOICES = ("gres", "gpus", "gpus_per_node", "gpus_per_task")
"""Options of sbatch that ask for GPUs."""
_OF_GPUS = (*GPU_CHOICES, "gpus_per_socket", "gpu_bind", "gpu_freq", "cpus_per_gpu", "mem_per_gpu", "tres_per_task")
_OWN = {
    **dict.fromkeys(("dependency", "job_name", "kill_on_invalid_dep", "requeue", "no_requeue"), "the sweep's own"),
    **dict.fromkeys(("output", "error", "open_mode", "comment", "signal", "chdir"), "the sweep's own"),
    **dict.fromkeys(("array", "wrap", "parsable", "test_only", "wait", "hold", "export", "export_file"), "not for a sweep"),
    **dict.fromkeys(("nodes", "ntasks", "ntasks_per_node", "ntasks_per_gpu"), "a segment is one process on one node"),
}
"""Options that a user can't give, and why."""
_SHORT = {"p": "partition", "t": "time", "A": "account", "q": "qos", "c": "cpus_per_task", "C": "constraint", "w": "nodelist"}
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LIMIT = re.compile(r"(Max|Grp)SubmitJob")
"""In the name of each limit of the jobs that are in the queue at a time, such as AssocMaxSubmitJobLimit."""
_AWAY = re.compile(
    r"Unable to contact slurm controller|Socket timed out|in standby mode|Resource temporarily unavailable", re.IGNORECASE
)
_PATIENCE = 120.0
"""Seconds that Slurm's controller has to answer."""


@dataclass(frozen=True)
class QueuedJob:
    """A job in Slurm's queue. `state` is Slurm's word, such as PENDING; `node` where it runs; `reason` why it does not."""

    id: str
    state: str
    node: str
    reason: str
    comment: str


@dataclass(frozen=True)
class SlurmSettings:
    """Options of sbatch for every job, and the most jobs that run at a time; None: as many as Slurm lets."""

    options: Mapping[str, str] = field(default_factory=dict)
    at_most: int | None = None


class SlurmUnreachable(SirevError):
    """Slurm's controller does not answer; says what its command said, in a line."""


def require_slurm() -> None:
    """BadInput unless jobs can be submitted from this machine."""
    for name in ("sbatch", "squeue", "scancel", "sinfo", "srun"):
        if shutil.which(name) is None:
            raise BadInput(f"--on slurm: {name} is not on PATH: begin the sweep where you submit jobs to Slurm")


def sbatch_options(texts: Iterable[str]) -> dict[str, str]:
    """Options of sbatch from texts such as "partition=a100,time=12:00:00"; a value may have commas: "nodelist=n1,n2,time=60"."""
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
    """An option's long name with underscores; BadInput for one that a sweep does not take."""
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
    """The options of a job that uses no GPU."""
    return {key: value for key, value in options.items() if key not in _OF_GPUS}


def partition_has_gpus(partition: str | None) -> bool | None:
    """Whether a partition, or the default one, has a node with GPUs; None where Slurm knows no such partition."""
    command = ["sinfo", "--noheader", "--format=%P|%G", *([f"--partition={partition}"] if partition else [])]
    rows = [line.partition("|") for line in _answer(command).splitlines()]
    asked = [gres for name, _, gres in rows if partition or name.endswith("*")]
    return any(re.match(r"gpu\b", one) for gres in asked for one in gres.split(",")) if asked else None


def queued_jobs() -> list[QueuedJob]:
    """This user's jobs; SlurmUnreachable."""
    rows = _answer(["squeue", "--noheader", f"--user={os.getuid()}", "--format=%i|%T|%N|%r|%k"]).splitlines()
    # A comment of another job can have a line break.
    return [QueuedJob(*fields) for row in rows if len(fields := row.split("|", 4)) == 5]


def scancel(ids: Collection[str]) -> None:
    """Have jobs cancelled, those that run included; SlurmUnreachable."""
    if ids:
        _answer(["scancel", *ids])


def _answer(command: list[str]) -> str:
    """What one of Slurm's commands prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmUnreachable(f"{command[0]}: {error}") from None
    if done.returncode:
        raise SlurmUnreachable(f"{command[0]}: {slurm_line(done.stderr)}")
    return done.stdout


def is_limit(said: str) -> bool:
    """Whether sbatch takes no job because the limit of jobs in the queue is reached."""
    return _LIMIT.search(said) is not None


def is_unreachable(said: str) -> bool:
    """Whether a command of Slurm's failed because the controller did not answer, or was too busy."""
    return _AWAY.search(said) is not None


def slurm_line(text: str) -> str:
    """What one of Slurm's commands complained of, in one line without its name."""
    said = [re.sub(r"^\w+: (error: )?", "", line.strip()) for line in text.splitlines() if line.strip()]
    return "; ".join(line for line in said if not line.startswith("Try "))
