"""A shared store in an object store, through fsspec: s3fs and gcsfs, with their conditional writes.

A put to S3 or Google Cloud Storage is atomic. With mode="create" (If-None-Match on S3, ifGenerationMatch on Google's) it
fails if the file exists.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from sirev.errors import BadInput, SirevError
from sirev.store.sharing.backend import (
    Flaky,
    Missing,
    Refused,
    RemoteFailed,
    TransferProgress,
    Upload,
    at_once,
    patiently,
    too_many,
)
from sirev.store.store import MARKER

_PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs")}
"""Scheme -> the package that serves it, and the extra of sirev that installs it."""

CREDENTIALS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
}

_ATTEMPTS = 3
"""Attempts of s3fs per part of a large file; other failures are retried here."""

_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
    "DefaultCredentialsError",
    "RefreshError",
}
_UNREACHABLE = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "FSTimeoutError",
    "ProxyConnectionError",
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "ConnectionTimeoutError",
    "ServerTimeoutError",
    "TimeoutError",
    "gaierror",
    "ConnectionRefusedError",
}
_TAKEN = {"PreconditionFailed", "412"}


class Bucket:
    """The files below `scheme`://`place`, where `place` is BUCKET or BUCKET/FOLDER."""

    write_seconds = 0.0
    shows_card = False

    def __init__(self, scheme: str, place: str) -> None:
        self.scheme, self.place = scheme, place.strip("/")
        self.url = f"{scheme}://{self.place}"
        self._bucket = self.place.partition("/")[0]
        if not self._bucket:
            raise BadInput(f"{scheme}:// needs a bucket: {scheme}://BUCKET or {scheme}://BUCKET/FOLDER")
        self._files = _file_system(scheme)

    def answer(self) -> None:
        self.read(MARKER, 1 << 16)  # listing a new folder would list the one above it

    def occupied(self) -> bool:
        try:
            with self._errors(""):
                return bool(self._files.ls(self.place, detail=False))
        except Missing:
            return False

    def sizes(self, folders: Collection[str], jobs: int) -> dict[str, int]:
        found: dict[str, int] = {}

        def look(folder: str) -> None:
            with self._errors(folder), contextlib.suppress(FileNotFoundError):
                for name, entry in self._files.find(f"{self.place}/{folder}", detail=True).items():
                    if entry["type"] == "file":
                        found[name[len(self.place) + 1 :]] = entry["size"]

        at_once(lambda folder: patiently(lambda: look(folder)), folders, jobs)
        return found

    def read(self, path: str, limit: int) -> bytes:
        with self._errors(path):
            data: bytes = self._files.cat_file(f"{self.place}/{path}", start=0, end=limit + 1)
        if len(data) > limit:
            raise too_many(path, limit)
        return data

    def fetch(self, path: str, target: Path, size: int, moved: Callable[[int], None]) -> None:
        with self._errors(path):
            self._files.get_file(f"{self.place}/{path}", str(target), callback=_Counter(path, size, moved))

    def write(self, groups: Sequence[Sequence[Upload]], jobs: int, progress: TransferProgress) -> set[str]:
        there: set[str] = set()

        def put(upload: Upload) -> None:
            sent = _Counter(upload.path, upload.size, lambda size: progress.advance(0, size))
            try:
                if not self._put(upload, sent):
                    there.add(upload.path)
            except BaseException:
                progress.advance(0, -sent.value)
                raise
            progress.advance(1, upload.size - sent.value)

        for group in groups:
            at_once(lambda upload: patiently(lambda: put(upload)), group, jobs)
        return there

    def remove(self, path: str) -> None:
        with self._errors(path):
            self._files.rm_file(f"{self.place}/{path}")

    def _put(self, upload: Upload, sent: _Counter) -> bool:
        source, mode = upload.checked(), "create" if upload.exclusive else "overwrite"
        target = f"{self.place}/{upload.path}"
        try:
            with self._errors(upload.path):
                if isinstance(source, bytes):
                    self._files.pipe_file(target, source, mode=mode)
                else:
                    self._files.put_file(str(source), target, mode=mode, callback=sent)
        except _Taken:
            return False
        except Missing as error:  # a put needs nothing but the bucket
            raise Refused(f"there is no bucket {self._bucket}: create it, or correct the URL {self.url}") from error
        return True

    @contextlib.contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except RemoteFailed:
            raise
        except Exception as error:  # the errors of four layers of libraries have no common base
            raise self._translated(error, path) from error

    def _translated(self, error: Exception, path: str) -> SirevError:
        kinds, codes = _kinds_and_codes(error)
        where = f"{self.url}/{path}".rstrip("/")
        said = " ".join(str(error).split())[:200] or type(error).__name__
        if "FileExistsError" in kinds or codes & _TAKEN:
            return _Taken(where)
        if "NoSuchBucket" in codes:
            return Refused(f"there is no bucket {self._bucket}: create it, or correct the URL {self.url}")
        if kinds & _NO_CREDENTIALS:
            return Refused(f"no credentials for {self.url}: {CREDENTIALS[self.scheme]}")
        if "FileNotFoundError" in kinds:
            return Missing(f"{where} is not there")
        if "PermissionError" in kinds or codes & {"401", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}:
            return Refused(f"{where} may not be used with these credentials ({said}): {CREDENTIALS[self.scheme]}")
        if kinds & _UNREACHABLE:
            return RemoteFailed(f"{self.url} can't be reached ({said}): is there a network, and the endpoint right?")
        return Flaky(f"{where} could not be read or written: {said}")


class _Taken(RemoteFailed):
    """A file to create exclusively exists already."""


def _file_system(scheme: str) -> Any:
    import fsspec

    package, extra = _PACKAGES[scheme]
    logging.getLogger(package).setLevel(logging.CRITICAL)  # errors are reported here, in one line
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if scheme == "s3":
        options["config_kwargs"] = {"connect_timeout": 10, "read_timeout": 20, "retries": {"max_attempts": 0}}
    try:
        files = fsspec.filesystem(scheme, **options)
    except ImportError:
        raise BadInput(f"{scheme}:// needs {package}: pip install 'sirev[{extra}]'") from None
    except Exception as error:
        if _kinds_and_codes(error)[0] & _NO_CREDENTIALS:
            raise Refused(f"no credentials for {scheme}://: {CREDENTIALS[scheme]}") from error
        raise
    if scheme == "s3":
        files.retries = _ATTEMPTS
    return files


class _Counter:
    """Progress callback for fsspec; raises as soon as a file is longer than `size`."""

    def __init__(self, path: str, size: int, moved: Callable[[int], None]) -> None:
        self.path, self.size, self.moved, self.value = path, size, moved, 0

    def set_size(self, size: int | None) -> None:
        if size is not None and size > self.size:
            raise too_many(self.path, self.size)

    def relative_update(self, inc: int = 1) -> None:
        self.value += inc
        if self.value > self.size:
            raise too_many(self.path, self.size)
        self.moved(inc)

    def absolute_update(self, value: int) -> None:
        self.relative_update(value - self.value)


def _kinds_and_codes(error: BaseException | None) -> tuple[set[str], set[str]]:
    """Class names of an error and its causes, and the codes of the HTTP responses among them."""
    kinds: set[str] = set()
    codes: set[str] = set()
    while error is not None:
        kinds.update(kind.__name__ for kind in type(error).__mro__)
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            codes.add(str(response.get("Error", {}).get("Code")))
        codes.add(str(getattr(error, "code", "")))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return kinds, codes
