"""Objects: immutable files named by the sha256 of their bytes.

An object that exists is complete: it was written elsewhere on the same file system, synced and renamed.
Every read is checked first, by hash or by an unchanged (size, mtime, inode) since the last hash.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sirev.errors import BadInput, SirevError
from sirev.store.copying import copy_file
from sirev.store.digests import sha256, sha256_file
from sirev.store.shared import make_folder, make_private, remove_file
from sirev.store.untrusted_files import is_regular, open_regular, read_regular

STAMPED_FROM = 1 << 20
"""Size in bytes from which the check of an object leaves a stamp; hashing a smaller one costs less than the stamp."""

ABANDONED_SECONDS = 24 * 3600
_TEMPORARY = re.compile(r"\.?\d+-[0-9A-Za-z_]+")
"""Names that sirev gives in tmp/, of files and (with a dot) of folders."""


MEND = "mend the store with: sirev store verify --repair"
"""The remedy at the end of every message about damage."""


class DamagedObject(SirevError):
    """An object is missing, or its bytes do not match its digest."""


@dataclass(frozen=True)
class ObjectScratch:
    """A file being written, opened once: others may write to its folder and replace `path` with a link."""

    path: Path
    fd: int

    @property
    def opened(self) -> Path:
        """A path that opens the same file again even if `path` was replaced; `path` itself where there is no /proc."""
        return own if (own := Path(f"/proc/self/fd/{self.fd}")).exists() else self.path

    def fill(self, data: bytes) -> None:
        """Append bytes."""
        rest = memoryview(data)
        while rest:  # on a full disk, `os.write` writes what fits
            rest = rest[os.write(self.fd, rest) :]


class Objects:
    """The objects below `root`/objects, whatever their content."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = f"{root}/objects"
        self._checked: dict[str, tuple[int, int, int]] = {}

    def path(self, digest: str) -> Path:
        """Path of the object, whether it exists or not; nothing is checked."""
        return Path(f"{self._folder}/{digest[:2]}/{digest[2:]}")

    def present(self, digest: str, size: int) -> bool:
        """Whether an object of this digest and size exists; its bytes are not read."""
        try:
            found = os.lstat(f"{self._folder}/{digest[:2]}/{digest[2:]}")
        except OSError as error:
            refuse_barred(self.path(digest), error)
            return False
        return found.st_size == size and stat.S_ISREG(found.st_mode)

    def keep(self, digest: str, size: int) -> bool:
        """Like `present`; also touches the object, so that a collection spares it."""
        if not self.present(digest, size):
            return False
        with contextlib.suppress(OSError):  # another user's object
            os.utime(self.path(digest), follow_symlinks=False)
        return True

    def size(self, digest: str) -> int:
        """Size of an object in bytes; 0 if it does not exist."""
        try:
            return os.lstat(f"{self._folder}/{digest[:2]}/{digest[2:]}").st_size
        except OSError:
            return 0

    def add(self, source: bytes | Path) -> tuple[str, int]:
        """Store bytes or a copy of a file; returns (digest, size in bytes).

        An existing object is replaced by the same bytes, which mends a damaged one, unless `source` is bytes and the object
        equals them.
        """
        if isinstance(source, bytes) and self._holds(digest := sha256(source), source):
            return digest, len(source)  # comparing takes a twentieth of the time of writing
        with self.temporary() as scratch:
            if isinstance(source, bytes):
                digest, size = sha256(source), len(source)
                scratch.fill(source)
            else:
                with source.open("rb", buffering=0) as read:
                    digest, size = copy_file(read, scratch.opened)
            self.publish(scratch.path, self.path(digest))
        return digest, size

    def _holds(self, digest: str, data: bytes) -> bool:
        path = f"{self._folder}/{digest[:2]}/{digest[2:]}"
        try:
            if read_regular(path, len(data)) != data:
                return False
            os.utime(path, follow_symlinks=False)  # where there are no locks, a collection goes by age
        except OSError:
            return False
        return True

    def adopt(self, scratch: Path, digest: str) -> int:
        """Publish a temporary file from another store as the object `digest`; returns its size in bytes.

        Raises DamagedObject if its bytes do not have this digest. An undamaged object that already exists stays.
        """
        if sha256_file(scratch) != digest:
            raise DamagedObject(f"the bytes of object {digest[:12]} don't match its digest")
        size = scratch.stat().st_size
        target = self.path(digest)
        if not (self.present(digest, size) and sha256_file(target) == digest):
            self.publish(scratch, target)
        return size

    @contextlib.contextmanager
    def temporary(self) -> Iterator[ObjectScratch]:
        """A new file in the store's tmp/, deleted at exit unless it was published."""
        path = self.root / "tmp" / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            fd = make_private(self.root, path, os.O_RDWR)
        except OSError as error:
            raise BadInput(f"the store {self.root} can't be written: {error.strerror}; name another with --store DIR") from None
        try:
            with contextlib.suppress(OSError):  # locked, so that no sweep deletes it, whatever the clocks say
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield ObjectScratch(path, fd)
        except OSError as error:
            if error.filename is None:  # an error on a descriptor, such as a full disk, does not name the disk
                error.filename = str(self.root)
            raise
        finally:
            path.unlink(missing_ok=True)
            os.close(fd)

    def sweep_temporary(self) -> None:
        """Delete what killed writers left in tmp/: entries older than a day that no process has locked."""
        folder = self.root / "tmp"
        if folder.is_symlink():  # in a store from elsewhere it may lead anywhere
            return
        for path in (path for path in folder.glob("*") if _TEMPORARY.fullmatch(path.name)):
            with contextlib.suppress(OSError):
                status = os.lstat(path)
                if time.time() - status.st_mtime > ABANDONED_SECONDS and not _held(path):
                    shutil.rmtree(path) if stat.S_ISDIR(status.st_mode) else path.unlink()

    def publish(self, scratch: Path, target: Path) -> None:
        """Sync a finished temporary file and rename it to its final name, read-only.

        The folder is not synced: after a power failure an entry may be missing, which reads as "not computed".
        """
        fd = open_regular(scratch)
        try:
            os.fsync(fd)
            os.fchmod(fd, 0o444)
        finally:
            os.close(fd)
        for last in (False, True):
            make_folder(self.root, target.parent)
            try:
                os.replace(scratch, target)
                return
            except FileNotFoundError:  # a collection deleted the empty folder in between
                if last:
                    raise

    def write(self, data: bytes, target: Path) -> None:
        """Publish bytes at `target`, a path that is not their digest; an existing file is replaced."""
        with self.temporary() as scratch:
            scratch.fill(data)
            self.publish(scratch.path, target)

    def write_once(self, data: bytes, target: Path) -> bool:
        """Like `write`, unless `target` exists; returns whether it was written."""
        if is_regular(target):
            return False
        self.write(data, target)
        return True

    def checked(self, digest: str) -> Path:
        """Path of an object whose bytes were checked; DamagedObject if it is missing or damaged, BadInput if unreadable.

        A damaged object is deleted.
        """
        path = self.path(digest)
        try:
            status = os.lstat(path)
        except OSError as error:
            refuse_barred(path, error)
            raise DamagedObject(f"object {digest[:12]} is missing from {self.root}; {MEND}") from error
        if not stat.S_ISREG(status.st_mode):
            self._set_aside(path, digest)
        identity = (status.st_size, status.st_mtime_ns, status.st_ino)
        if self._checked.get(digest) == identity:
            return path
        stamp = self.root / "checked" / digest[:2] / digest[2:]
        large = status.st_size >= STAMPED_FROM
        if not (large and _read_stamp(stamp) == identity):
            try:
                found = sha256_file(path)
            except OSError as error:
                raise BadInput(f"{path} can't be read: {error.strerror}") from None
            if found != digest:
                self._set_aside(path, digest)
            if large:
                self._write_stamp(stamp, identity)
        self._checked[digest] = identity
        return path

    def _write_stamp(self, path: Path, identity: tuple[int, int, int]) -> None:
        # A stamp only saves time: a read-only store does without.
        with contextlib.suppress(OSError, BadInput):
            self.write(" ".join(map(str, identity)).encode(), path)

    def _set_aside(self, path: Path, digest: str) -> None:
        try:
            remove_file(self.root, path)
        except (OSError, BadInput) as error:
            raise DamagedObject(f"object {digest[:12]} in {self.root} is damaged and can't be removed: {error}") from None
        raise DamagedObject(
            f"object {digest[:12]} in {self.root} was damaged and has been removed; "
            "run the same command again to recompute what it belonged to"
        )


def refuse_barred(path: Path, error: OSError) -> None:
    """Raise BadInput if the error is not a missing file but no permission or a size limit: computing again would not help."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EFBIG):
        raise BadInput(f"{path} can't be read: {error.strerror}") from None


def _held(path: Path) -> bool:
    """Whether a process has a temporary file locked; False where there are no locks."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    else:
        return False
    finally:
        os.close(fd)


def _read_stamp(path: Path) -> tuple[int, ...] | None:
    try:
        return tuple(map(int, read_regular(path).split()))
    except (OSError, ValueError):
        return None
