"""Commands in their own sessions, their remains, and their output on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import SIREV, alive


def started(*arguments: object, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Start `sirev` with these arguments, with piped output, in a new session."""
    return subprocess.Popen(
        [SIREV, *map(str, arguments)],
        env={**os.environ, "NO_COLOR": "1", **environment},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def on_a_terminal(command: Sequence[str | Path], width: int, folder: Path | None = None, **environment: str) -> tuple[str, int]:
    """The output of a command on a terminal of `width` columns, and its exit status. `NO_COLOR` is unset unless given."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder or ".")
        kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        os.execve(command[0], [*map(str, command)], {**kept, "TERM": "xterm-256color", "COLUMNS": str(width), **environment})
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # the end of output, on Linux
        pass
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def of_session(leader: int) -> dict[int, str]:
    """Process id -> command line, for the living processes of a session except its leader."""
    living = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        pid = int(stat.parent.name)
        try:
            session = int(stat.read_text().rsplit(")", 1)[1].split()[3])
            if session == leader and pid != leader and alive(pid):
                living[pid] = (stat.parent / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended in the meantime
            continue
    return living


def shared_memory() -> set[str]:
    """The names in /dev/shm."""
    return set(os.listdir("/dev/shm"))
