"""Pretrained base models: which files of a folder are the model, and how one comes from the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev import hub
from sirev.errors import BadInput
from sirev.processes.requests import Emit

PATTERNS = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")
"""What a model consists of. Never pickled weights; loading those would run whatever is in them."""
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
"""Files any of which is a tokenizer."""
NOT_THE_MODEL = ("original/*", "consolidated*")  # other people's formats of the same weights


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
    """The names of the files of a local model; BadInput if it is none."""
    names = _names(folder)
    if "config.json" not in names:
        raise BadInput(f"model: {folder} holds no model: there is no config.json")
    if not any(name.endswith(".safetensors") for name in names):
        raise BadInput(f"model: {folder} has no weights as safetensors; save it again with safe_serialization=True")
    return names


def given_files(folder: Path) -> list[str]:
    """The names of the files of a local model or adapter that somebody else trained; BadInput if it is neither."""
    if not hub.is_adapter(folder):
        return local_files(folder)
    if missing := hub.missing_weights(folder):
        raise BadInput(f"model: {folder} holds {hub.ADAPTER_CONFIG} but no {missing[0]}; save the adapter as safetensors")
    return _names(folder)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer."""
    return any((folder / name).is_file() for name in TOKENIZERS)


def local_module_files(folder: Path) -> list[str]:
    """The files of a local sentence-transformers model, some of them in its modules' folders; BadInput if it is none."""
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
    """Have a model of the Hub on this machine, and say at which commit; there are no events."""
    return HubModel(request.hub, snapshot(request.hub, request.revision).name)


def snapshot(repository: str, revision: str | None) -> Path:
    """The folder of a Hub model at a revision, named by its commit; downloaded unless the local cache has it."""
    try:
        return hub.repository_snapshot("model", repository, revision, PATTERNS, NOT_THE_MODEL)
    except BadInput as error:
        raise BadInput(f"model: {error}, or name a local folder") from None
