"""A shared store in a data set on the Hugging Face Hub: hf://datasets/OWNER/NAME.

The Hub is a git repository, slow at many commits and quick at large ones. Files whose names are digests go first, many
to a commit; records and runs go last, in one commit that names its parent, so that it fails if somebody was quicker.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from sirev.errors import BadInput, SirevError
from sirev.store.sharing.backend import Flaky, Missing, Refused, RemoteFailed, TransferProgress, Upload, patiently, too_many

COMMIT_FILES = 1000
COMMIT_BYTES = 10 << 30
"""At most so many files, and about so many bytes, go into one commit."""

ASKED_AT_ONCE = 500
_TURNS = 8
"""How often the last commit is tried again after somebody else's."""

FURNITURE = {".gitattributes", ".gitignore", "README.md", "LICENSE"}
"""What a repository has that holds nothing."""

TOKEN = "log in with `hf auth login`, or set HF_TOKEN, to one who may"


class Hub:
    """The files of the data set `repository`, OWNER/NAME, on its main branch."""

    def __init__(self, repository: str) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars, logging

        if repository.count("/") != 1 or not all(repository.split("/")):
            raise BadInput(f"hf://datasets/{repository} names no data set: it is hf://datasets/OWNER/NAME")
        self.repository, self.url = repository, f"hf://datasets/{repository}"
        logging.set_verbosity_error()  # what goes wrong is said here, in a line
        disable_progress_bars()
        self._api: Any = HfApi()
        self._sizes: dict[str, int] | None = None
        self._lock = threading.Lock()

    def occupied(self) -> bool:
        return any(path not in FURNITURE for path in self._listed())

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        wanted = tuple(f"{folder.rstrip('/')}/" for folder in folders)
        return {path: size for path, size in self._listed().items() if path.startswith(wanted)}

    def read(self, path: str, limit: int) -> bytes:
        size = self._size(path)
        if size > limit:
            raise too_many(path, limit)
        with self._errors(path):
            from huggingface_hub import HfFileSystem

            data: bytes = HfFileSystem(skip_instance_cache=True).cat_file(f"datasets/{self.repository}/{path}")
        return data

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        if (listed := self._size(path)) > size:
            raise too_many(path, size)
        with self._errors(path):
            from huggingface_hub import HfFileSystem

            HfFileSystem(skip_instance_cache=True).get_file(f"datasets/{self.repository}/{path}", str(target))
        moved(listed)

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        self._sizes = None
        uploads = [upload for group in groups for upload in group]
        for batch in _batches([upload for upload in uploads if not upload.exclusive]):
            patiently(lambda batch=batch: self._commit(batch, jobs, None))  # type: ignore[misc]
            for upload in batch:
                progress.advance(1, upload.size)
        return self._last([upload for upload in uploads if upload.exclusive], jobs, progress)

    def _last(self, uploads: list[Upload], jobs: int, progress: TransferProgress) -> set[str]:
        there: set[str] = set()
        for _ in range(_TURNS):
            head = patiently(self._head)
            there = patiently(lambda head=head: self._among([upload.path for upload in uploads], head))  # type: ignore[misc]
            new = [upload for upload in uploads if upload.path not in there]
            if not new or patiently(lambda new=new, head=head: self._commit(new, jobs, head)):  # type: ignore[misc]
                for upload in uploads:
                    progress.advance(1, upload.size)
                return there
        raise RemoteFailed(f"{self.url} was changed by others {_TURNS} times while this was pushed: push again later")

    def _commit(self, uploads: Sequence[Upload], jobs: int, parent: str | None) -> bool:
        """Whether it was made, which it is not where `parent` is the head no more."""
        from huggingface_hub import CommitOperationAdd

        if not uploads:
            return True
        try:
            with self._errors(""):
                self._api.create_commit(
                    self.repository,
                    [CommitOperationAdd(upload.path, _source(upload)) for upload in uploads],
                    commit_message=f"sirev: {len(uploads)} files",
                    repo_type="dataset",
                    num_threads=jobs,
                    parent_commit=parent,
                )
        except _Behind:
            return False
        return True

    def _head(self) -> str:
        with self._errors(""):
            return str(self._api.repo_info(self.repository, repo_type="dataset").sha)

    def _among(self, paths: list[str], revision: str) -> set[str]:
        found: set[str] = set()
        with self._errors(""):
            for start in range(0, len(paths), ASKED_AT_ONCE):
                asked = paths[start : start + ASKED_AT_ONCE]
                answer = self._api.get_paths_info(self.repository, asked, revision=revision, repo_type="dataset")
                found.update(entry.path for entry in answer)
        return found

    def _size(self, path: str) -> int:
        size = self._listed().get(path)
        if size is None:
            raise Missing(f"{self.url}/{path} is not there")
        return size

    def _listed(self) -> dict[str, int]:
        # A tree comes a thousand names at a time: for a pull of hundreds of files far less to ask than each by itself.
        with self._lock:
            if self._sizes is None:
                self._sizes = patiently(self._list)
            return self._sizes

    def _list(self) -> dict[str, int]:
        head = self._head()  # asked first: where there is no network, this says so at once
        with self._errors(""):
            tree = self._api.list_repo_tree(self.repository, recursive=True, revision=head, repo_type="dataset")
            return {entry.path: entry.size for entry in tree if hasattr(entry, "size")}

    @contextlib.contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except SirevError:
            raise
        except Exception as error:  # those of httpx, huggingface_hub and hf_xet have no common base
            raise self._translated(error, path) from error

    def _translated(self, error: Exception, path: str) -> SirevError:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", None)
        where, said = f"{self.url}/{path}".rstrip("/"), " ".join(str(error).split())[:200]
        if status == 412:
            return _Behind(f"{self.url} was changed by somebody else")
        if kinds & {"RepositoryNotFoundError", "GatedRepoError", "DisabledRepoError"}:
            return Refused(
                f"{self.url} is not there, or not for you: create it with `hf repo create {self.repository} "
                f"--repo-type dataset`, or {TOKEN}"
            )
        if status in (401, 403) or kinds & {"LocalTokenNotFoundError"}:
            return Refused(f"{where} may not be used: {TOKEN}")
        if kinds & {"HFValidationError"}:
            return Refused(f"{self.url} names no data set: {said}")
        if kinds & {"OfflineModeIsEnabled"}:
            return Refused(f"{self.url} is not asked: HF_HUB_OFFLINE is set; unset it")
        if kinds & {"EntryNotFoundError", "FileNotFoundError"}:
            return Missing(f"{where} is not there")
        if kinds & {"ConnectError", "ConnectTimeout", "TransportError", "TimeoutException"} and status is None:
            if kinds & {"ReadError", "RemoteProtocolError", "WriteError"}:
                return Flaky(f"the connection to {where} was cut")
            return RemoteFailed(f"{self.url} can't be reached ({said}): is there a network?")
        return Flaky(f"{where} could not be had or written: {said}")


class _Behind(RemoteFailed):
    """A commit's parent is the head no more."""


def _source(upload: Upload) -> bytes | str:
    source = upload.checked()
    return source if isinstance(source, bytes) else str(source)


def _batches(uploads: Sequence[Upload]) -> Iterator[list[Upload]]:
    batch: list[Upload] = []
    size = 0
    for upload in uploads:
        batch.append(upload)
        size += upload.size
        if len(batch) >= COMMIT_FILES or size >= COMMIT_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
