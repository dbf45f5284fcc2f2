"""A shared store in a folder, on this machine or mounted by several."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from sirev.store.objects import Objects
from sirev.store.shared import make_folder, make_private, place_new, remove_file
from sirev.store.sharing.backend import Missing, Refused, RemoteFailed, TransferProgress, Upload, at_once, too_many
from sirev.store.untrusted_files import open_regular, read_regular

_PIECE = 4 << 20


class Folder:
    """The files below `root`. Links, pipes and devices in it are never opened."""

    write_seconds = 0.0
    shows_card = False

    def __init__(self, root: Path) -> None:
        self.root = root

    def answer(self) -> None:
        self.occupied()

    def occupied(self) -> bool:
        with self._errors(""):
            return self.root.exists() and any(entry.name != "tmp" for entry in os.scandir(self.root))

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for folder in folders:
            for base, _, names in os.walk(self.root / folder):
                for name in names:
                    path = os.path.join(base, name)
                    with contextlib.suppress(OSError):
                        found[os.path.relpath(path, self.root)] = os.lstat(path).st_size if not os.path.islink(path) else -1
        return found

    def read(self, path: str, limit: int) -> bytes:
        with self._errors(path):
            try:
                return read_regular(self.root / path, limit)
            except OSError as error:
                if error.errno == errno.EFBIG:
                    raise too_many(path, limit) from None
                raise

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        with self._errors(path), _plain(self.root / path) as source, target.open("wb") as file:
            left = size
            while piece := source.read(min(_PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise too_many(path, size)
                file.write(piece)
                moved(len(piece))

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        there: set[str] = set()

        def put(upload: Upload) -> None:
            if not self._put(upload):
                there.add(upload.path)
            progress.advance(1, upload.size)

        Objects(self.root).sweep_temporary()
        try:
            for group in groups:
                at_once(put, group, jobs)
        finally:
            with contextlib.suppress(OSError):  # others may be writing
                (self.root / "tmp").rmdir()
        return there

    def remove(self, path: str) -> None:
        with self._errors(path):
            remove_file(self.root, self.root / path)
            with contextlib.suppress(OSError):  # others may be writing
                (self.root / path).parent.rmdir()

    def _put(self, upload: Upload) -> bool:
        target, scratch = self.root / upload.path, self.root / "tmp" / f"{os.getpid()}-{secrets.token_hex(8)}"
        source = upload.checked()
        with self._errors(upload.path):
            make_folder(self.root, target.parent)
            try:
                with _begun(self.root, scratch) as file:
                    if isinstance(source, bytes):
                        file.write(source)
                    else:
                        with source.open("rb") as local:
                            shutil.copyfileobj(local, file, _PIECE)
                    file.flush()
                    os.fsync(file.fileno())
                    os.fchmod(file.fileno(), 0o444)
                if not upload.exclusive:
                    os.replace(scratch, target)
                    return True
                return place_new(scratch, target)
            finally:
                scratch.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        where = self.root / path
        try:
            yield
        except FileNotFoundError:
            raise Missing(f"{where} is not there") from None
        except (NotADirectoryError, FileExistsError):
            raise Refused(f"{where} can't be used: {self.root} is not a folder, or a file is in its way") from None
        except PermissionError:
            raise Refused(f"{where} can't be used: this user may not; name your own folder") from None
        except OSError as error:
            raise RemoteFailed(f"{where} can't be used: {error.strerror or error}") from None


@contextlib.contextmanager
def _plain(path: Path) -> Iterator[FileIO]:
    with FileIO(open_regular(path)) as file:
        yield file


def _begun(root: Path, scratch: Path) -> BinaryIO:
    for last in (False, True):
        try:
            return open(make_private(root, scratch, os.O_WRONLY), "wb")
        except FileNotFoundError:  # another process deleted the empty folder in between
            if last:
                raise
    raise AssertionError
