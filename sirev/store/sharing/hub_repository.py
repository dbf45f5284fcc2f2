"""Publication of files as a repository on the Hugging Face Hub: a model, a data set or a Space, one commit each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.hub import page
from sirev.store.sharing.backend import Refused, patiently
from sirev.store.sharing.hub_card import STORE_TAG, TAG
from sirev.store.sharing.hub_dataset import FURNITURE
from sirev.store.sharing.hub_place import HubPlace, bars_shown, quiet_api

Replaced = Callable[[str, Mapping[str, Any]], bool]
"""Whether a file, by its path and the card's front matter, is from an earlier publication and to be deleted."""
_TEMPLATE = {"index.html", "style.css"}
"""Files that the Hub puts into a new static Space."""


@dataclass(frozen=True)
class Publication:
    """A published repository: its `page`, the `commit` at its head, and whether this publication `changed` it."""

    place: HubPlace
    page: str
    commit: str
    changed: bool


def make_repository(place: HubPlace, private: bool | None = None, *, hidden: bool = False) -> bool:
    """Create the repository unless it exists; returns whether it is private.

    A new one is private with `private` or `hidden`; with None, the owner's settings decide. Raises Refused where the Hub
    refuses, and as `refuse_unfit` does.
    """
    if (info := refuse_unfit(place, private)) is None:
        api = quiet_api()
        patiently(lambda: _create(api, place, True if hidden else private))
        info = patiently(lambda: _there(api, place))
    return bool(info.private)


def refuse_unfit(place: HubPlace, private: bool | None = None) -> Any | None:
    """The Hub's data about the repository, None where there is none.

    Raises Refused for a public one if `private`, and for one with files that sirev did not publish.
    """
    api = quiet_api()
    if (info := patiently(lambda: _info(api, place))) is None:
        return None
    if private and not info.private:
        raise Refused(f"{place.url} already exists and is public; --private can't change that: name another, or make it private")
    own = FURNITURE | (_TEMPLATE if place.kind == "space" else set())
    tags = _front_matter(info).get("tags") or []
    if (TAG not in tags or STORE_TAG in tags) and any(file.rfilename not in own for file in info.siblings or []):
        raise Refused(f"{place.url} holds files that sirev did not publish: name a new repository")
    return info


def publish_files(
    place: HubPlace, files: Mapping[str, bytes | Path], message: str, replaced: Replaced = lambda path, card: False
) -> Publication:
    """Put `files` (path in the repository -> bytes or a local file) on the main branch, in one commit, or none if unchanged.

    Other files stay, unless `replaced` is true of them. Raises Refused where the Hub refuses or has no such repository,
    RemoteFailed where the transfer fails; what was sent by then need not be sent again.
    """
    api = quiet_api()
    before = patiently(lambda: _there(api, place))
    card = _front_matter(before)
    with bars_shown():
        commit = patiently(lambda: _commit(api, place, files, message, lambda path: replaced(path, card)))
    return Publication(place, page(place.kind, place.name, api.endpoint), commit, commit != before.sha)


def _front_matter(info: Any) -> dict[str, Any]:
    return info.card_data.to_dict() if info.card_data else {}


def _info(api: Any, place: HubPlace) -> Any | None:
    """The Hub's data about the repository; None where there is none, or none that this user may see."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with place.errors():
        try:
            return api.repo_info(place.name, repo_type=place.kind)
        except RepositoryNotFoundError:
            return None


def _create(api: Any, place: HubPlace, private: bool | None) -> None:
    sdk = {"space_sdk": "static"} if place.kind == "space" else {}
    with place.errors():
        api.create_repo(place.name, repo_type=place.kind, private=private, exist_ok=True, **sdk)


def _there(api: Any, place: HubPlace) -> Any:
    with place.errors():
        return api.repo_info(place.name, repo_type=place.kind)


def _commit(api: Any, place: HubPlace, files: Mapping[str, bytes | Path], message: str, replaced: Callable[[str], bool]) -> str:
    """Commit the files and deletions; returns the hash of the head."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with place.errors():
        there = [entry.path for entry in api.list_repo_tree(place.name, repo_type=place.kind, recursive=True)]
        old = [path for path in there if path not in files and replaced(path)]
        operations = [
            *(CommitOperationAdd(path, source if isinstance(source, bytes) else str(source)) for path, source in files.items()),
            *(CommitOperationDelete(path) for path in old),
        ]
        return str(api.create_commit(place.name, operations, commit_message=message, repo_type=place.kind).oid)
