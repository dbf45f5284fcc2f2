"""A temporary Slurm cluster on this machine, and scripts in the place of Slurm's commands.

The cluster's GPUs are fake, and it claims more processors than there may be.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sirev.processes.spawning import in_spawner, python, start
from tests.conftest import eventually
from tests.servers import free_port

DAEMONS = ("munged", "slurmctld", "slurmd")
PLACES = f"{os.environ['PATH']}:/usr/sbin:/sbin"

# `elsewhere` is never up: it makes a partition without GPUs. A requeued job waits for `cred_expire` seconds, and five is the
# least that Slurm accepts.
CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PlugStackConfig=/dev/null
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=1,sched_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=2
GresTypes=gpu
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 Gres=gpu:2
NodeName=elsewhere NodeAddr=127.0.0.2 State=DOWN
PartitionName=main Nodes=here Default=YES
PartitionName=cpus Nodes=elsewhere
"""


@contextlib.contextmanager
def slurm_cluster() -> Iterator[Path]:
    """A context in which Slurm runs and its commands find it; yields its folder. Skips the test if Slurm can't run."""
    if missing := [name for name in DAEMONS if shutil.which(name, path=PLACES) is None]:
        pytest.skip(f"Slurm is not installed: {', '.join(missing)} (on Debian: apt-get install slurm-wlm munge)")
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons need to be root's")
    folder = Path(tempfile.mkdtemp(prefix="sirev-slurm-"))  # a path that is short enough for a socket
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        configure(folder)
        key = f"--key-file={folder}/munge.key"
        own = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        stack.enter_context(daemon("munged", "--foreground", "--force", key, *own))
        assert eventually((folder / "munge.socket").exists)
        stack.enter_context(daemon("slurmctld", "-D", "-c"))
        stack.enter_context(daemon("slurmd", "-D", "-N", "here"))
        assert eventually(lambda: "idle" in told("sinfo", "--noheader", "--partition=main")), (
            folder / "slurmctld.log"
        ).read_text()
        stack.callback(cancel_all)
        yield folder


def configure(folder: Path) -> None:
    """Write the daemons' configuration."""
    folder.chmod(0o755)
    (folder / "state").mkdir()
    (folder / "munge.key").touch(mode=0o400)
    (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
    for number in (0, 1):
        os.mknod(folder / f"gpu{number}", 0o20666, os.makedev(1, 3))  # the device of /dev/null
    (folder / "gres.conf").write_text(f"NodeName=here Name=gpu File={folder}/gpu[0-1]\n")
    controller = free_port()
    ports = [controller, free_port(controller)]
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, ports=ports, host=socket.gethostname()))


@contextlib.contextmanager
def daemon(name: str, *arguments: str) -> Iterator[None]:
    """A context in which a daemon runs; it ends with this process at the latest."""
    path = shutil.which(name, path=PLACES)
    command = python(f"import os; os.execv({path!r}, {[name, *arguments]!r})")
    process = in_spawner(partial(start, command, {**os.environ, "PATH": PLACES}, stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Replace Slurm's commands by scripts, and hide all others."""
    for name, script in scripts.items():
        write_script(folder / name, script)
    monkeypatch.setenv("PATH", f"{folder}:/bin")


def write_script(path: Path, script: str) -> None:
    """Write a shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def told(*command: str) -> str:
    """The output of one of Slurm's commands."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def in_queue(state: str = "all") -> list[str]:
    """Ids of the jobs in the queue."""
    states = [] if state == "all" else [f"--states={state}"]
    return told("squeue", "--noheader", "--format=%i", *states).split()


def cancel_all() -> None:
    """Cancel all jobs and wait until they have ended."""
    told("scancel", "--user=root")
    assert eventually(lambda: not in_queue())
