"""Small disks in memory, for tests of full and read-only disks.

A test runs `within` its own mount namespace, as root or as root of a user namespace, so that nothing stays mounted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PAGE = 4096
REPOSITORY = Path(__file__).parents[2]


@cache
def namespace() -> list[str] | None:
    """A command that runs another one where it may mount disks; None if that is not permitted."""
    for command in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as folder:
            if subprocess.run([*command, "mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode == 0:
                return command
    return None


def within(program: str, *arguments: object, timeout: float = 300) -> str:
    """Run a program of `tests.store.disk_programs` where it may mount disks; return its output. Skips if it may not."""
    command = namespace()
    if command is None:
        pytest.skip("needs `unshare` and leave to mount a tmpfs: root, or a user namespace of one's own")
    call = [*command, sys.executable, "-m", "tests.store.disk_programs", program, *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=timeout, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Disk:
    """A tmpfs of `pages` (4 KiB each) and `inodes`, mounted at `folder`, whose free pages and inodes can be set exactly."""

    def __init__(self, folder: Path, pages: int, inodes: int) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        options = f"size={pages * PAGE},nr_inodes={inodes}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
        self._filler = folder / "filler"
        self._filler.mkdir()

    def clear(self) -> None:
        """Delete everything."""
        self.free()
        for entry in self.folder.iterdir():
            if entry != self._filler:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def free(self) -> None:
        """Free what `leave` has taken."""
        for entry in self._filler.iterdir():
            entry.unlink()

    def leave(self, pages: int | None = None, inodes: int | None = None) -> None:
        """Take all but so many pages and inodes; None takes none."""
        self.free()
        if pages is not None:
            left = os.statvfs(self.folder)
            with (self._filler / "pages").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max((left.f_bavail - pages) * PAGE, 1))
        if inodes is not None:
            for n in range(os.statvfs(self.folder).f_favail - inodes):
                (self._filler / str(n)).touch()

    def read_only(self) -> None:
        """Make it read-only, even for root."""
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)


@contextlib.contextmanager
def no_space_left() -> Iterator[list[Exception]]:
    """A context that catches the error of a full disk into the yielded list; other errors propagate."""
    from sirev.errors import SirevError

    met: list[Exception] = []
    try:
        yield met
    except (OSError, SirevError) as error:
        if getattr(error, "errno", None) != errno.ENOSPC and "No space left on device" not in str(error):
            raise
        met.append(error)
