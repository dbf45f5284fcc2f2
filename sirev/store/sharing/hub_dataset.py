"""A shared store in a data set on the Hugging Face Hub: hf://datasets/OWNER/NAME.

The Hub is a git repository, slow with many commits and fast with large ones. Files named by digest go first, many per
commit. Records and runs go last, in one commit that names its parent, so that it fails after a concurrent commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from sirev.store.sharing.backend import Missing, RemoteFailed, TransferProgress, Upload, patiently, too_many
from sirev.store.sharing.hub_place import Behind, HubPlace, batches, quiet_api, sent_as

ASKED_AT_ONCE = 500
_TURNS = 8
"""Attempts at the last commit when others commit at the same time."""

FURNITURE = {".gitattributes", ".gitignore", "README.md", "LICENSE"}
"""Files of an otherwise empty repository."""


class Hub:
    """The files of the data set `repository`, OWNER/NAME, on its main branch."""

    write_seconds = 60.0  # each is a commit or more, and the Hub allows some hundred per hour
    shows_card = True

    def __init__(self, repository: str) -> None:
        self.place = HubPlace("dataset", repository)
        self.repository, self.url = repository, self.place.url
        self._api: Any = quiet_api()
        self._sizes: dict[str, int] | None = None
        self._lock = threading.Lock()

    def answer(self) -> None:
        self._head()

    def occupied(self) -> bool:
        return any(path not in FURNITURE for path in self._listed())

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        wanted = tuple(f"{folder.rstrip('/')}/" for folder in folders)
        return {path: size for path, size in self._listed().items() if path.startswith(wanted)}

    def read(self, path: str, limit: int) -> bytes:
        size = self._size(path)
        if size > limit:
            raise too_many(path, limit)
        with self.place.errors(path):
            from huggingface_hub import HfFileSystem

            data: bytes = HfFileSystem(skip_instance_cache=True).cat_file(f"datasets/{self.repository}/{path}")
        return data

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        if (listed := self._size(path)) > size:
            raise too_many(path, size)
        with self.place.errors(path):
            from huggingface_hub import HfFileSystem

            HfFileSystem(skip_instance_cache=True).get_file(f"datasets/{self.repository}/{path}", str(target))
        moved(listed)

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        self._sizes = None
        uploads = [upload for group in groups for upload in group]
        for batch in batches([upload for upload in uploads if not _is_last(upload)]):
            patiently(lambda batch=batch: self._commit(batch, jobs, None))  # type: ignore[misc]
            for upload in batch:
                progress.advance(1, upload.size)
        return self._last([upload for upload in uploads if _is_last(upload)], jobs, progress)

    def remove(self, path: str) -> None:
        with self.place.errors(path):
            self._api.delete_file(path, self.repository, repo_type="dataset", commit_message="sirev: 1 file less")
        self._sizes = None

    def _last(self, uploads: list[Upload], jobs: int, progress: TransferProgress) -> set[str]:
        there: set[str] = set()
        for _ in range(_TURNS):
            head = patiently(self._head)
            there = patiently(lambda head=head: self._among([upload.path for upload in uploads if upload.exclusive], head))  # type: ignore[misc]
            new = [upload for upload in uploads if upload.path not in there]
            if not new or patiently(lambda new=new, head=head: self._commit(new, jobs, head)):  # type: ignore[misc]
                for upload in uploads:
                    progress.advance(1, upload.size)
                return there
        raise RemoteFailed(f"{self.url} was changed by others {_TURNS} times while this was pushed: push again later")

    def _commit(self, uploads: Sequence[Upload], jobs: int, parent: str | None) -> bool:
        """Commit the uploads; returns False, without a commit, if `parent` is given and no longer the head."""
        from huggingface_hub import CommitOperationAdd

        if not uploads:
            return True
        try:
            with self.place.errors(""):
                self._api.create_commit(
                    self.repository,
                    [CommitOperationAdd(upload.path, sent_as(upload)) for upload in uploads],
                    commit_message=f"sirev: {len(uploads)} files",
                    repo_type="dataset",
                    num_threads=jobs,
                    parent_commit=parent,
                )
        except Behind:
            return False
        return True

    def _head(self) -> str:
        with self.place.errors(""):
            return str(self._api.repo_info(self.repository, repo_type="dataset").sha)

    def _among(self, paths: list[str], revision: str) -> set[str]:
        found: set[str] = set()
        with self.place.errors(""):
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
        # A tree is listed a thousand names at a time: for hundreds of files, far fewer requests than one per file.
        with self._lock:
            if self._sizes is None:
                self._sizes = patiently(self._list)
            return self._sizes

    def _list(self) -> dict[str, int]:
        head = self._head()  # first, since it fails at once where there is no network
        with self.place.errors(""):
            tree = self._api.list_repo_tree(self.repository, recursive=True, revision=head, repo_type="dataset")
            return {entry.path: entry.size for entry in tree if hasattr(entry, "size")}


def _is_last(upload: Upload) -> bool:
    return upload.exclusive or upload.path in FURNITURE
