"""A place on the Hugging Face Hub, a repository or a bucket, and translation of its libraries' errors."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sirev.errors import BadInput, SirevError
from sirev.hub import LOGIN
from sirev.store.sharing.backend import Flaky, Missing, Refused, RemoteFailed, Upload

PlaceKind = Literal["model", "dataset", "space", "bucket"]

COMMIT_FILES = 1000
COMMIT_BYTES = 10 << 30
"""A commit or batch has at most COMMIT_FILES files and about COMMIT_BYTES bytes."""

_NOUNS = {"model": "model", "dataset": "data set", "space": "Space", "bucket": "bucket"}
_PASSING = (408, 409, 429)
"""HTTP statuses from 400 to 499 after which a later request may succeed."""


class Behind(RemoteFailed):
    """The parent of a commit is no longer the head."""


@dataclass(frozen=True)
class HubPlace:
    """The repository or bucket `name`, OWNER/NAME; BadInput for a name of another form."""

    kind: PlaceKind
    name: str

    def __post_init__(self) -> None:
        if self.name.count("/") != 1 or not all(self.name.split("/")):
            raise BadInput(f"{self.url} names no {_NOUNS[self.kind]}: it is hf://{self.kind}s/OWNER/NAME")

    @property
    def url(self) -> str:
        """The URL as users write it, such as hf://datasets/OWNER/NAME."""
        return f"hf://{self.kind}s/{self.name}"

    @contextlib.contextmanager
    def errors(self, path: str = "") -> Iterator[None]:
        """Translate errors of huggingface_hub, its HTTP client and hf_xet, about the place or the file `path`."""
        try:
            yield
        except SirevError:
            raise
        except Exception as error:  # they have no common base
            raise self._translated(error, path) from error

    def _translated(self, error: Exception, path: str) -> SirevError:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", None)
        reason = _one_line(getattr(error, "server_message", None) or "")
        where, said = f"{self.url}/{path}".rstrip("/"), _one_line(str(error))
        if status == 412:
            return Behind(f"{self.url} was changed by somebody else")
        if kinds & {"RepositoryNotFoundError", "GatedRepoError", "DisabledRepoError", "BucketNotFoundError"}:
            return Refused(f"{self.url} does not exist, or you may not see it: create it with `{self._create}`, or {LOGIN}")
        if status in (401, 403) or kinds & {"LocalTokenNotFoundError"}:
            return Refused(f"{where} may not be used{f' ({reason})' if reason else ''}: {LOGIN}")
        if kinds & {"HFValidationError"}:
            return Refused(f"{self.url} names no {_NOUNS[self.kind]}: {said}")
        if kinds & {"OfflineModeIsEnabled"}:
            return Refused(f"{self.url} can't be used while HF_HUB_OFFLINE is set: unset it")
        if kinds & {"EntryNotFoundError", "FileNotFoundError"}:
            return Missing(f"{where} is not there")
        if status is not None and 400 <= status < 500 and status not in _PASSING:
            return Refused(f"{where}: the Hub refuses this: {reason or said}")
        if kinds & {"ConnectError", "ConnectTimeout", "TransportError", "TimeoutException"} and status is None:
            if kinds & {"ReadError", "RemoteProtocolError", "WriteError"}:
                return Flaky(f"the connection to {where} was cut")
            return RemoteFailed(f"{self.url} can't be reached ({said}): is there a network?")
        return Flaky(f"{where} could not be read or written: {said}")

    @property
    def _create(self) -> str:
        if self.kind == "bucket":
            return f"hf buckets create {self.name}"
        return f"hf repos create {self.name} --repo-type {self.kind}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def quiet_api() -> Any:
    """An HfApi without the library's own warnings and, outside `bars_shown`, progress bars."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars, logging

    logging.set_verbosity_error()
    disable_progress_bars()
    return HfApi()


@contextlib.contextmanager
def bars_shown() -> Iterator[None]:
    """Within the context, let huggingface_hub show progress bars on a terminal, unless the environment forbids them."""
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

    shown = sys.stderr.isatty() and not constants.HF_HUB_DISABLE_PROGRESS_BARS
    if shown:
        enable_progress_bars()
    try:
        yield
    finally:
        if shown:
            disable_progress_bars()


def sent_as(upload: Upload) -> bytes | str:
    """An upload as huggingface_hub takes it, after a check of its sha256: bytes or a local path."""
    source = upload.checked()
    return source if isinstance(source, bytes) else str(source)


def batches(uploads: Sequence[Upload]) -> Iterator[list[Upload]]:
    """The uploads in order, in lists of the size of one commit."""
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
