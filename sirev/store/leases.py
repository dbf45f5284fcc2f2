"""Leases: temporary roots of running processes, for what no run's file names yet, so that a collection spares it.

As the temporary roots of Nix: the process appends digests to a file of its own, which it holds by a lock; a file whose
lock can be had belonged to a process that is gone. `Gate` keeps a collection and the moments in which something becomes
a root apart: those who publish or look up share it, whoever collects has it alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from sirev.errors import BadInput, SirevError
from sirev.store.shared import NotPlain, make_private, open_lock
from sirev.store.untrusted_files import open_regular

PATIENCE_SECONDS = 600.0
POLL_SECONDS = 0.05
_LOCK = "lock"
_NAME = re.compile(r"\d+-[0-9a-f]{16}")


class Gate:
    """The lock between those who use a store and the one who collects in it: `leases/lock`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "leases" / _LOCK

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Held while something is published, or looked up to be used; waits for a collection, which takes seconds."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Held while collecting; yields whether it is really held, which it is not on a file system without locks."""
        with self._held(fcntl.LOCK_EX) as held:
            yield held

    @contextlib.contextmanager
    def _held(self, how: int) -> Iterator[bool]:
        try:
            fd = open_lock(self._root, self._path)
        except NotPlain as error:
            raise BadInput(f"{self._path}: {error.strerror}") from None
        except OSError:  # a store that can't be written: nothing is published or collected in it either
            yield False
            return
        try:
            yield self._wait(fd, how)
        finally:
            os.close(fd)

    def _wait(self, fd: int, how: int) -> bool:
        patience = PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(fd, how | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if patience <= 0:
                    raise SirevError(
                        f"{self._path.parent.parent} has been held by another process (`sirev store gc`?) for "
                        f"{PATIENCE_SECONDS / 60:.0f} minutes; end that one, or wait for it, and run this again"
                    ) from None
            except OSError:
                return False
            time.sleep(POLL_SECONDS)
            patience -= POLL_SECONDS


class Lease:
    """The file of one process: `leases/PID-RANDOM`, a digest or a run's id a line; made when there is something to hold."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "leases" / f"{os.getpid()}-{secrets.token_hex(8)}"
        self._fd: int | None = None
        self._named: set[str] = set()
        self._noted: set[str] = set()
        self._lock = threading.Lock()

    @property
    def begun(self) -> bool:
        """Whether there is a file yet."""
        return self._fd is not None

    def note(self, names: Iterable[str]) -> None:
        """What is to be held from the first `hold` on: a process that computes nothing need not write anything."""
        with self._lock:
            self._noted.update(names)

    def hold(self, names: Iterable[str]) -> None:
        """Name what must stay. Call it while the gate is shared."""
        with self._lock:
            new = [name for name in (*self._noted, *names) if name not in self._named]
            self._noted.clear()
            if not new:
                return
            if self._fd is None:
                try:
                    fd = make_private(self._root, self._path, os.O_WRONLY | os.O_APPEND)
                except OSError as error:
                    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):  # who may only read can ask nobody to wait
                        return
                    raise BadInput(
                        f"the store {self._root} can't be written: {error.strerror}; name another with --store DIR"
                    ) from None
                with contextlib.suppress(OSError):  # without locks a collection spares what is young
                    fcntl.flock(fd, fcntl.LOCK_EX)
                self._fd = fd
            self._write("".join(f"{name}\n" for name in new).encode())
            self._named.update(new)

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        try:
            while data:  # of what does not fit on a disk, the system writes what does
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            error.filename = str(self._path)
            raise

    def end(self) -> None:
        """Give everything back."""
        with self._lock:
            if self._fd is not None:
                self._path.unlink(missing_ok=True)
                os.close(self._fd)
                self._fd = None
            self._named.clear()


def leased(root: Path) -> set[str]:
    """All that living processes hold, of whatever user. BadInput if what one holds can't be read: nothing may be deleted then."""
    found: set[str] = set()
    for _, held in _leases(root):
        found.update(held.decode(errors="replace").split("\n") if held else ())
    return found - {""}


def living(root: Path) -> set[str] | None:
    """What living processes hold, for showing; None where that can't be told, for want of locks or of the right to look."""
    found: set[str] = set()
    try:
        for _, held in _leases(root):
            if held == b"":  # not written yet, or there are no locks
                return None
            found.update(held.decode(errors="replace").split("\n") if held else ())
    except BadInput:
        return None
    return found - {""}


def sweep_leases(root: Path) -> None:
    """Delete the leases of processes that are gone."""
    for path, held in _leases(root):
        if held is None:
            path.unlink(missing_ok=True)


def _leases(root: Path) -> Iterator[tuple[Path, bytes | None]]:
    """Each lease with what it holds; None if its process is gone, and nothing where there are no locks to tell by."""
    folder = root / "leases"
    if folder.is_symlink():
        return
    for path in sorted(path for path in folder.glob("*-*") if _NAME.fullmatch(path.name)):
        try:
            fd = open_regular(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadInput(
                f"{path} can't be read: {error.strerror}; its owner must end that process, or collect the garbage"
            ) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path, None
        except OSError as error:
            # Another error than that somebody holds it: no locks here, and the collector goes by age.
            yield path, os.pread(fd, 1 << 28, 0) if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else b""
        finally:
            os.close(fd)
