"""embed: the family "embedding" of measures: how unlike one M_t's answers are by an embedding model."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sirev.metrics.embedding import embedding_diversity
from sirev.stages.model import model_folders
from sirev.stages.stage import Context, Stage, operational
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json


@dataclass(frozen=True)
class EmbedParameters:
    """How the model is run; which one it is, and what it embeds, are inputs."""

    batch_size: int = operational(default=64)


def run(parameters: EmbedParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`measures.json`: {"problems": [{"id", "level", ...}]}, in the order of ids; see `embedding_diversity`.

    Inputs: `problems`, `completions`, `grades`, and `model`, a sentence-transformers model. Equal texts are embedded once.
    """
    import numpy

    levels = {p["id"]: p["level"] for p in inputs["problems"].rows("problems")}
    places: dict[str, int] = {}  # text -> its row among the vectors
    rows, right, draws = defaultdict[str, list[int]](list), defaultdict[str, list[bool]](list), defaultdict[str, list[int]](list)
    completions, grades = inputs["completions"].rows("completions"), inputs["grades"].rows("grades")
    for completion, verdict in zip(completions, grades, strict=True):
        problem = completion["problem_id"]
        rows[problem].append(places.setdefault(completion["text"], len(places)))
        right[problem].append(verdict["correct"])
        draws[problem].append(completion["draw"])
    asked, answered = context.scratch / "texts.json", context.scratch / "vectors.npy"
    asked.write_text(json.dumps(list(places)), encoding="utf-8")
    told = context.call(
        "engine",
        "sirev.engines.embedder:embed",
        {
            "model": model_folders("model", inputs, context),
            "child": f"embedder/{inputs['model'].digest}",
            "name": inputs["model"].digest,
            "texts": str(asked),
            "batch_size": parameters.batch_size,
            "out": str(answered),
        },
        lambda event: context.progress(event["done"], event["total"], "texts"),
    )
    vectors = numpy.load(answered, allow_pickle=False)
    problems = [{"id": x, "level": levels[x], **embedding_diversity(vectors[rows[x]], right[x], draws[x])} for x in sorted(rows)]
    noted = {**told, "answers": len(completions), "texts": len(places)}
    return Output(files={"measures.json": canonical_json({"problems": problems})}, provenance=noted)


STAGE = Stage("embed", 1, EmbedParameters, run, place=110, long=True, needs=("gpu", "embedding"))
