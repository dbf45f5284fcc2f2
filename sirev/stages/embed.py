"""embed: diversity of one M_t's answers by an embedding model, the family "embedding" of measures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sirev.engines.embedder import EmbedRequest, embed
from sirev.metrics.families.embedding import embedding_diversity
from sirev.parameters import operational
from sirev.stages.model import model_source
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json


@dataclass(frozen=True)
class EmbedParameters:
    """Settings of the embedding; the model and the answers are inputs."""

    batch_size: int = operational(default=64)


def run(parameters: EmbedParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`measures.json`: {"problems": [{"id", "level", ...}]}, sorted by id; see `embedding_diversity`.

    Inputs: `problems`, `completions`, `grades`, and `model`, a sentence-transformers model. Equal texts are embedded once.
    """
    import numpy

    levels = {p["id"]: p["level"] for p in inputs["problems"].rows("problems")}
    places: dict[str, int] = {}  # text -> its row in the vectors
    rows, right, draws = defaultdict[str, list[int]](list), defaultdict[str, list[bool]](list), defaultdict[str, list[int]](list)
    completions, grades = inputs["completions"].rows("completions"), inputs["grades"].rows("grades")
    for completion, verdict in zip(completions, grades, strict=True):
        problem = completion["problem_id"]
        rows[problem].append(places.setdefault(completion["text"], len(places)))
        right[problem].append(verdict["correct"])
        draws[problem].append(completion["draw"])
    asked, answered = context.scratch / "texts.json", context.scratch / "vectors.npy"
    asked.write_text(json.dumps(list(places)), encoding="utf-8")
    digest = inputs["model"].digest
    embedded = context.call(
        "engine",
        embed,
        EmbedRequest(model_source("model", inputs, context), digest, asked, parameters.batch_size, answered),
        lambda event: context.progress(event.done, event.total, "texts"),
        holding=f"embedder/{digest}",
    )
    vectors = numpy.load(answered, allow_pickle=False)
    problems = [{"id": x, "level": levels[x], **embedding_diversity(vectors[rows[x]], right[x], draws[x])} for x in sorted(rows)]
    noted = {**asdict(embedded), "answers": len(completions), "texts": len(places)}
    return Output(files={"measures.json": canonical_json({"problems": problems})}, provenance=noted)


STAGE = Stage("embed", 1, EmbedParameters, run, place=110, long=True, needs=("libraries", "gpu", "embedding"))
