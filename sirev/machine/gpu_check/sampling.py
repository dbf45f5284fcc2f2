"""Checks of the engines: their agreement, and the frequencies of draws."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from sirev.engines.dispatch import CellDone, SampleRequest, ScoreRequest, Underway, engine_for, sample, score
from sirev.engines.protocol import Cell, DecodingSettings, Prompt
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.small_model import SFT_ROWS
from sirev.machine.gpu_check.training import UNTOLD, adapted, expect_memory_back, free_memory
from sirev.machine.vllm_build import why_no_vllm
from sirev.processes.requests import Emit, Progress

if TYPE_CHECKING:
    from sirev.engines.vllm_engine import VllmEngine

Rows = dict[tuple[str, int], dict[str, Any]]
"""(problem, draw) -> row of the answer."""
_GREEDY = DecodingSettings(0.0, 1.0, 24)
_WARM = DecodingSettings(1.0, 0.95, 8)
_FIRST = DecodingSettings(1.0, 0.95, 1)
"""Settings for first tokens only, whose probabilities can be computed."""
_PROMPTS = tuple(Prompt(f"p{i:02}", row["prompt"]) for i, row in enumerate(SFT_ROWS))
_OPENINGS = tuple(Prompt(f"o{i}", text) for i, text in enumerate(("a", "3 ap", "12 apples and ", "Solution:\n", "#### ", "7 +")))
"""Prompts that the small model did not memorise, so that several tokens are probable."""
_DRAWS = 200


def _cell(prompts: tuple[Prompt, ...], draws: int = 1, first: int = 0) -> Cell:
    return Cell(prompts, first, draws)


def _request(bench: Bench, engine: str, cell: Cell, decoding: DecodingSettings, dtype: str | None = None) -> SampleRequest:
    options = {"context": 256, "gpu_memory": 0.5} if engine == "vllm" else {}
    dtype = dtype or bench.dtype
    return SampleRequest(engine, adapted(bench), "m1+base", decoding, dtype, options, seed=3, cells=(cell,))


def _answers(bench: Bench, request: SampleRequest) -> Rows:
    rows: list[dict[str, Any]] = []

    def collect(event: CellDone | Underway) -> None:
        if isinstance(event, CellDone):
            rows.extend(event.completions)

    bench.child("engine").call(sample, request, collect)
    return {(row["problem_id"], row["draw"]): row for row in rows}


def _agreement(one: Rows, other: Rows) -> float:
    """Share of the answers of `one` with the same text in `other`."""
    return sum(bool(other[key]["text"] == row["text"]) for key, row in one.items()) / len(one)


def sample_on_the_cpu(request: SampleRequest, emit: Emit[Progress]) -> list[dict[str, Any]]:
    """Answers of the transformers engine with its model on the CPU."""
    from sirev.engines.transformers_engine import TransformersEngine
    from sirev.trainers.models import ModelFolders

    folders = ModelFolders.of(request.model)
    engine = TransformersEngine(folders.path, folders.base, dtype=request.dtype)
    engine.model.to("cpu")
    found: list[dict[str, Any]] = []

    def publish(_: int, completions: Any) -> None:
        found.extend({"problem_id": one.problem_id, "draw": one.draw, "text": one.text} for one in completions)

    engine.sample(request.cells, request.decoding, request.seed, publish)
    return found


def transformers_engine(bench: Bench) -> Notes:
    """Check that the transformers engine answers as on the CPU, and that a draw does not depend on its neighbours."""
    notes = Notes()
    greedy = _request(bench, "transformers", _cell(_PROMPTS), _GREEDY, "float32")
    there = _answers(bench, greedy)
    if bench.on_gpu:
        rows = bench.child("engine").call(sample_on_the_cpu, greedy, lambda event: None)
        here = {(row["problem_id"], row["draw"]): row for row in rows}
        agree = _agreement(there, here)
        notes.expect(agree >= 0.9, f"in float32 {agree:.0%} of the greedy answers are the CPU's")
        short = _agreement(_answers(bench, replace(greedy, dtype="bfloat16")), there)
        notes.expect(short >= 0.8, f"in bfloat16 {short:.0%} of the greedy answers are those of float32")
        notes.found.append(f"greedy as on the CPU {agree:.0%}, in bfloat16 {short:.0%}")
    right = sum(there[prompt.problem_id, 0]["text"] == row["completion"] for prompt, row in zip(_PROMPTS, SFT_ROWS, strict=True))
    notes.expect(right > len(SFT_ROWS) / 2, f"{right} of {len(SFT_ROWS)} answers learnt by heart are correct")
    notes.found.append(f"{right} of {len(SFT_ROWS)} answers learnt by heart are correct")
    _expect_draws_alone(bench, notes, "transformers")
    return notes


def _expect_draws_alone(bench: Bench, notes: Notes, engine: str) -> None:
    """Expect draws that are sampled alone to equal those sampled with others."""
    whole = _answers(bench, _request(bench, engine, _cell(_OPENINGS, 8), _WARM))
    late = _answers(bench, _request(bench, engine, _cell(_OPENINGS, 4, first=4), _WARM))
    agree = _agreement(late, whole)
    notes.expect(agree >= 0.9, f"{agree:.0%} of the draws are the same when sampled alone")
    texts = {row["text"] for (problem, _), row in whole.items() if problem == _OPENINGS[0].problem_id}
    notes.expect(len(texts) > 1, "all draws of a problem are one answer")
    notes.found.append(f"draws alone are the same {agree:.0%}")


@dataclass(frozen=True)
class VllmWay:
    """vLLM's choice of model runner, and whether it schedules a step while the GPU works on the previous one."""

    second_runner: bool
    async_scheduling: bool


def vllm_way(request: SampleRequest, emit: Emit[Progress]) -> VllmWay:
    """The way of the engine for such a request."""
    config = cast("VllmEngine", engine_for(request)).config
    return VllmWay(bool(config.use_v2_model_runner), bool(config.scheduler_config.async_scheduling))


def vllm_starts(bench: Bench) -> Notes:
    """Check that vLLM starts with an adapter, twice, and note its way of working."""
    notes = Notes()
    if reason := why_no_vllm(on_gpu=bench.on_gpu):
        return Notes(skipped=reason)
    for start in ("first", "second"):
        bench.clear()
        began = time.monotonic()
        found = _answers(bench, _request(bench, "vllm", _cell(_PROMPTS[:1]), _GREEDY))
        notes.expect(len(found) == 1, f"the {start} start gave {len(found)} answers")
        notes.found.append(f"{start} start and answer {time.monotonic() - began:.0f} s")
    way = bench.child("engine").call(vllm_way, _request(bench, "vllm", _cell(_PROMPTS[:1]), _GREEDY), lambda event: None)
    # The choice is vLLM's, by card and version; sirev's assumptions about its code are about the second runner.
    notes.found.append(f"{'second' if way.second_runner else 'first'} model runner")
    notes.found.append("schedules ahead" if way.async_scheduling else "schedules a step when the last one has ended")
    return notes


def _scores(bench: Bench, engine: str) -> list[tuple[int, float]]:
    """Tokens and log-probability of each memorised answer, by an engine."""
    asked, out = bench.folder / "asked.json", bench.folder / f"scores-{engine}.json"
    asked.write_text(json.dumps([[row["prompt"], row["completion"], True] for row in SFT_ROWS]), encoding="utf-8")
    like = _request(bench, engine, _cell(_PROMPTS), _GREEDY)
    request = ScoreRequest(engine, like.model, like.model_name, like.dtype, like.options, False, asked, out)
    bench.child("engine").call(score, request, lambda event: None)
    return [(tokens, value) for tokens, value in json.loads(out.read_text(encoding="utf-8"))]


def vllm_answers(bench: Bench) -> Notes:
    """Check that an adapter in vLLM has the greedy answers and log-probabilities of the trained model."""
    notes = Notes()
    served, greedy = _scores(bench, "vllm"), _answers(bench, _request(bench, "vllm", _cell(_PROMPTS), _GREEDY))
    trained, ours = _scores(bench, "transformers"), _answers(bench, _request(bench, "transformers", _cell(_PROMPTS), _GREEDY))
    differences = [abs(a - b) / tokens for (tokens, a), (_, b) in zip(served, trained, strict=True)]
    mean, allowed = sum(differences) / len(differences), 0.05 if bench.on_gpu else 1e-3
    notes.expect(mean < allowed, f"served log-probabilities differ by {mean:.4f} nats per token from those of the trained model")
    agree = _agreement(greedy, ours)
    notes.expect(agree >= 0.9, f"{agree:.0%} of the greedy answers are the transformers engine's")
    notes.found.append(f"served and trained differ by {mean:.1e} nats per token; greedy answers agree {agree:.0%}")
    return notes


@dataclass(frozen=True)
class OpeningRequest:
    """A sampling request, for the probabilities of its prompts' first tokens."""

    like: SampleRequest


def first_tokens(request: OpeningRequest, emit: Emit[Progress]) -> list[dict[str, list[float]]]:
    """Per prompt of the first cell: text of a first token -> its probability among all tokens, and within the nucleus."""
    import torch

    from sirev.trainers.models import ModelFolders, load_merged, load_tokenizer
    from sirev.trainers.tokens import answer_text, prompt_ids

    folders = ModelFolders.of(request.like.model)
    tokenizer, decoding = load_tokenizer(folders), request.like.decoding
    model = load_merged(folders, dtype=request.like.dtype).eval()
    model = model.to("cuda") if torch.cuda.is_available() else model
    found = []
    for prompt in request.like.cells[0].prompts:
        before = prompt_ids(tokenizer, prompt.text)
        with torch.inference_mode():
            logits = model(torch.tensor([before], device=model.device)).logits[0, -1].float()
        p = torch.softmax(logits / decoding.temperature, -1).cpu()
        order = p.argsort(descending=True)
        inside = torch.zeros_like(p)
        kept = order[p[order].cumsum(-1) - p[order] < decoding.top_p]
        inside[kept] = p[kept] / p[kept].sum()
        of_text: dict[str, list[float]] = {}
        for token, (whole, part) in enumerate(zip(p.tolist(), inside.tolist(), strict=True)):
            end = token == tokenizer.eos_token_id
            sums = of_text.setdefault("" if end else answer_text(tokenizer, before, [token]), [0.0, 0.0])
            sums[0] += whole
            sums[1] += part
        found.append(of_text)
    return found


def vllm_draws(bench: Bench) -> Notes:
    """Check vLLM's first tokens: frequencies as their probabilities, none outside the nucleus, neighbours independent."""
    from scipy.stats import chi2

    notes = Notes()
    request = _request(bench, "vllm", _cell(_OPENINGS, _DRAWS), _FIRST)
    drawn = _answers(bench, request)
    _expect_draws_alone(bench, notes, "vllm")
    expected = bench.child("checker").call(first_tokens, OpeningRequest(request), lambda event: None)
    statistic, freedom, outside, same, alike, variance = 0.0, 0, 0, 0, 0.0, 0.0
    for prompt, of_text in zip(_OPENINGS, expected, strict=True):
        texts = [drawn[prompt.problem_id, draw]["text"] for draw in range(_DRAWS)]
        # Engines may disagree about a token at the nucleus's edge, but not about an improbable one.
        outside += sum(of_text.get(text, [0.0, 0.0])[0] < 1e-4 for text in texts)
        for share, seen in _bins({text: p[1] for text, p in of_text.items()}, texts):
            statistic += (seen - share * _DRAWS) ** 2 / (share * _DRAWS)
            freedom += 1
        freedom -= 1
        chance = sum(p[1] ** 2 for p in of_text.values())
        same += sum(one == other for one, other in pairwise(texts))
        alike += chance * (_DRAWS - 1)
        variance += chance * (1 - chance) * (_DRAWS - 1)
    p_value = float(chi2.sf(statistic, freedom))
    z = (same - alike) / math.sqrt(variance or 1)
    notes.expect(freedom >= len(_OPENINGS), "the prompts leave too little to chance")
    notes.expect(p_value > 1e-4, f"the draws do not follow the model's probabilities: chi-square {statistic:.0f} of {freedom}")
    notes.expect(outside == 0, f"{outside} draws lie outside the nucleus")
    notes.expect(abs(z) < 5, f"neighbouring draws are alike {z:+.1f} standard errors more often than by chance")
    notes.found.append(f"chi-square {statistic:.0f} of {freedom}, p = {p_value:.2f}; neighbours alike {z:+.1f} standard errors")
    return notes


def _bins(probable: dict[str, float], texts: list[str]) -> list[tuple[float, int]]:
    """Probability and count of each text with at least five expected draws, and of all others together."""
    often = {text: p for text, p in probable.items() if p * _DRAWS >= 5}
    bins = [(p, texts.count(text)) for text, p in often.items()]
    rest = 1 - sum(often.values())
    return [*bins, (rest, sum(text not in often for text in texts))] if rest * _DRAWS >= 5 else bins


def vllm_memory(bench: Bench) -> Notes:
    """Check that vLLM's memory on the GPU is free once its process is killed."""
    if not bench.on_gpu:
        return Notes(skipped="there is no GPU memory to give back")
    notes = Notes()
    bench.clear()
    if (before := free_memory(bench)) is None:
        return Notes(skipped=UNTOLD)
    _answers(bench, _request(bench, "vllm", _cell(_PROMPTS[:1]), _GREEDY))
    held = before - (free_memory(bench) or 0.0)
    bench.child("engine").stop()
    notes.found.append(f"it held {held / 1e9:.1f} GB")
    expect_memory_back(bench, notes, before)
    return notes
