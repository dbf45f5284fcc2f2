"""sample: answers of a model to problems, in shards that survive an interruption.

Shards lie on a fixed grid of problems and draw indices. Each is a separate action, so raising N computes only the
missing draws, and a killed sampling continues where it stopped.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sirev.engines import dispatch
from sirev.engines.dispatch import CellDone, SampleRequest, Underway
from sirev.engines.protocol import Cell, DecodingSettings, Prompt
from sirev.parameters import keyed_parameters, operational, semantic
from sirev.stages.model import model_source
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output, TableParts
from sirev.store.digests import canonical_json, sha256
from sirev.store.tables import Table

VERSION = 2
CELL_PROBLEMS = 128
CELL_DRAWS = 16
DRAW_BORDERS = (8, 50)  # in addition to multiples of CELL_DRAWS: growing N from 8 to 16 or from 50 to 64 keeps every shard
"""The grid; a change needs a new stage version, because batches never cross a cell's border."""

COMPLETION_COLUMNS = {"problem_id": "string", "draw": "int", "text": "string", "tokens": "int", "finish": "string"}
ORDER = ("problem_id", "draw")


@dataclass(frozen=True)
class SampleParameters:
    """Settings of `n` draws per problem at `temperature`; for 0, greedy, top_p and seed are 1 and 0."""

    engine: str = semantic()
    n: int = semantic()
    temperature: float = semantic()
    top_p: float = semantic()
    max_new_tokens: int = semantic()
    seed: int = semantic()
    problems: int | None = semantic(default=None, absent_means=None)
    dtype: str = semantic(default="auto", absent_means="auto")
    stop: list[str] = semantic(default_factory=list, absent_means=[])
    chat_template: bool = semantic(default=False, absent_means=False)
    repeat: int = semantic(default=0, absent_means=0)
    """Number of earlier samplings of the same: greedy answers are sampled again, not looked up."""
    ends: list[int] = semantic(default_factory=list, absent_means=[])
    """Ids of tokens that end an answer of this model, in addition to its tokenizer's end of text."""
    batch_invariant: bool = semantic(default=False, absent_means=False)
    """Whether the computation of an answer is independent of the rest of its batch."""
    options: dict[str, Any] = operational(default_factory=dict)
    """Settings of the engine: context, memory, a server's address."""


def run(parameters: SampleParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Table `completions`: problem_id, draw, text, tokens (without end of text), finish ("stop" or "length").

    Inputs: `model` (and `model_base` for an adapter) and `problems`, of which the first `parameters.problems` are used.
    """
    problems = inputs["problems"].rows("problems")[: parameters.problems]
    whole = grid([Prompt(p["id"], p["prompt"]) for p in problems], parameters.n)
    found = [part for cell in whole for part in _parts(cell, lambda cell: context.stored(_cell_action(parameters, inputs, cell)))]
    cells = [cell for cell, _ in found]
    actions = [_cell_action(parameters, inputs, cell) for cell in cells]
    shards = {i: shard for i, (_, shard) in enumerate(found) if shard is not None}
    missing = [i for i in range(len(cells)) if i not in shards]
    starts, tokens, began, seconds = 0, 0, time.monotonic(), 0.0
    if missing:
        total = sum(len(c.prompts) * c.draws for c in cells)
        done = total - sum(len(cells[i].prompts) * cells[i].draws for i in missing)

        def publish(event: CellDone | Underway) -> None:
            nonlocal done, tokens, began
            if isinstance(event, Underway):
                if not event.answers:
                    began = time.monotonic()
                    return
                rate = (tokens + event.tokens) / (time.monotonic() - began)
                context.progress(done + event.answers, total, "answers", rate)
                return
            index = missing[event.cell]
            table = Table(COMPLETION_COLUMNS, event.completions, ORDER)
            shards[index] = context.keep(actions[index], Output(tables={"completions": table}))
            done += len(event.completions)
            tokens += sum(row["tokens"] for row in event.completions)
            context.progress(done, total, "answers", tokens / (time.monotonic() - began))

        context.progress(done, total, "answers")
        request = _request(parameters, inputs, [cells[i] for i in missing], context)
        # An engine keeps its weights as long as requests have the same base.
        holding = f"{parameters.engine}/{inputs.get('model_base', inputs['model']).digest}/{'model_base' in inputs}"
        starts = context.call("engine", dispatch.sample, request, publish, holding)
        seconds = time.monotonic() - began
    now = {"engine_starts": starts, "tokens_now": tokens, "seconds_now": round(seconds, 3)}
    return _assembled([shards[i] for i in range(len(cells))], cells, now)


def grid(prompts: Sequence[Prompt], n: int) -> Iterator[Cell]:
    """The cells that cover `n` draws of every prompt, sorted by block of problems."""
    borders = sorted({*range(0, n, CELL_DRAWS), *(border for border in DRAW_BORDERS if border < n), n})
    for start in range(0, len(prompts), CELL_PROBLEMS):
        for first, end in itertools.pairwise(borders):
            yield Cell(tuple(prompts[start : start + CELL_PROBLEMS]), first, end - first)


def _parts(cell: Cell, stored: Callable[[Cell], Artifact | None]) -> Iterator[tuple[Cell, Artifact | None]]:
    """A cell with its shard; if it has none, its parts with shards from an earlier sampling with a smaller N, then the rest."""
    for draws in range(cell.draws, 0, -1):
        part = replace(cell, draws=draws)
        if shard := stored(part):
            yield part, shard
            if draws < cell.draws:
                yield from _parts(replace(cell, first_draw=cell.first_draw + draws, draws=cell.draws - draws), stored)
            return
    yield cell, None


def _cell_action(parameters: SampleParameters, inputs: Mapping[str, Artifact], cell: Cell) -> dict[str, Any]:
    kept = keyed_parameters(replace(parameters, n=cell.draws, problems=None))
    digests = {name: inputs[name].semantic for name in ("model", "model_base") if name in inputs}
    return {
        "stage": "sample-shard",
        "version": VERSION,
        "parameters": {**kept, "first_draw": cell.first_draw},
        "inputs": {**digests, "prompts": sha256(canonical_json([[prompt.problem_id, prompt.text] for prompt in cell.prompts]))},
    }


def _request(
    parameters: SampleParameters, inputs: Mapping[str, Artifact], cells: Sequence[Cell], context: Context
) -> SampleRequest:
    return SampleRequest(
        engine=parameters.engine,
        model=model_source("model", inputs, context),
        model_name="+".join(inputs[name].digest for name in ("model", "model_base") if name in inputs),
        decoding=DecodingSettings(
            temperature=parameters.temperature,
            top_p=parameters.top_p,
            max_new_tokens=parameters.max_new_tokens,
            stop=tuple(parameters.stop),
            chat=parameters.chat_template,
            ends=tuple(parameters.ends),
        ),
        dtype=parameters.dtype,
        options={**parameters.options, "batch_invariant": parameters.batch_invariant},
        seed=parameters.seed,
        cells=tuple(cells),
    )


def _assembled(shards: list[Artifact], cells: list[Cell], now: dict[str, Any]) -> Output:
    """One table made of the shards' files, which are not copied. `now` is the provenance of this attempt."""
    rows = [row for shard in shards for row in shard.rows("completions")]
    parts = {}
    for shard, cell in zip(shards, cells, strict=True):
        (entry,) = shard.manifest["files"].values()
        parts[f"completions/{cell.prompts[0].problem_id}-{cell.first_draw:04d}.parquet"] = (entry["sha256"], entry["size"])
    provenance = {
        "answers": len(rows),
        "tokens": sum(row["tokens"] for row in rows),
        "truncated": sum(row["finish"] == "length" for row in rows),
        **now,
    }
    return Output(tables={"completions": TableParts(Table(COMPLETION_COLUMNS, rows, ORDER), parts)}, provenance=provenance)


STAGE = Stage("sample", VERSION, SampleParameters, run, place=80, long=True, needs=("libraries", "gpu", "engine"))
