"""Repositories of the Hugging Face Hub: snapshots, revisions, facts, and errors in plain words."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sirev.errors import BadInput

RepositoryKind = Literal["model", "dataset"]
Patterns = Sequence[str]
SECONDS = 10
"""Timeout of the request that checks whether the Hub answers. A download without a network would retry for 23 s."""
_INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LICENCE = ("license", "license_name", "license_link")
LOGIN = "log in with `hf auth login`, or set HF_TOKEN, to an account that may"
HUB = "https://huggingface.co"


LOCAL_FILES = ("path", "train", "test")
"""Fields of a recipe's data that name local files; they take precedence over the Hub."""


def local_data(data: Mapping[str, Any]) -> list[str]:
    """The local files of a recipe's data; empty if the data come from the Hub."""
    return [str(data[key]) for key in LOCAL_FILES if data.get(key)]


def hub_data(data: Mapping[str, Any]) -> str | None:
    """The Hub data set of a recipe's data; None if they are local files, or if there are none."""
    return None if local_data(data) else data.get("hub")


def is_local(name: str) -> bool:
    """Whether a model's name is a path: an existing folder, or a name that no repository on the Hub can have."""
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or os.path.isdir(name)


def cached(
    kind: RepositoryKind,
    repository: str,
    revision: str | None,
    wanted: Patterns | None = None,
    unwanted: Patterns | None = None,
) -> bool:
    """Whether the local cache has the whole repository; makes no request."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = _folder(kind, repository, revision, wanted, unwanted, local=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return False
    return kind != "model" or not missing_weights(folder)


def _folder(
    kind: RepositoryKind,
    repository: str,
    revision: str | None,
    wanted: Patterns | None,
    unwanted: Patterns | None,
    *,
    local: bool,
) -> Path:
    """The snapshot's folder, downloaded if it is not cached; `local` forbids the download."""
    from huggingface_hub import snapshot_download

    patterns = {"allow_patterns": list(wanted) if wanted else None, "ignore_patterns": list(unwanted) if unwanted else None}
    return Path(snapshot_download(repository, repo_type=kind, revision=revision, local_files_only=local, **patterns))


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds only an adapter (PEFT), without the weights of a whole model."""
    whole = any((folder / name).is_file() for name in ("model.safetensors", _INDEX))
    return not whole and (folder / ADAPTER_CONFIG).is_file()


def missing_weights(folder: Path) -> list[str]:
    """The weight files that a model's folder lacks, as after an interrupted download."""
    index = folder / _INDEX
    if is_adapter(folder):
        return [] if (folder / ADAPTER_WEIGHTS).is_file() else [ADAPTER_WEIGHTS]
    if not (folder / "config.json").is_file() and any(folder.glob("*/*.safetensors")):
        return []  # sentence-transformers: one folder per module, no weights at the top
    try:
        names = (
            sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            if index.is_file()
            else ["model.safetensors"]
        )
    except (ValueError, KeyError, AttributeError):
        return [index.name]
    return [name for name in names if not (folder / name).is_file()]


def repository_snapshot(
    kind: RepositoryKind,
    repository: str,
    revision: str | None,
    wanted: Patterns | None = None,
    unwanted: Patterns | None = None,
) -> Path:
    """The folder of a repository's snapshot, named by its commit; downloaded if it is not cached.

    `revision` None is the main branch; `wanted` and `unwanted` are patterns of file names. Raises BadInput for a gated or
    unknown repository, an unknown revision, an invalid name, missing weights, and an uncached one while the Hub is unreachable.
    """
    named = f"{repository}{f' at {revision}' if revision else ''}"
    silent = _silence(kind, repository, revision)
    with _refusals(kind, repository, named, silent):
        folder = _folder(kind, repository, revision, wanted, unwanted, local=silent is not None)
    if kind == "model" and (missing := missing_weights(folder)):
        if silent is None:  # the download is complete, so the Hub has none
            raise BadInput(f"{named} has no weights as safetensors: there is no {', '.join(missing[:3])}")
        raise BadInput(f"{named} is incomplete on this machine: {', '.join(missing[:3])} missing; go online once")
    return folder


class Revisions(NamedTuple):
    """Branches and tags of a repository. `silent` is why the Hub is unreachable, or None; then `names` are the cached ones."""

    names: list[str]
    silent: str | None


def revisions(repository: str) -> Revisions:
    """The branches and tags of a model's repository; only the cached ones while the Hub is unreachable.

    Raises BadInput as `repository_snapshot` does.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import LocalEntryNotFoundError
    from huggingface_hub.file_download import repo_folder_name

    silent = _silence("model", repository, None)
    with _refusals("model", repository, repository, silent):
        if silent is None:
            refs = HfApi().list_repo_refs(repository)
            return Revisions([ref.name for ref in (*refs.branches, *refs.tags)], None)
        folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model") / "refs"
        found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        if not found:
            raise LocalEntryNotFoundError("no revision is cached")
        return Revisions(found, first_line(silent))


class HubFacts(NamedTuple):
    """A repository's commit on the Hub, and the fields of its card about the licence."""

    commit: str | None
    licence: dict[str, str]


def hub_facts(kind: RepositoryKind, repository: str, revision: str | None) -> HubFacts:
    """Commit and licence of a repository at a revision; downloads no files. BadInput as `repository_snapshot`."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import LocalEntryNotFoundError

    silent = _silence(kind, repository, revision)
    with _refusals(kind, repository, f"{repository}{f' at {revision}' if revision else ''}", silent):
        if silent is not None:
            raise LocalEntryNotFoundError("its page is not cached")
        info = HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=SECONDS)
    card = info.card_data.to_dict() if info.card_data else {}
    return HubFacts(info.sha, {field: str(card[field]) for field in _LICENCE if card.get(field)})


def weight_sums(repository: str, commit: str | None, files: list[str]) -> dict[str, str]:
    """File -> sha256, for the `files` of a model's repository that the Hub stores by LFS; BadInput as `repository_snapshot`."""
    from huggingface_hub import HfApi

    with _refusals("model", repository, repository, None):
        found = HfApi().get_paths_info(repository, files, revision=commit) if files else []
    return {one.path: one.lfs.sha256 for one in found if getattr(one, "lfs", None)}


def _silence(kind: RepositoryKind, repository: str, revision: str | None) -> Exception | None:
    """Why the Hub is unreachable; None if it answers, even with a refusal, since the cache may suffice."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=SECONDS)
    except (HfHubHTTPError, HFValidationError):
        return None
    except Exception as error:  # the type depends on the HTTP client
        return error
    return None


@contextlib.contextmanager
def _refusals(kind: RepositoryKind, repository: str, named: str, silent: Exception | None) -> Iterator[None]:
    """Turn huggingface_hub's errors about a repository into BadInput; `silent` is why the Hub is unreachable, or None."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except HFValidationError:
        raise BadInput(f"{repository!r} is not the name of a repository on the Hub, ORGANISATION/NAME") from None
    except GatedRepoError:
        raise BadInput(f"{named} is gated: accept its licence at {page(kind, repository)}, then {LOGIN}") from None
    except RevisionNotFoundError:
        raise BadInput(f"{named}: the Hub has no such revision") from None
    except RepositoryNotFoundError:
        raise BadInput(f"{named}: the Hub has no such {kind} (check the name; for a private one {LOGIN})") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        if silent is None:
            raise BadInput(f"{named} is not on this machine and can't be fetched: {first_line(error)}") from None
        raise BadInput(
            f"{named} is not on this machine, and the Hub can't be reached ({first_line(silent)}): "
            "go online once (HF_HUB_OFFLINE unset) so that it is cached"
        ) from None


def page(kind: str, repository: str, hub: str = HUB) -> str:
    """The address of a repository's page on the Hub; `kind` is "model", "dataset" or "space"."""
    return f"{hub}/{'' if kind == 'model' else f'{kind}s/'}{repository}"


def link(kind: str, repository: str) -> str:
    """A repository's name as a Markdown link."""
    return f"[{repository}]({page(kind, repository)})"


def first_line(error: Exception) -> str:
    """The first line of an exception's message, without its full stop; its type if there is no message."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
