"""Copying, hashing and syncing of a file at the same time, because each takes about as long as the others.

Independent of the store: the result is a scratch file and its digest.
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
"""Size in bytes from which hashing in a separate thread is faster, even if the other cores are busy."""
_PIECE = 16 << 20
SYNC_EVERY = 256 << 20
BUFFER = 1 << 20


def copy_file(read: BinaryIO, target: Path, durable: bool = True) -> tuple[str, int]:
    """Copy an open file to the scratch file `target`; returns (sha256, size in bytes) of the copy.

    A large file is synced before this returns if `durable`; syncing a small one is left to the caller. The hash is of the
    bytes written, even if the source changes meanwhile. File systems that can share blocks (btrfs, XFS) do so. Never a
    hard link: the owner of the source could write through it.
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
                if durable and unsynced >= SYNC_EVERY:  # synced while the rest is hashed
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
    """Copy the next piece; returns the number of bytes, 0 at the end."""
    try:
        return os.copy_file_range(read, write, _PIECE)
    except (AttributeError, OSError):  # another system, or two file systems: a real error is raised again below
        rest = memoryview(os.read(read, BUFFER))
        count = len(rest)
        while rest:
            rest = rest[os.write(write, rest) :]
        return count


def _hash_behind(path: Path, told: SimpleQueue[int | None]) -> str | OSError:
    """Hash a file while it is written, up to the sizes in the queue, None at the end. hashlib releases the GIL."""
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
