"""A shared store in a bucket of the Hugging Face Hub: hf://buckets/OWNER/NAME, or a folder in it.

A bucket has no commits: files are sent to Xet storage, then named in batches, and each appears atomically. It has no
conditional writes either. Existing files that must not be replaced are looked up just before. If two users push
different results under one run's name at the same moment, the later one stays.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.store.sharing.backend import Missing, TransferProgress, Upload, at_once, patiently, too_many
from sirev.store.sharing.hub_place import HubPlace, batches, quiet_api, sent_as
from sirev.store.store import MARKER


class HubBucket:
    """The files below `place`, OWNER/NAME or OWNER/NAME/FOLDER."""

    write_seconds = 5.0  # a batch is two requests, however many files it names
    shows_card = False

    def __init__(self, place: str) -> None:
        owner, _, rest = place.partition("/")
        name, _, folder = rest.partition("/")
        self.place = HubPlace("bucket", f"{owner}/{name}")
        self.url = f"{self.place.url}/{folder}".rstrip("/")
        self._below = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self._api: Any = quiet_api()
        if not hasattr(self._api, "batch_bucket_files"):
            raise BadInput(f"{self.url} needs a newer huggingface_hub: pip install --upgrade huggingface_hub")
        if find_spec("hf_xet") is None:
            raise BadInput(f"{self.url} needs hf_xet: pip install hf_xet")

    def answer(self) -> None:
        self._among([MARKER])

    def occupied(self) -> bool:
        with self.place.errors():
            prefix = self._below.rstrip("/") or None
            return any(True for _ in self._api.list_bucket_tree(self.place.name, prefix, recursive=True))

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        found: dict[str, int] = {}

        def look(folder: str) -> None:
            prefix = f"{self._below}{folder.rstrip('/')}"
            with contextlib.suppress(Missing), self.place.errors(folder):
                for entry in self._api.list_bucket_tree(self.place.name, prefix, recursive=True):
                    if hasattr(entry, "size") and entry.path.startswith(f"{prefix}/"):
                        found[entry.path.removeprefix(self._below)] = entry.size

        at_once(lambda folder: patiently(lambda: look(folder)), folders, jobs)
        return found

    def read(self, path: str, limit: int) -> bytes:
        with tempfile.TemporaryDirectory(prefix="sirev-") as folder:
            target = Path(folder) / "file"
            self.fetch(path, target, limit, lambda size: None)
            return target.read_bytes()

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        with self.place.errors(path):
            found = next(iter(self._api.get_bucket_paths_info(self.place.name, [f"{self._below}{path}"])), None)
            if found is None:
                raise Missing(f"{self.url}/{path} is not there")
            if found.size > size:
                raise too_many(path, size)
            self._api.download_bucket_files(self.place.name, [(found, target)])
        moved(found.size)

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        there: set[str] = set()
        for group in groups:
            taken = patiently(lambda group=group: self._among([one.path for one in group if one.exclusive]))  # type: ignore[misc]
            there |= taken
            for batch in batches([upload for upload in group if upload.path not in taken]):
                patiently(lambda batch=batch: self._put(batch))  # type: ignore[misc]
                progress.advance(len(batch), sum(upload.size for upload in batch))
            progress.advance(len(taken), sum(upload.size for upload in group if upload.path in taken))
        return there

    def remove(self, path: str) -> None:
        with self.place.errors(path):
            self._api.batch_bucket_files(self.place.name, delete=[f"{self._below}{path}"])

    def _among(self, paths: Sequence[str]) -> set[str]:
        if not paths:
            return set()
        with self.place.errors():
            asked = [f"{self._below}{path}" for path in paths]
            return {entry.path.removeprefix(self._below) for entry in self._api.get_bucket_paths_info(self.place.name, asked)}

    def _put(self, uploads: Sequence[Upload]) -> None:
        files = [(sent_as(upload), f"{self._below}{upload.path}") for upload in uploads]
        with self.place.errors():
            self._api.batch_bucket_files(self.place.name, add=files)
