"""Commands in their own sessions, their remains, and their output on a terminal."""

from __future__ import annotations

import contextlib
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
    return read_whole(terminal), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def read_whole(terminal: int) -> str:
    """All output of a terminal's processes, once they have closed it; closes it too."""
    shown = b""
    with contextlib.suppress(OSError):  # the end of output, on Linux
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return shown.decode()


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


OF_TESTS = "sirev-tests-"
"""The beginning of names in /dev/shm that tests themselves make."""


def shared_memory() -> set[str]:
    """The names in /dev/shm that no living process has mapped: a pool of another test has some while it lives."""
    mapped = ""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):  # it has just ended
            mapped += maps.read_text()
    return {name for name in os.listdir("/dev/shm") if f"/dev/shm/{name}" not in mapped and not name.startswith(OF_TESTS)}
