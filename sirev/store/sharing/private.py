"""Removal of private parts from a run that is shared: local paths and credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sirev.addresses import without_credentials
from sirev.hub import LOCAL_FILES, is_local
from sirev.store.runs import Run

EITHER = ("name", "model", "class", "function", "file")
"""Settings that may be a local path, or something public: a model on the Hub, a class or function of an installed package."""
_LOCAL = re.compile(r"[~\\]|\.\.?\\|[A-Za-z]:[/\\]|.*\.py:")


def shareable(run: Run) -> Run:
    """The run without private parts: a local path becomes the name of its file or folder, a URL loses its credentials.

    No key or id contains them, because keys hold digests of files. A replay takes the paths of its own recipe.
    """
    settings = _shareable(run.settings, "")
    return run if settings == run.settings else replace(run, settings=settings)


def local_names(settings: Mapping[str, Any], below: str = "") -> Iterator[tuple[str, str]]:
    """The settings of a shareable run that name local files or folders: (dotted key, remaining path)."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from local_names(value, f"{below}{key}.")
        elif isinstance(value, str) and value.startswith("./") and key in (*LOCAL_FILES, *EITHER):
            yield f"{below}{key}", value


def _shareable(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _shareable(one, str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_shareable(one, name) for one in value]
    if not isinstance(value, str):
        return value
    if "://" in value and not value.startswith("file:"):
        shown = without_credentials(value)
        return re.split("[?#]", shown)[0] if name == "url" else shown
    return f"./{_last(value)}" if name in LOCAL_FILES or (name in EITHER and _is_path(value, name)) else value


def _is_path(value: str, name: str) -> bool:
    return _LOCAL.match(value) is not None or ("/" in value and (name == "file" or is_local(value)))


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]
