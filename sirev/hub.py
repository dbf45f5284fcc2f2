"""Repositories of the Hugging Face Hub: the folder of one at a revision, and what is said where it can't be had."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sirev.errors import BadInput

RepositoryKind = Literal["model", "dataset"]
Patterns = Sequence[str]
SECONDS = 10
"""How long the Hub may take to answer at all. Asked first, because a download without a network retries for 23 s."""
LOGIN = "run `hf auth login` (once `huggingface-cli login`)"


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


def missing_weights(folder: Path) -> list[str]:
    """The files of weights that a model's folder should hold and does not: a download may have been cut off."""
    index = folder / "model.safetensors.index.json"
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
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    named = f"{repository}{f' at {revision}' if revision else ''}"
    silent: Exception | None = None
    try:
        HfApi().repo_info(repository, repo_type=kind, revision=revision, timeout=SECONDS)
    except (HfHubHTTPError, HFValidationError):
        pass  # an answer; what is cached may do all the same
    except Exception as error:  # whatever the HTTP client of the day raises where there is no network
        silent = error
    try:
        folder = _folder(kind, repository, revision, wanted, unwanted, local=silent is not None)
    except HFValidationError:
        raise BadInput(f"{repository!r} is no name of a repository on the Hub, ORGANISATION/NAME") from None
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
    if kind == "model" and (missing := missing_weights(folder)):
        raise BadInput(f"{named} is not whole on this machine: {', '.join(missing[:3])} missing; go online once")
    return folder


def page(kind: RepositoryKind, repository: str) -> str:
    """The address of a repository's page on the Hub, where its licence is accepted."""
    return f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{repository}"


def first_line(error: Exception) -> str:
    """The first line of what an exception says, without its full stop; its kind where it says nothing."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
