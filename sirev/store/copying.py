"""Files written, hashed and brought to the disk at once, because each of the three takes as long as the others.

Nothing here knows the store: what it makes is a scratch file, and its digest.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from sirev.store.digests import sha256_file

BEHIND_FROM = 128 << 20
"""Bytes from which hashing in a thread of its own is quicker, also where the other cores are busy."""
_PIECE = 16 << 20
SYNC_EVERY = 256 << 20
BUFFER = 1 << 20


def copy_file(read: BinaryIO, target: Path, durable: bool = True) -> tuple[str, int]:
    """Copy an opened file to `target`, a file of ours; sha256 and size of the copy.

    A large one is on the disk when this returns, if it is to be `durable`; for a small one that is left to the caller.
    Hashed is what was written, whatever happens to the source meanwhile. A file system that can share blocks
    (btrfs, XFS) does. Never a hard link: whoever owns the source could write through it.
    """
    told: SimpleQueue[int | None] = SimpleQueue()
    digest: list[str | OSError] = []
    hashing = threading.Thread(target=lambda: digest.append(_hash_behind(target, told)))
    with target.open("wb", buffering=0) as write:
        large = os.fstat(read.fileno()).st_size >= BEHIND_FROM
        if large:
            hashing.start()
        size = unsynced = 0
        try:
            while count := _copy_piece(read.fileno(), write.fileno()):
                size, unsynced = size + count, unsynced + count
                told.put(size)
                if durable and unsynced >= SYNC_EVERY:  # written back while the rest is hashed
                    os.fsync(write.fileno())
                    unsynced = 0
            if large and durable:
                os.fsync(write.fileno())
        finally:
            told.put(None)
            if large:
                hashing.join()
    if not large:
        return sha256_file(target), size
    if isinstance(digest[0], OSError):
        raise digest[0]
    return digest[0], size


def _copy_piece(read: int, write: int) -> int:
    """Copy on from where both files stand; the number of bytes, 0 at the end."""
    try:
        return os.copy_file_range(read, write, _PIECE)
    except (AttributeError, OSError):  # another system, or two file systems: what is really wrong shows below
        rest = memoryview(os.read(read, BUFFER))
        count = len(rest)
        while rest:
            rest = rest[os.write(write, rest) :]
        return count


def _hash_behind(path: Path, told: SimpleQueue[int | None]) -> str | OSError:
    """Hash a file while it is written, up to where it is said to have got; hashlib lets the other thread run."""
    digest, view = hashlib.sha256(), memoryview(bytearray(BUFFER))
    hashed = 0
    try:
        with path.open("rb", buffering=0) as file:
            while (written := told.get()) is not None:
                while hashed < written:
                    count = file.readinto(view[: min(BUFFER, written - hashed)])
                    if not count:
                        return OSError(f"{path} was cut short while it was written")
                    digest.update(view[:count])
                    hashed += count
    except OSError as error:
        return error
    return digest.hexdigest()
