"""The child's side of embedding answers: one sentence-transformers model, kept loaded between the requests about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.processes.requests import Emit, Progress
from sirev.trainers.models import ModelFolders, ModelSource

BATCHES = 16  # between two words of progress; sentence-transformers sorts so many batches' texts by length

_loaded: tuple[str, Any] | None = None


@dataclass(frozen=True)
class EmbedRequest:
    """Texts to embed, a JSON file of a list, into the .npy file `out`; `name` tells models apart."""

    model: ModelSource
    name: str
    texts: Path
    batch_size: int
    out: Path


@dataclass(frozen=True)
class Embedded:
    """The length of a vector, and how many tokens of a text the model reads."""

    dimensions: int
    longest: int


def embed(request: EmbedRequest, emit: Emit[Progress]) -> Embedded:
    """Write a float32 .npy of one row of length 1 a text: (texts, dimensions); events count texts.

    A text longer than the model reads is embedded by its beginning.
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
        _loaded = None  # the old model goes before the new one comes
        _loaded = (request.name, _load(ModelFolders.of(request.model).path))
    return _loaded[1]


def _load(folder: Path) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise BadInput(f"evaluation.embedding needs the package sentence-transformers ({error})") from None
    # No code that comes with a model is run, and no pickled weights are read.
    options = {"trust_remote_code": False, "local_files_only": True, "model_kwargs": {"use_safetensors": True}}
    return SentenceTransformer(str(folder), **options).eval()
