"""Hashing every object of a store on all cores."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from sirev.inputs import what_it_is
from sirev.processes.spawning import cores
from sirev.store.digests import is_digest
from sirev.store.untrusted_files import META_BYTES, open_regular, read_regular
from sirev.store.upkeep.verify_report import VerifyRemark

CHUNK_FILES = 256
CHUNK_BYTES = 32 << 20
"""Size of the chunks given to a thread, in files or bytes: most objects are too small for a task each."""
WHOLE_READ = 1 << 20
"""Objects up to this size in bytes are read in one piece."""


@dataclass(frozen=True)
class Fault:
    """A fault of an object; `barred`: this user may not read it, so it may be undamaged."""

    what: str
    barred: bool = False


@dataclass
class Hashed:
    """All objects: sizes in bytes of `whole` ones, `faults` of the others, both by digest, and the `raw` bytes of wanted ones."""

    whole: dict[str, int] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    strangers: list[VerifyRemark] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)


def hash_objects(folder: Path, wanted: Collection[str], on_progress: Callable[[int, int], None]) -> Hashed:
    """Hash all objects below `folder`; keep the bytes of those `wanted`, unless they are too large for a manifest.

    `on_progress` receives bytes done and bytes in total.
    """
    found = Hashed()
    files = sorted(_listed(folder, found), key=lambda file: -file[1])  # large ones first, to keep all cores busy to the end
    total, done = sum(size for _, size in files), 0
    on_progress(0, total)
    pool = ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="sirev-verify")
    try:
        futures = [pool.submit(_hash_chunk, str(folder), chunk, wanted) for chunk in _chunks(files)]
        for future in as_completed(futures):
            whole, faults, raw, size = future.result()
            found.whole.update(whole)
            found.faults.update(faults)
            found.raw.update(raw)
            done += size
            on_progress(done, total)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # on Ctrl-C, queued chunks are dropped
    return found


def object_fault(path: Path | str, digest: str) -> Fault | None:
    """The fault of one object; None if it is undamaged."""
    try:
        _hash(str(path), digest, keep=False)
    except _Bad as bad:
        return bad.fault
    return None


def _listed(folder: Path, found: Hashed) -> Iterator[tuple[str, int]]:
    """Digest and size in bytes of every entry named like an object; other entries are added to the strangers of `found`."""
    for group in scan(folder):
        if not (is_digest(group.name, 2) and group.is_dir(follow_symlinks=False)):
            found.strangers.append(VerifyRemark(f"objects/{group.name}", "is not an object"))
            continue
        for entry in scan(Path(group.path)):
            digest = group.name + entry.name
            if not is_digest(digest):
                found.strangers.append(VerifyRemark(f"objects/{group.name}/{entry.name}", "is not an object"))
                continue
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile by another process
                yield digest, entry.stat(follow_symlinks=False).st_size


def scan(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted by name; none if it does not exist."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _chunks(files: list[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    chunk: list[tuple[str, int]] = []
    held = 0
    for file in files:
        chunk.append(file)
        held += file[1]
        if len(chunk) >= CHUNK_FILES or held >= CHUNK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _hash_chunk(
    folder: str, chunk: list[tuple[str, int]], wanted: Collection[str]
) -> tuple[dict[str, int], dict[str, Fault], dict[str, bytes], int]:
    whole: dict[str, int] = {}
    faults: dict[str, Fault] = {}
    raw: dict[str, bytes] = {}
    for digest, listed in chunk:
        try:
            keep = digest in wanted and listed <= META_BYTES
            size, data = _hash(f"{folder}/{digest[:2]}/{digest[2:]}", digest, keep=keep)
        except _Bad as bad:
            if bad.fault is not None:
                faults[digest] = bad.fault
            continue
        whole[digest] = size
        if data is not None:
            raw[digest] = data
    return whole, faults, raw, sum(size for _, size in chunk)


class _Bad(Exception):
    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault


def _hash(path: str, digest: str, *, keep: bool) -> tuple[int, bytes | None]:
    """Size in bytes, and the bytes if `keep`; raises _Bad, without a fault if the object does not exist."""
    try:
        if keep:
            data = read_regular(path)
            size, found = len(data), hashlib.sha256(data).hexdigest()
        else:
            data = None
            size, found = _size_and_sum(path)
    except FileNotFoundError:
        raise _Bad(None) from None
    except OSError as error:
        raise _Bad(_unreadable(path, error)) from None
    if found != digest:
        raise _Bad(Fault(f"its contents ({size:,} bytes) don't match its SHA-256"))
    return size, data


def _size_and_sum(path: str) -> tuple[int, str]:
    fd = open_regular(path)
    try:
        status = os.fstat(fd)
        if status.st_size <= WHOLE_READ:
            data = os.read(fd, status.st_size + 1)
            if len(data) == status.st_size:
                return len(data), hashlib.sha256(data).hexdigest()
            os.lseek(fd, 0, os.SEEK_SET)  # it grows, or a read was cut short
        with open(fd, "rb", buffering=0, closefd=False) as file:
            return status.st_size, hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(fd)


def _unreadable(path: str, error: OSError) -> Fault:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Fault(f"can't be read: {error.strerror}", barred=True)
    with contextlib.suppress(OSError):
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            return Fault(f"is {what_it_is(mode)} in the place of an object")
    return Fault(f"can't be read: {error.strerror or error}")
