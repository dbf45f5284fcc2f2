"""A shared store: the layout of a store (sirev-store.json, objects/, records/, runs/, hollow/) at a URL, append-only."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from sirev.addresses import without_credentials
from sirev.errors import BadInput
from sirev.quoting import as_typed
from sirev.store.digests import is_digest
from sirev.store.runs import Run, is_run_id, parsed_run
from sirev.store.sharing.backend import Backend, Missing, RemoteFailed, TransferProgress, Upload, patiently
from sirev.store.sharing.bucket import Bucket
from sirev.store.sharing.folder import Folder
from sirev.store.sharing.hub_bucket import HubBucket
from sirev.store.sharing.hub_dataset import Hub
from sirev.store.sharing.untrusted import check_run
from sirev.store.store import MARKER, STORE_FORMAT, marker_bytes, new_id, parse_marker
from sirev.store.untrusted_files import META_BYTES

SCHEMES = "a folder, file://, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, hf://datasets/OWNER/NAME or hf://buckets/OWNER/NAME"


class Remote:
    """The shared store at `url`. The constructor sends no request to it; gs:// may look for credentials."""

    def __init__(self, url: str) -> None:
        self.url = without_credentials(url)
        self.backend: Backend = backend_of(url)

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    @cached_property
    def id(self) -> str | None:
        """The random id of the shared store, None where there is no store. BadInput for a damaged marker or a newer format."""
        try:
            raw = patiently(lambda: self.backend.read(MARKER, 1 << 16))
        except Missing:
            return None
        try:
            version, name = parse_marker(raw)
        except ValueError:
            raise BadInput(f"{self.url}/{MARKER} is damaged; it should hold the store's format and id as JSON") from None
        if version > STORE_FORMAT:
            raise BadInput(f"{self.url} has format {version}; this sirev reads up to {STORE_FORMAT}: upgrade sirev")
        return name

    def require(self) -> None:
        """Raise BadInput if there is no shared store."""
        if self.id is None:
            if patiently(self.backend.occupied):
                raise BadInput(f"{self.url} is not a sirev store: it has files, but no {MARKER}; check the URL")
            raise BadInput(
                f"{self.url} is not a sirev store: nothing is there; fill it with: {as_typed('sirev', 'store', 'push', self.url)}"
            )

    def create(self) -> None:
        """Create the shared store if the place is empty; BadInput where something else is."""
        if self.id is not None:
            return
        if patiently(self.backend.occupied) and not self._appeared():
            raise BadInput(f"{self.url} has files but no {MARKER}, so it is not a sirev store: name a new or empty folder in it")
        raw = marker_bytes(new_id())
        self.backend.write([[Upload(MARKER, raw, len(raw), exclusive=True)]], 1, TransferProgress())
        if not self._appeared():
            raise BadInput(f"{self.url} does not show what was just written to it")

    def try_writing(self) -> None:
        """Write a file, read it back and delete it; BadInput or RemoteFailed if that fails."""
        path, raw = f"tmp/{secrets.token_hex(16)}", b"sirev tries whether this can be written\n"
        self.write([[Upload(path, raw, len(raw), exclusive=True)]], 1, TransferProgress())
        if patiently(lambda: self.backend.read(path, len(raw))) != raw:
            raise BadInput(f"{self.url} does not show what was just written to it")
        with contextlib.suppress(RemoteFailed, BadInput):  # a bucket may forbid deletions
            self.backend.remove(path)

    def _appeared(self) -> bool:
        self.__dict__.pop("id", None)
        return self.id is not None

    def run_ids(self) -> list[str]:
        """The ids of all runs, sorted."""
        names = [Path(path) for path in self.backend.sizes(["runs"], 1)]
        return sorted(path.stem for path in names if path.suffix == ".json" and is_run_id(path.stem))

    def run(self, run_id: str) -> tuple[Run, bytes]:
        """A run and its file's bytes; Missing if there is none, BadInput if the file is not a sound one of this run."""
        raw = patiently(lambda: self.backend.read(run_path(run_id), META_BYTES))
        check_run(raw, run_id)
        return parsed_run(raw, run_id, f"{self.url}/{run_path(run_id)}"), raw

    def record(self, key: str, artifact: str) -> bytes:
        """The bytes of a record, unchecked; Missing if there is none."""
        return patiently(lambda: self.backend.read(record_path(key, artifact), META_BYTES))

    def object(self, digest: str) -> bytes:
        """The bytes of a small object, unchecked; Missing if there is none."""
        return patiently(lambda: self.backend.read(object_path(digest), META_BYTES))

    def realisations(self, key: str) -> list[str]:
        """Digests of the artifacts with a record of this key, sorted."""
        names = [Path(path) for path in self.backend.sizes([f"records/{key[:2]}/{key}"], 1)]
        return sorted(path.stem for path in names if path.suffix == ".json" and is_digest(path.stem))

    def hollow(self) -> set[str]:
        """Digests of the artifacts marked as pushed without their files."""
        return {digest for path in self.backend.sizes(["hollow"], 1) if is_digest(digest := Path(path).stem)}

    def sizes(self, paths: Iterable[str], jobs: int) -> dict[str, int]:
        """Path -> size in bytes of the existing files in the folders of these paths.

        Whole folders, such as objects/ab, are listed. There are at most 256 of a kind, so this never takes more requests
        than one per path, and with many paths far fewer.
        """
        return self.backend.sizes(sorted({"/".join(path.split("/")[:-1][:2]) for path in paths}), jobs)

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        """Write files, one group after the other; returns the paths of exclusive files that existed."""
        return self.backend.write(groups, jobs, progress)


def object_path(digest: str) -> str:
    """Path of an object in a shared store."""
    return f"objects/{digest[:2]}/{digest[2:]}"


def record_path(key: str, artifact: str) -> str:
    """Path of a realisation's record in a shared store."""
    return f"records/{key[:2]}/{key}/{artifact}.json"


def run_path(run_id: str) -> str:
    """Path of a run in a shared store."""
    return f"runs/{run_id}.json"


def hollow_path(digest: str) -> str:
    """Path of the mark of an artifact whose files were left out on purpose."""
    return f"hollow/{digest}.json"


def backend_of(url: str) -> Backend:
    """The backend of a URL; BadInput for an unknown scheme, or one whose package is missing."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        if not url:
            raise BadInput(f"an empty URL; it is {SCHEMES}")
        return Folder(Path(url).expanduser())
    if scheme != "file" and without_credentials(url) != url:
        raise BadInput(
            f"{without_credentials(url)}: the URL of a shared store must not hold credentials; set them in the environment"
        )
    match scheme:
        case "file":
            return Folder(Path("/" + unquote(rest.removeprefix("localhost")).lstrip("/")))
        case "s3" | "gs":
            return Bucket(scheme, rest)
        case "gcs":
            return Bucket("gs", rest)
        case "hf" if rest.startswith("datasets/"):
            return Hub(rest.removeprefix("datasets/").strip("/"))
        case "hf" if rest.startswith("buckets/"):
            return HubBucket(rest.removeprefix("buckets/").strip("/"))
        case "hf":
            raise BadInput(f"{url}: a store lies in a data set or a bucket: hf://datasets/OWNER/NAME or hf://buckets/OWNER/NAME")
    raise BadInput(f"{without_credentials(url)}: sirev does not know {scheme}://; it is {SCHEMES}")
