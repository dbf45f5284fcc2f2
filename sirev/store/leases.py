"""Leases: temporary roots of running processes, which protect results that no run pins yet from garbage collection.

Like the temporary roots of Nix: a process appends digests to a file of its own and holds a lock on it. A file whose lock
is free belonged to a process that is gone. `Gate` separates a collection from the moments in which something becomes a
root: publishing and lookups share it, a collection holds it exclusively.
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
    """The lock between users of a store and a garbage collection: `leases/lock`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "leases" / _LOCK

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the gate while publishing, or looking up something to use; waits for a collection, which takes seconds."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Hold the gate while collecting; yields whether it is really held, which is False on a file system without locks."""
        with self._held(fcntl.LOCK_EX) as held:
            yield held

    @contextlib.contextmanager
    def _held(self, how: int) -> Iterator[bool]:
        try:
            fd = open_lock(self._root, self._path)
        except NotPlain as error:
            raise BadInput(f"{self._path}: {error.strerror}") from None
        except OSError:  # a read-only store: nothing is published or collected in it either
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
    """The file of one process, `leases/PID-RANDOM`: one digest or run id per line. It is made at the first `hold`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "leases" / f"{os.getpid()}-{secrets.token_hex(8)}"
        self._fd: int | None = None
        self._named: set[str] = set()
        self._noted: set[str] = set()
        self._lock = threading.Lock()

    @property
    def begun(self) -> bool:
        """Whether the file exists."""
        return self._fd is not None

    def note(self, names: Iterable[str]) -> None:
        """Remember names to hold from the first `hold` on, so that a process that computes nothing writes nothing."""
        with self._lock:
            self._noted.update(names)

    def hold(self, names: Iterable[str]) -> None:
        """Write the names (digests, run ids) that a collection must keep. Call this while the gate is shared."""
        with self._lock:
            new = [name for name in (*self._noted, *names) if name not in self._named]
            self._noted.clear()
            if not new:
                return
            if self._fd is None:
                try:
                    fd = make_private(self._root, self._path, os.O_WRONLY | os.O_APPEND)
                except OSError as error:
                    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):  # a read-only user can't hold a lease
                        return
                    raise BadInput(
                        f"the store {self._root} can't be written: {error.strerror}; name another with --store DIR"
                    ) from None
                with contextlib.suppress(OSError):  # without locks, a collection spares recent files
                    fcntl.flock(fd, fcntl.LOCK_EX)
                self._fd = fd
            self._write("".join(f"{name}\n" for name in new).encode())
            self._named.update(new)

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        try:
            while data:  # on a full disk, `os.write` writes what fits
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            error.filename = str(self._path)
            raise

    def end(self) -> None:
        """Release everything and delete the file."""
        with self._lock:
            if self._fd is not None:
                self._path.unlink(missing_ok=True)
                os.close(self._fd)
                self._fd = None
            self._named.clear()


def leased(root: Path) -> set[str]:
    """The names held by living processes of all users. BadInput if a lease can't be read: then nothing may be deleted."""
    found: set[str] = set()
    for _, held in _leases(root):
        found.update(held.decode(errors="replace").split("\n") if held else ())
    return found - {""}


def living(root: Path) -> set[str] | None:
    """The names held by living processes, for display; None if unknown: no locks, an unreadable lease, or an empty one."""
    found: set[str] = set()
    try:
        for _, held in _leases(root):
            if held == b"":  # not yet written, or no locks
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
    """Each lease with its bytes: None if its process is gone, empty where the file system has no locks."""
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
            # Any other error than a held lock: there are no locks here, and the collection goes by age.
            yield path, os.pread(fd, 1 << 28, 0) if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else b""
        finally:
            os.close(fd)
