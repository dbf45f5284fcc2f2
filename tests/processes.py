"""A command in a session of its own, and what is left of it afterwards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import SIREV, alive


def started(*arguments: object, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """`sirev` with these arguments, its output piped, in a session of its own."""
    return subprocess.Popen(
        [SIREV, *map(str, arguments)],
        env={**os.environ, "NO_COLOR": "1", **environment},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def of_session(leader: int) -> dict[int, str]:
    """The living processes of a session but its leader, with their command lines."""
    living = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        pid = int(stat.parent.name)
        try:
            session = int(stat.read_text().rsplit(")", 1)[1].split()[3])
            if session == leader and pid != leader and alive(pid):
                living[pid] = (stat.parent / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended meanwhile
            continue
    return living


def shared_memory() -> set[str]:
    """What lies in /dev/shm."""
    return set(os.listdir("/dev/shm"))
