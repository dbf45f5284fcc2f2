"""The child's side of sampling: keeps the engine of one M_t loaded between the requests about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sirev.engines.protocol import Cell, Completion, Decoding, Engine, Prompt
from sirev.trainers.models import ModelFolders

Emit = Callable[[dict[str, Any]], None]

_loaded: tuple[str, Engine] | None = None
loads = 0
"""How many engines this process has started."""


def sample(arguments: dict[str, Any], emit: Emit) -> dict[str, int]:
    """Answer all cells of a request of `sirev.stages.sample`; emits {"cell", "completions"} as each is complete.

    Between them {"answers", "tokens"}: how much there is of cells that are not.
    """
    cells = [
        Cell(tuple(Prompt(*pair) for pair in cell["prompts"]), cell["first_draw"], cell["draws"]) for cell in arguments["cells"]
    ]
    decoding = arguments["decoding"]
    engine = _engine(arguments)
    emit({"answers": 0, "tokens": 0})  # it is loaded; from here on it samples
    engine.sample(
        cells,
        Decoding(**{**decoding, "stop": tuple(decoding["stop"])}),
        arguments["seed"],
        lambda index, completions: emit({"cell": index, "completions": [_row(c) for c in completions]}),
        lambda answers, tokens: emit({"answers": answers, "tokens": tokens}),
    )
    return {"loads": loads}


def _engine(arguments: dict[str, Any]) -> Engine:
    engines = {"transformers": _transformers, "vllm": _vllm, "server": _server}
    if arguments["engine"] not in engines:
        raise ValueError(f"unknown engine {arguments['engine']!r}")
    return engines[arguments["engine"]](ModelFolders.of(arguments["model"]), arguments)


def _transformers(folders: ModelFolders, arguments: dict[str, Any]) -> Engine:
    def start() -> Engine:
        from sirev.engines.transformers_engine import TransformersEngine

        return TransformersEngine(folders.path, folders.base, arguments["options"].get("batch_size"), arguments["dtype"])

    return _kept(f"transformers/{arguments['model_name']}/{arguments['options']}/{arguments['dtype']}", start)


def _vllm(folders: ModelFolders, arguments: dict[str, Any]) -> Engine:
    from sirev.engines.vllm_engine import Options, VllmEngine, lora_rank

    options = {k: v for k, v in arguments["options"].items() if k in Options.__dataclass_fields__}
    # An adapter of another M_t needs no new engine: the base weights stay.
    rank = lora_rank(folders.path) if folders.base is not None else None
    weights = folders.base or folders.path
    name = f"vllm/{arguments['model_name'].rpartition('+')[2]}/{rank}/{options}/{arguments['dtype']}"
    engine = _kept(name, lambda: VllmEngine(weights, rank, Options(dtype=arguments["dtype"], **options)))
    assert isinstance(engine, VllmEngine)
    engine.use(folders)
    return engine


def _server(folders: ModelFolders, arguments: dict[str, Any]) -> Engine:
    from sirev.engines.server_engine import Server, ServerEngine

    options = arguments["options"]
    server = Server(options["url"], options["concurrency"], options["patience_minutes"], options["served"])
    return ServerEngine(server, folders, arguments["model_name"])


def _kept(name: str, start: Callable[[], Engine]) -> Engine:
    """The loaded engine if it is the one of this name, else a new one in its place."""
    global _loaded, loads
    if _loaded is None or _loaded[0] != name:
        _loaded = None  # the old model goes before the new one comes
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
