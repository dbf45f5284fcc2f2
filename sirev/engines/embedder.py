"""Embedding of answers in the child process, which keeps one sentence-transformers model loaded between requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.processes.imports import quick_imports
from sirev.processes.requests import Emit, Progress
from sirev.trainers.models import ModelFolders, ModelSource

BATCHES = 16  # per event of progress; sentence-transformers sorts the texts of these batches by length

_loaded: tuple[str, Any] | None = None


@dataclass(frozen=True)
class EmbedRequest:
    """Texts to embed, in a JSON file with a list, and the .npy file `out` to write; `name` identifies the model."""

    model: ModelSource
    name: str
    texts: Path
    batch_size: int
    out: Path


@dataclass(frozen=True)
class Embedded:
    """The length of a vector, and the most tokens of a text that the model reads (0 if unknown)."""

    dimensions: int
    longest: int


def embed(request: EmbedRequest, emit: Emit[Progress]) -> Embedded:
    """Write a float32 .npy of shape (texts, dimensions), with one unit vector per text; events count texts.

    Of a text that is longer than the model reads, only the beginning counts.
    """
    import numpy

    texts = json.loads(request.texts.read_text(encoding="utf-8"))
    model = _model(request)
    step = BATCHES * request.batch_size
    parts = [numpy.zeros((0, 0), dtype=numpy.float32)] if not texts else []
    for start in range(0, len(texts), step):
        part = texts[start : start + step]
        options = {"batch_size": request.batch_size, "normalize_embeddings": True, "show_progress_bar": False}
        parts.append(model.encode(part, convert_to_numpy=True, **options).astype(numpy.float32))
        emit(Progress(start + len(part), len(texts)))
    with request.out.open("wb") as out:
        numpy.save(out, numpy.concatenate(parts), allow_pickle=False)
    return Embedded(dimensions=int(parts[0].shape[1]), longest=int(model.max_seq_length or 0))


def _model(request: EmbedRequest) -> Any:
    global _loaded
    if _loaded is None or _loaded[0] != request.name:
        _loaded = None  # the old model is freed before the new one is loaded
        _loaded = (request.name, _load(ModelFolders.of(request.model).path))
    return _loaded[1]


def _load(folder: Path) -> Any:
    try:
        with quick_imports():
            from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise BadInput(f"evaluation.embedding needs the package sentence-transformers ({error})") from None
    # No code that comes with a model is run, and no pickled weights are read.
    options = {"trust_remote_code": False, "local_files_only": True, "model_kwargs": {"use_safetensors": True}}
    return SentenceTransformer(str(folder), **options).eval()
