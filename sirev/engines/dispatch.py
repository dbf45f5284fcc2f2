"""Sampling and scoring in the child process, which keeps the engine of one M_t loaded between requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sirev.engines.protocol import (
    PROGRESS_SECONDS,
    AnswerTokens,
    Cell,
    Completion,
    DecodingSettings,
    SamplingEngine,
    ScoringEngine,
)
from sirev.processes.imports import quick_imports
from sirev.processes.requests import Emit, Progress
from sirev.processes.torch_gpu import require_gpu
from sirev.trainers.models import ModelFolders, ModelSource

_loaded: tuple[str, SamplingEngine] | None = None
loads = 0
"""Number of engines that this process has started."""


@dataclass(frozen=True)
class SampleRequest:
    """Cells to be answered by an engine with a model; `model_name` identifies the model, "ADAPTER+BASE" for an adapter."""

    engine: str
    model: ModelSource
    model_name: str
    decoding: DecodingSettings
    dtype: str
    options: dict[str, Any]
    """Settings that only the engine reads: context, memory, a server's address; `gpu_required` refuses a CPU."""
    seed: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class CellDone:
    """An event: all completions of the cell with this index, as rows of the stage's table."""

    cell: int
    completions: list[dict[str, Any]]


@dataclass(frozen=True)
class Underway:
    """An event: answers and tokens so far of unfinished cells; zero right after the engine was loaded."""

    answers: int
    tokens: int


def sample(request: SampleRequest, emit: Emit[CellDone | Underway]) -> int:
    """Answer all cells; return the number of engines that this process has started."""
    engine = engine_for(request)
    emit(Underway(0, 0))  # the engine is loaded and begins to sample
    engine.sample(
        request.cells,
        request.decoding,
        request.seed,
        lambda index, completions: emit(CellDone(index, [_row(c) for c in completions])),
        lambda answers, tokens: emit(Underway(answers, tokens)),
    )
    return loads


@dataclass(frozen=True)
class ScoreRequest:
    """Answers to be scored under a model; `engine`, `model_name`, `dtype` and `options` are as in `SampleRequest`."""

    engine: str
    model: ModelSource
    model_name: str
    dtype: str
    options: dict[str, Any]
    chat: bool
    """Whether a prompt is a user's turn of the chat template."""
    answers: Path
    """A JSON file: a list of [prompt, answer, whether the end of text is scored too]."""
    out: Path
    """The JSON file to write: a list of [tokens, log-probability] in the same order."""


@dataclass(frozen=True)
class Scored:
    """Numbers of answers that exceeded the context, so that only their beginnings were scored, and of engines started so far."""

    shortened: int
    starts: int


def score(request: ScoreRequest, emit: Emit[Progress]) -> Scored:
    """Score answers, tokenised as in training, with their end of text if the request says so; events count answers."""
    from sirev.trainers.tokens import answer_ids, prompt_ids

    asked = json.loads(request.answers.read_text(encoding="utf-8"))
    engine = cast(ScoringEngine, engine_for(request))
    began = time.monotonic()
    emit(Progress(0, len(asked)))
    whole = []
    for prompt, answer, ended in asked:
        ids = answer_ids(engine.tokenizer, prompt, answer, request.chat)
        before = tuple(prompt_ids(engine.tokenizer, prompt, request.chat))
        whole.append(AnswerTokens(before, tuple(ids if ended else ids[:-1])))
    answers = [one.cut(engine.reads) for one in whole]
    said = time.monotonic()

    def progress(done: int) -> None:
        nonlocal said
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            emit(Progress(done, len(asked), done / (said - began)))

    found = engine.log_probabilities(answers, progress)
    rows = [[len(one.answer), value] for one, value in zip(answers, found, strict=True)]
    request.out.write_text(json.dumps(rows), encoding="utf-8")
    return Scored(sum(one != cut for one, cut in zip(whole, answers, strict=True)), loads)


def engine_for(request: SampleRequest | ScoreRequest) -> SamplingEngine:
    """The engine of a request, loaded unless it is loaded already; BadInput without a required GPU."""
    engines = {"transformers": _transformers, "vllm": _vllm, "server": _server}
    if request.engine not in engines:
        raise ValueError(f"unknown engine {request.engine!r}")
    require_gpu(bool(request.options.get("gpu_required")) and request.engine != "server")
    return engines[request.engine](ModelFolders.of(request.model), request)


def _transformers(folders: ModelFolders, request: SampleRequest | ScoreRequest) -> SamplingEngine:
    def start() -> SamplingEngine:
        with quick_imports():
            from sirev.engines.transformers_engine import TransformersEngine

        return TransformersEngine(folders.path, folders.base, request.options.get("batch_size"), request.dtype)

    return _kept(f"transformers/{request.model_name}/{request.options}/{request.dtype}", start)


def _vllm(folders: ModelFolders, request: SampleRequest | ScoreRequest) -> SamplingEngine:
    from sirev.engines.vllm_engine import VllmEngine
    from sirev.engines.vllm_start import Options, lora_rank

    options = {k: v for k, v in request.options.items() if k in Options.__dataclass_fields__}
    # The adapter of another M_t needs no new engine: the base weights stay loaded.
    rank = lora_rank(folders.path) if folders.base is not None else None
    weights = folders.base or folders.path
    name = f"vllm/{request.model_name.rpartition('+')[2]}/{rank}/{options}/{request.dtype}"
    engine = _kept(name, lambda: VllmEngine(weights, rank, Options(dtype=request.dtype, **options)))
    assert isinstance(engine, VllmEngine)
    engine.use(folders)
    return engine


def _server(folders: ModelFolders, request: SampleRequest | ScoreRequest) -> SamplingEngine:
    from sirev.engines.server_engine import Server, ServerEngine

    options = request.options
    server = Server(options["url"], options["concurrency"], options["patience_minutes"], options["served"])
    return ServerEngine(server, folders, request.model_name)


def _kept(name: str, start: Callable[[], SamplingEngine]) -> SamplingEngine:
    """The loaded engine if it has this name, else a new one that replaces it."""
    global _loaded, loads
    if _loaded is None or _loaded[0] != name:
        _loaded = None  # the old model is freed before the new one is loaded
        _loaded = (name, start())
        loads += 1
    return _loaded[1]


def _row(completion: Completion) -> dict[str, Any]:
    return {
        "problem_id": completion.problem_id,
        "draw": completion.draw,
        "text": completion.text,
        "tokens": len(completion.token_ids),
        "finish": completion.finish,
    }
