"""Killing of a process at every change that it makes to the disk, for tests of what is left.

One process per program: it imports the program once, and a forked child per point runs it from the beginning and kills itself
there, as `kill -9` would. `python -m tests.store.crashing PROGRAM FOLDER` prints one line of JSON per point.

Points are just before each call that changes the disk, in the middle of each write, and after the last call. Just after one
call and just before the next are the same point, since nothing between them changes the disk.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUDITED = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.truncate"}
"""Python's audit events that change a disk, in addition to `fcntl.ioctl`, for reflinks, and opening for writing."""
UNAUDITED = ("fsync", "fdatasync", "copy_file_range", "pwrite")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Point:
    """The point at which a program was killed, before or (`half`) in the middle of its n-th call; and the store it left."""

    n: int
    call: str
    half: bool
    store: Path

    def __str__(self) -> str:
        return f"{'in the middle of' if self.half else 'before'} call {self.n}, {self.call}"


def crashed(program: str, folder: Path) -> Iterator[Point]:
    """Kill a program of `tests.store.crash_programs` at each of its points, in a new store each time, and yield the points."""
    command = [sys.executable, "-m", "tests.store.crashing", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        told = json.loads(line)
        yield Point(told["n"], told["call"], told["half"], Path(told["store"]))


class Killer:
    """Counter of this process's calls that change a disk, which kills it at one of them."""

    def __init__(self, at: int | None, half: bool) -> None:
        self.at = at
        self.half = half
        self.calls: list[str] = []
        self._inside = False

    def met(self, call: str, write_half: Callable[[], Any] | None = None) -> None:
        """Count a call; `write_half` does half of it."""
        if self._inside:
            return
        if len(self.calls) == self.at and not (self.half and write_half is None):
            self._inside = True
            if self.half and write_half is not None:
                write_half()
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls.append(call)

    def watch(self) -> None:
        """Count every such call from now on."""
        sys.addaudithook(self._audited)
        for name in UNAUDITED:
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        os.write = self._wrapped("write to a descriptor", WRITE, lambda fd, data: lambda: WRITE(fd, data[: len(data) // 2]))
        os.sendfile = self._wrapped("write by sendfile", SENDFILE, _half_sent)  # how shutil copies
        builtins.open = io.open = self._open  # type: ignore[assignment]

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in AUDITED or event == "fcntl.ioctl":
            self.met(f"{event} {arguments[0]!s}")
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            self.met(f"open {arguments[0]!s}")

    def _wrapped(self, name: str, call: Callable[..., Any], half: Callable[..., Callable[[], Any]] | None = None) -> Any:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            self.met(name, half(*arguments) if half else None)
            return call(*arguments, **named)

        return wrapper

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **named: Any) -> Any:
        """As `open`, with counted writes; files are written whole or in blocks, never byte by byte."""
        if not set(mode) & set("wax+"):
            return OPEN(file, mode, buffering, *arguments, **named)
        raw = WatchedFile(file, mode.replace("b", "").replace("t", ""), self)
        opened = raw if buffering == 0 else io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return opened if "b" in mode else io.TextIOWrapper(opened, *arguments, **named)  # type: ignore[type-var]


OPEN, WRITE, SENDFILE = io.open, os.write, os.sendfile


def _half_sent(target: int, source: int, offset: int, count: int) -> Callable[[], Any]:
    return lambda: SENDFILE(target, source, offset, min(count, os.fstat(source).st_size - offset) // 2)


class WatchedFile(io.FileIO):
    """A file whose writes are counted by a killer."""

    def __init__(self, file: Any, mode: str, killer: Killer) -> None:
        super().__init__(file, mode)
        self._killer = killer

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._killer.met(f"write {self.name!s}", lambda: WRITE(self.fileno(), view[: len(view) // 2]))
        return super().write(data)


def main(name: str, folder: Path) -> None:
    """Run the program once to its end to count its calls, then once per point."""
    from tests.store.crash_programs import PROGRAMS

    program = PROGRAMS[name]
    calls = json.loads(_forked(program, folder / "counted", None, half=False)[1])
    for n, call in enumerate([*calls, "the end"]):
        for half in (False, True) if call.startswith("write ") else (False,):
            store = folder / f"{n}{'-half' if half else ''}"
            status, told = _forked(program, store, n, half)
            if status != -signal.SIGKILL:
                raise SystemExit(f"{name}: was not killed at call {n}, {call}: status {status}, {told}")
            print(json.dumps({"n": n, "call": call.replace(str(folder / "counted"), "."), "half": half, "store": str(store)}))


def _forked(program: Any, store: Path, at: int | None, half: bool) -> tuple[int, str]:
    """Run a program in a forked child; return its exit status (negative for a signal), and its calls if it finished."""
    program.prepare(store)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        killer = Killer(at, half)
        killer.watch()
        program.run(store)
        if at is None:
            WRITE(writing, json.dumps(killer.calls).encode())
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with OPEN(reading, "rb") as pipe:
        told = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
