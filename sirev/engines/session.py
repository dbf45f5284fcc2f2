"""The engine of a resident child: keeps the model that was asked last loaded, and answers cells with it.

Everything asked of one M_t in a row is thus one load, whichever stages ask.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.engines.protocol import Cell, Completion, Decoding, Engine, Prompt

Emit = Callable[[dict[str, Any]], None]

_loaded: tuple[str, Engine] | None = None
loads = 0
"""How many models this process has loaded."""


def sample(arguments: dict[str, Any], emit: Emit) -> dict[str, int]:
    """Answer all cells of a request of `sirev.stages.sample`; emits {"cell", "completions"} as each is complete."""
    cells = [
        Cell(tuple(Prompt(*pair) for pair in cell["prompts"]), cell["first_draw"], cell["draws"]) for cell in arguments["cells"]
    ]
    engine = _engine(arguments)
    engine.sample(
        cells,
        Decoding(**arguments["decoding"]),
        arguments["seed"],
        lambda index, completions: emit({"cell": index, "completions": [_row(c) for c in completions]}),
    )
    return {"loads": loads}


def _engine(arguments: dict[str, Any]) -> Engine:
    global _loaded, loads
    name = f"{arguments['engine']}/{arguments['model_name']}/{arguments['batch_size']}"
    if _loaded is None or _loaded[0] != name:
        _loaded = None  # the old model goes before the new one comes
        folder = arguments["model"]
        base = Path(folder["base"]) if folder["base"] else None
        if arguments["engine"] != "transformers":
            raise ValueError(f"unknown engine {arguments['engine']!r}")
        from sirev.engines.transformers_engine import TransformersEngine

        _loaded = (name, TransformersEngine(Path(folder["path"]), base, arguments["batch_size"]))
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
