"""Repositories of the Hugging Face Hub: the folder of one at a revision, and what is said where it can't be had."""

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
"""How long the Hub may take to answer at all. Asked first, because a download without a network retries for 23 s."""
_INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LICENCE = ("license", "license_name", "license_link")
LOGIN = "log in with `hf auth login`, or set HF_TOKEN, to an account that may"
HUB = "https://huggingface.co"


LOCAL_FILES = ("path", "train", "test")
"""Fields of a recipe's data that name local files, whatever they look like; these win over the Hub's."""


def local_data(data: Mapping[str, Any]) -> list[str]:
    """The local files that a recipe's data are read from; none where they come from the Hub."""
    return [str(data[key]) for key in LOCAL_FILES if data.get(key)]


def hub_data(data: Mapping[str, Any]) -> str | None:
    """The data set on the Hub that a recipe's data are read from; None of local files and of none."""
    return None if local_data(data) else data.get("hub")


def is_local(name: str) -> bool:
    """Whether a model's name is a path: one that exists, or that could be no repository on the Hub."""
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or os.path.isdir(name)


def cached(
    kind: RepositoryKind,
    repository: str,
    revision: str | None,
    wanted: Patterns | None = None,
    unwanted: Patterns | None = None,
) -> bool:
    """Whether `snapshot` would find a repository in the local cache; nobody is asked."""
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
    """The snapshot's folder, as huggingface_hub has it or fetches it; with `local` it fetches nothing."""
    from huggingface_hub import snapshot_download

    patterns = {"allow_patterns": list(wanted) if wanted else None, "ignore_patterns": list(unwanted) if unwanted else None}
    return Path(snapshot_download(repository, repo_type=kind, revision=revision, local_files_only=local, **patterns))


def is_adapter(folder: Path) -> bool:
    """Whether a folder is that of an adapter (PEFT) alone, without the weights of a whole model."""
    whole = any((folder / name).is_file() for name in ("model.safetensors", _INDEX))
    return not whole and (folder / ADAPTER_CONFIG).is_file()


def missing_weights(folder: Path) -> list[str]:
    """The files of weights that a model's folder should hold and does not: a download may have been cut off."""
    index = folder / _INDEX
    if is_adapter(folder):
        return [] if (folder / ADAPTER_WEIGHTS).is_file() else [ADAPTER_WEIGHTS]
    if not (folder / "config.json").is_file() and any(folder.glob("*/*.safetensors")):
        return []  # of sentence-transformers: every module has its own folder, and none lies at the top
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
    """The folder of a repository, named by its commit; downloaded unless the local cache has it.

    `revision` None is the main branch; `wanted` and `unwanted` are patterns of file names. Raises BadInput: gated, no
    such repository or revision, no name of one, not cached where the Hub can't be reached.
    """
    named = f"{repository}{f' at {revision}' if revision else ''}"
    silent = _silence(kind, repository, revision)
    with _refusals(kind, repository, named, silent):
        folder = _folder(kind, repository, revision, wanted, unwanted, local=silent is not None)
    if kind == "model" and (missing := missing_weights(folder)):
        if silent is None:  # all that the Hub has was fetched
            raise BadInput(f"{named} has no weights as safetensors: there is no {', '.join(missing[:3])}")
        raise BadInput(f"{named} is incomplete on this machine: {', '.join(missing[:3])} missing; go online once")
    return folder


class Revisions(NamedTuple):
    """Branches and tags of a repository, and why the Hub can't be reached where these are only those that were fetched once."""

    names: list[str]
    silent: str | None


def revisions(repository: str) -> Revisions:
    """The branches and tags of a model's repository; where the Hub can't be reached, those that were fetched once.

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
    """What the Hub says of a repository: its commit, and the fields of its card that name a licence."""

    commit: str | None
    licence: dict[str, str]


def hub_facts(kind: RepositoryKind, repository: str, revision: str | None) -> HubFacts:
    """What the Hub says of a repository at a revision; asks for its page alone. Raises BadInput as `repository_snapshot` does."""
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
    """The sha256 of those `files` of a model's repository of which the Hub has one; BadInput as for `repository_snapshot`."""
    from huggingface_hub import HfApi

    with _refusals("model", repository, repository, None):
        found = HfApi().get_paths_info(repository, files, revision=commit) if files else []
    return {one.path: one.lfs.sha256 for one in found if getattr(one, "lfs", None)}


def _silence(kind: RepositoryKind, repository: str, revision: str | None) -> Exception | None:
    """Why the Hub can't be reached; None where it answers, even by a refusal: what is cached may do all the same."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=SECONDS)
    except (HfHubHTTPError, HFValidationError):
        return None
    except Exception as error:  # whatever the HTTP client of the day raises where there is no network
        return error
    return None


@contextlib.contextmanager
def _refusals(kind: RepositoryKind, repository: str, named: str, silent: Exception | None) -> Iterator[None]:
    """Turn what huggingface_hub raises about a repository into BadInput; `silent` is why the Hub can't be reached, if so."""
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
    """The address of a "model"'s, "dataset"'s or "space"'s page on the Hub, where its licence is accepted."""
    return f"{hub}/{'' if kind == 'model' else f'{kind}s/'}{repository}"


def link(kind: str, repository: str) -> str:
    """A repository's name as a link of Markdown."""
    return f"[{repository}]({page(kind, repository)})"


def first_line(error: Exception) -> str:
    """The first line of what an exception says, without its full stop; its kind where it says nothing."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
