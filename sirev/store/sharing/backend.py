"""The interface of a shared store's backend: a folder, an object store or the Hub, and their failures.

Paths are relative to the shared store's root, with slashes. Implementations raise only the errors below.
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
"""Seconds before the second and the third attempt after a fault that may be temporary."""

PATIENCE = 3
"""Failures in a row after which a running command stops using the shared store: each may cost a network timeout."""

JOBS = 8
"""Number of files that a running command transfers at the same time."""

IN_MEMORY = 8 << 20
"""Largest size in bytes of files that are sent from memory, so that the bytes sent are those hashed."""


class RemoteFailed(SirevError):
    """The shared store or the connection to it failed; the same command may succeed later."""


class Flaky(RemoteFailed):
    """A failure that may be over in a second."""


class Missing(RemoteFailed):
    """The file does not exist."""


class Refused(BadInput):
    """A refusal that will persist: credentials, permissions, no such place."""


@dataclass(frozen=True)
class Upload:
    """A file to upload. `source` is its bytes or a local file; `digest`, where given, is their expected sha256.

    An `exclusive` upload never replaces an existing file. Others do, which only makes sense for equal bytes.
    """

    path: str
    source: bytes | Path
    size: int
    digest: str | None = None
    exclusive: bool = False

    def checked(self) -> bytes | Path:
        """The bytes, or the path of a large file, after a check of their sha256; DamagedObject if it differs."""
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
    """Progress of a transfer, called from several threads at once. This class ignores it; subclasses override methods."""

    def begin(self, what: str, files: int, size: int) -> None:
        """A transfer of so many files and bytes begins; `what` describes it."""

    def advance(self, files: int, size: int) -> None:
        """So many more files and bytes have moved; negative where an attempt starts again."""


class Backend(Protocol):
    """A place for the files of a shared store."""

    write_seconds: float
    """Seconds between the starts of repeated writes."""

    shows_card: bool
    """Whether the place shows a README.md to visitors."""

    def answer(self) -> None:
        """Make the cheapest request that shows whether the place answers. Missing is an answer too."""

    def occupied(self) -> bool:
        """Whether there is any file. Refused if the place does not exist, such as a missing bucket."""

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        """Path -> size in bytes of every file below these folders."""

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a small file; Missing if there is none, RemoteFailed if it has more than `limit` bytes."""

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        """Copy a file to a local one; RemoteFailed, early, if it has more than `size` bytes. `moved` gets each piece's size."""

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        """Write files, each atomically, one group after the other; returns the paths of exclusive files that existed."""

    def remove(self, path: str) -> None:
        """Delete a file; used only for the file that tests whether the place can be written."""


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
    """Call `action`; retry after a pause on `Flaky`. Returns its result."""
    for pause in PAUSES:
        try:
            return action()
        except Flaky:
            time.sleep(pause)
    return action()


def too_many(path: str, limit: int) -> RemoteFailed:
    """The error for a file with more bytes than expected."""
    return RemoteFailed(f"{path} in the shared store has more than the {limit:,} bytes it should have")
