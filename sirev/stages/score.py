"""score: log-probabilities of given answers under a model, which need not have written them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sirev.engines import dispatch
from sirev.engines.dispatch import ScoreRequest
from sirev.parameters import operational, semantic
from sirev.stages.model import model_source
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table

SCORE_COLUMNS = {"problem_id": "string", "draw": "int", "tokens": "int", "logprob": "float"}
_ORDER = ("problem_id", "draw")
_DIGITS = 6
"""Decimals kept of a log-probability; the others depend on the batches."""


@dataclass(frozen=True)
class ScoreParameters:
    """The engine and the form of prompts; the model and the answers are inputs."""

    engine: str = semantic()
    dtype: str = semantic(default="auto", absent_means="auto")
    chat_template: bool = semantic(default=False, absent_means=False)
    draws: int | None = semantic(default=None, absent_means=None)
    """Number of completions to score per problem, the first ones; None scores all."""
    end: bool = semantic(default=True, absent_means=True)
    """Whether the end of text is scored, for answers that were not cut off."""
    batch_invariant: bool = semantic(default=False, absent_means=False)
    """Whether the computation of an answer is independent of the rest of its batch."""
    options: dict[str, Any] = operational(default_factory=dict)
    """Settings of the engine: batch size, context, memory."""


def run(parameters: ScoreParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Table `scores`, one row per completion, in their order: problem_id, draw, tokens, logprob.

    `logprob` is log p(answer | prompt) in nats: the sum over the answer's `tokens` at temperature 1. The end of text is
    included unless the answer was cut off or `end` is false. The text is tokenised as in training, since the tokens of
    completions are not stored. Inputs: `model` (and `model_base` for an adapter), `problems`, `completions`. Equal answers
    to a problem are scored once.
    """
    prompts = {p["id"]: p["prompt"] for p in inputs["problems"].rows("problems")}
    completions = inputs["completions"].rows("completions")
    scored = [c for c in completions if parameters.draws is None or c["draw"] < parameters.draws]
    places: dict[tuple[str, str, bool], int] = {}  # prompt, answer, whether its end is scored -> its row in the scores
    ended = [parameters.end and c["finish"] == "stop" for c in scored]
    asked_of = [(prompts[c["problem_id"]], c["text"], end) for c, end in zip(scored, ended, strict=True)]
    of = [places.setdefault(one, len(places)) for one in asked_of]
    asked, answered = context.scratch / "answers.json", context.scratch / "scores.json"
    asked.write_text(json.dumps(list(places)), encoding="utf-8")
    name = "+".join(inputs[name].digest for name in ("model", "model_base") if name in inputs)
    request = ScoreRequest(
        engine=parameters.engine,
        model=model_source("model", inputs, context),
        model_name=name,
        dtype=parameters.dtype,
        options={**parameters.options, "batch_invariant": parameters.batch_invariant},
        chat=parameters.chat_template,
        answers=asked,
        out=answered,
    )
    began = time.monotonic()
    told = context.call(
        "engine",
        dispatch.score,
        request,
        lambda event: context.progress(event.done, event.total, "answers", event.rate),
        # The engine that samples from this model also scores.
        holding=f"{parameters.engine}/{inputs.get('model_base', inputs['model']).digest}/{'model_base' in inputs}",
    )
    seconds = time.monotonic() - began
    values = json.loads(answered.read_text(encoding="utf-8"))
    rows = [
        {"problem_id": c["problem_id"], "draw": c["draw"], "tokens": values[i][0], "logprob": round(values[i][1], _DIGITS)}
        for c, i in zip(scored, of, strict=True)
    ]
    noted = {
        "answers": len(rows),
        "texts": len(places),
        "tokens": sum(tokens for tokens, _ in values),
        "shortened": told.shortened,
        "engine_starts": told.starts,
        "seconds_now": round(seconds, 3),
    }
    return Output(tables={"scores": Table(SCORE_COLUMNS, rows, _ORDER)}, provenance=noted)


STAGE = Stage("score", 1, ScoreParameters, run, place=105, long=True, optional=True, needs=("libraries", "gpu", "engine"))
