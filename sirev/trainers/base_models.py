"""Pretrained base models: their files in a folder, and their download from the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev import hub
from sirev.errors import BadInput
from sirev.processes.requests import Emit

PATTERNS = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")
"""Patterns of a model's files. Never pickled weights: loading those would run the code in them."""
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
"""Files of which any one makes a tokenizer."""
NOT_THE_MODEL = ("original/*", "consolidated*")  # other formats of the same weights


@dataclass(frozen=True)
class HubModel:
    """A repository of the Hub at a commit."""

    hub: str
    commit: str


@dataclass(frozen=True)
class FetchRequest:
    """A repository of the Hub at a revision; None is its main branch."""

    hub: str
    revision: str | None


def local_files(folder: Path) -> list[str]:
    """The names of the files of a local model; BadInput if the folder holds none."""
    names = _names(folder)
    if "config.json" not in names:
        raise BadInput(f"model: {folder} holds no model: there is no config.json")
    if not any(name.endswith(".safetensors") for name in names):
        raise BadInput(f"model: {folder} has no weights as safetensors; save it again with safe_serialization=True")
    return names


def given_files(folder: Path) -> list[str]:
    """The names of the files of a local model or adapter; BadInput if the folder holds neither."""
    if not hub.is_adapter(folder):
        return local_files(folder)
    if missing := hub.missing_weights(folder):
        raise BadInput(f"model: {folder} holds {hub.ADAPTER_CONFIG} but no {missing[0]}; save the adapter as safetensors")
    return _names(folder)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer."""
    return any((folder / name).is_file() for name in TOKENIZERS)


def local_module_files(folder: Path) -> list[str]:
    """The files of a local sentence-transformers model, including its modules' folders; BadInput if the folder holds none."""
    found = {path for pattern in PATTERNS for path in folder.rglob(pattern)}
    names = sorted(path.relative_to(folder).as_posix() for path in found)
    if not {"modules.json", "config.json"} & set(names):
        raise BadInput(f"evaluation.embedding.model: {folder} holds no model: there is neither modules.json nor config.json")
    if not any(name.endswith(".safetensors") for name in names):
        raise BadInput(f"evaluation.embedding.model: {folder} has no weights as safetensors; save it again as such")
    return names


def _names(folder: Path) -> list[str]:
    return sorted({path.name for pattern in PATTERNS for path in folder.glob(pattern)})


def fetch(request: FetchRequest, emit: Emit[Any]) -> HubModel:
    """Download a model of the Hub, unless it is cached, and return its commit; emits no events."""
    return HubModel(request.hub, snapshot(request.hub, request.revision).name)


def snapshot(repository: str, revision: str | None) -> Path:
    """The folder of a Hub model at a revision, named by its commit; downloaded if it is not cached. Raises BadInput."""
    try:
        return hub.repository_snapshot("model", repository, revision, PATTERNS, NOT_THE_MODEL)
    except BadInput as error:
        raise BadInput(f"model: {error}, or name a local folder") from None
