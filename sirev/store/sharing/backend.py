"""The interface of a shared store's backend: a folder, an object store or the Hub, and their failures.

Paths are relative to the shared store's root, with slashes. Whoever implements this raises nothing but the errors below.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from sirev.errors import BadInput, SirevError
from sirev.store.digests import sha256, sha256_file
from sirev.store.objects import MEND, DamagedObject

T = TypeVar("T")

PAUSES = (0.3, 1.5)
"""Seconds before the second and the third attempt at what may be a passing fault."""

PATIENCE = 3
"""Failures in a row after which a running command leaves the other side alone: each costs as long as a network takes to fail."""

JOBS = 8
"""Files that a running command moves at once."""

IN_MEMORY = 8 << 20
"""Files of up to so many bytes are sent from memory, so that what is sent is what was hashed."""


class RemoteFailed(SirevError):
    """The other side, or the way to it, failed; the same command later may do."""


class Flaky(RemoteFailed):
    """It failed in a way that may be over in a second."""


class Missing(RemoteFailed):
    """There is no file of this name."""


class Refused(BadInput):
    """The other side said no, and will again: credentials, rights, no such place."""


@dataclass(frozen=True)
class Upload:
    """A file to be. `source` is its bytes, or a local file; `digest`, where given, is what they must hash to.

    An `exclusive` one is never written over what is there; another is, which only makes sense for the same bytes.
    """

    path: str
    source: bytes | Path
    size: int
    digest: str | None = None
    exclusive: bool = False

    def checked(self) -> bytes | Path:
        """The bytes, or the file if they are many, once they are known to be right; else DamagedObject."""
        try:
            source = self.source.read_bytes() if isinstance(self.source, Path) and self.size <= IN_MEMORY else self.source
            sound = self.digest is None or self.digest == (sha256(source) if isinstance(source, bytes) else sha256_file(source))
        except OSError:
            sound = False
        if not sound:
            raise DamagedObject(
                f"object {(self.digest or self.path)[:12]} of this store is damaged or gone, so it is not sent; {MEND}"
            )
        return source


class TransferProgress:
    """Told how far it is, from several threads at once, and ignores it: inherit it and define what is to be heard."""

    def begin(self, what: str, files: int, size: int) -> None:
        """So many files and bytes are to move now."""

    def advance(self, files: int, size: int) -> None:
        """So many more have moved; less than none where an attempt is begun again."""


class Backend(Protocol):
    """A place for files."""

    write_seconds: float
    """How far apart writes should begin, for whoever writes again and again."""

    shows_card: bool
    """Whether visitors are shown a README.md."""

    def answer(self) -> None:
        """Ask the least that tells whether anybody answers; Missing, too, is an answer."""

    def occupied(self) -> bool:
        """Whether there is anything at all. Refused if there can't be: no such bucket, say."""

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        """Path and bytes of every file below these folders."""

    def read(self, path: str, limit: int) -> bytes:
        """A small file whole; Missing if there is none, RemoteFailed if it has more bytes than `limit`."""

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        """Copy a file to a local one; RemoteFailed, early, if it has more than `size` bytes. Says how many have come."""

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        """Write files, each whole or not at all, one group after the other; returns the exclusive ones that were there."""

    def remove(self, path: str) -> None:
        """Delete a file; only ever one that tried out whether files can be written."""


def at_once(action: Callable[[T], None], items: Iterable[T], jobs: int) -> None:
    """Call `action` on each item in `jobs` threads. The first error stops the rest and is raised."""
    stop = threading.Event()

    def guarded(item: T) -> None:
        if not stop.is_set():
            action(item)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            futures = [pool.submit(guarded, item) for item in items]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    for future in futures:
        if not future.cancelled() and (error := future.exception()):
            raise error


def patiently(action: Callable[[], T]) -> T:
    """Call `action`, again after a pause if it fails in a way that may pass."""
    for pause in PAUSES:
        try:
            return action()
        except Flaky:
            time.sleep(pause)
    return action()


def too_many(path: str, limit: int) -> RemoteFailed:
    """The error for a file that has more bytes than it should."""
    return RemoteFailed(f"{path} in the shared store has more than the {limit:,} bytes it should have")
