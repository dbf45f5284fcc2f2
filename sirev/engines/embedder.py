"""The child's side of embedding answers: one sentence-transformers model, kept loaded between the requests about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.trainers.models import ModelFolders

Emit = Callable[[dict[str, Any]], None]

BATCHES = 16  # between two words of progress; sentence-transformers sorts so many batches' texts by length

_loaded: tuple[str, Any] | None = None


def embed(arguments: dict[str, Any], emit: Emit) -> dict[str, int]:
    """Write a float32 .npy of one row of length 1 a text: (texts, dimensions).

    Arguments: `model`, a model folder; `name`, which tells models apart; `texts`, a JSON file of a list; `batch_size`;
    `out`. Emits {"done", "total"} texts. A text longer than the model reads is embedded by its beginning. Returns
    {"dimensions", "longest": tokens of a text that the model reads}.
    """
    import numpy

    texts = json.loads(Path(arguments["texts"]).read_text(encoding="utf-8"))
    model = _model(arguments)
    step = BATCHES * arguments["batch_size"]
    parts = [numpy.zeros((0, 0), dtype=numpy.float32)] if not texts else []
    for start in range(0, len(texts), step):
        part = texts[start : start + step]
        options = {"batch_size": arguments["batch_size"], "normalize_embeddings": True, "show_progress_bar": False}
        parts.append(model.encode(part, convert_to_numpy=True, **options).astype(numpy.float32))
        emit({"done": start + len(part), "total": len(texts)})
    with Path(arguments["out"]).open("wb") as out:
        numpy.save(out, numpy.concatenate(parts), allow_pickle=False)
    return {"dimensions": int(parts[0].shape[1]), "longest": int(model.max_seq_length or 0)}


def _model(arguments: dict[str, Any]) -> Any:
    global _loaded
    if _loaded is None or _loaded[0] != arguments["name"]:
        _loaded = None  # the old model goes before the new one comes
        _loaded = (arguments["name"], _load(ModelFolders.of(arguments["model"]).path))
    return _loaded[1]


def _load(folder: Path) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise BadInput(f"evaluation.embedding needs the package sentence-transformers ({error})") from None
    # No code that comes with a model is run, and no pickled weights are read.
    options = {"trust_remote_code": False, "local_files_only": True, "model_kwargs": {"use_safetensors": True}}
    return SentenceTransformer(str(folder), **options).eval()
