"""Pretrained base models: which files of a folder are the model, and how one comes from the Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.errors import BadInput

PATTERNS = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")
"""What a model consists of. Never pickled weights; loading those would run whatever is in them."""
NOT_THE_MODEL = ("original/*", "consolidated*")  # other people's formats of the same weights

Emit = Callable[[dict[str, Any]], None]


def local_files(folder: Path) -> list[str]:
    """The names of the files of a local model; BadInput if it is none."""
    names = sorted({path.name for pattern in PATTERNS for path in folder.glob(pattern)})
    if "config.json" not in names:
        raise BadInput(f"model: {folder} holds no model: there is no config.json")
    if not any(name.endswith(".safetensors") for name in names):
        raise BadInput(f"model: {folder} has no weights as safetensors; save it again with safe_serialization=True")
    return names


def is_local(name: str) -> bool:
    """Whether a model's name is a path: one that exists, or that could be no repository on the Hub."""
    return Path(name).expanduser().is_dir() or name.startswith(("/", "./", "../", "~")) or name.count("/") > 1


def fetch(arguments: dict[str, Any], emit: Emit) -> dict[str, str]:
    """Have a Hub model on this machine: {"commit", "path"}. Arguments: `hub`, `revision` (None: main)."""
    path = snapshot(arguments["hub"], arguments["revision"])
    return {"commit": path.name, "path": str(path)}


def snapshot(repository: str, revision: str | None) -> Path:
    """The folder of a Hub model at a revision, named by its commit; downloaded unless the local cache has it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    named = f"model: {repository}{f' at {revision}' if revision else ''}"
    wanted: dict[str, Any] = {"revision": revision, "allow_patterns": list(PATTERNS), "ignore_patterns": list(NOT_THE_MODEL)}
    try:
        return Path(snapshot_download(repository, **wanted))
    except GatedRepoError:
        raise BadInput(
            f"{named} is gated: accept its licence at https://huggingface.co/{repository}, then run `hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise BadInput(f"{named}: the Hub has no such revision") from None
    except RepositoryNotFoundError:
        raise BadInput(f"{named}: the Hub has no such model (a private one needs `hf auth login`)") from None
    except HFValidationError:
        raise BadInput(f"{named}: neither a folder here nor ORGANISATION/NAME on the Hub") from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadInput(f"{named} is not on this machine and can't be fetched: {reason}") from None
