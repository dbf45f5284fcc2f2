"""From a task's rows, wherever they are, to the problems of one split; runs in a child process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.tasks import csqa, gsm8k, hendrycks_math, jsonl, mbpp, own
from sirev.tasks.rows import Row, read_hub, read_jsonl
from sirev.tasks.splits import FEW_SHOT, upstream_split
from sirev.tasks.subset import hold_out, limited

Emit = Callable[[dict[str, Any]], None]
ProblemRows = list[dict[str, str]]

HUB_SPLITS = {"csqa": {"test": "validation"}, "mbpp": {"dev": "validation"}}
"""What a split is called on the Hub, where it is not called the same."""


def load(arguments: dict[str, Any], emit: Emit) -> dict[str, int]:
    """Write the problems of a split to `arguments["out"]` as JSON; see `sirev.stages.dataset` for the other arguments."""
    task, split = arguments["task"], arguments["split"]
    base = split.partition("/")[0]
    problems = _problems(task, split, arguments)
    if arguments["dev"] is not None and base in ("train", "dev"):
        rest, dev = hold_out(problems, arguments["dev"], 0)
        problems = rest if base == "train" else dev
    if arguments["limit"] is not None:
        problems = limited(problems, arguments["limit"], arguments["limit_seed"])
    Path(arguments["out"]).write_text(json.dumps(problems), encoding="utf-8")
    return {"problems": len(problems)}


def _problems(task: str, split: str, arguments: dict[str, Any]) -> ProblemRows:
    options, template = arguments["options"], arguments["template"]
    if task == "python":
        return own.problems(arguments["files"]["class"], upstream_split(task, split), options["options"])
    rows = _rows(arguments, "rows", HUB_SPLITS.get(task, {}).get(upstream_split(task, split), upstream_split(task, split)))
    if task == "gsm8k":
        return gsm8k.problems(rows, calculator=options["calculator"], template=template)
    if task == "math":
        return hendrycks_math.problems(rows, subjects=options["subjects"], levels=options["levels"], template=template)
    if task == "mbpp":
        return mbpp.problems(rows, split, template=template)
    if task == "jsonl":
        return jsonl.problems(rows, options["prompt"], options["target"])
    if split == FEW_SHOT:
        return csqa.few_shot(rows)
    explained = _rows(arguments, "explanations", "train") if options["rationales"] == "ecqa" else None
    return csqa.problems(rows, split, rationales=options["rationales"], explanations=explained, template=template)


def _rows(arguments: dict[str, Any], what: str, split: str) -> list[Row]:
    """The rows of a split, or ECQA's explanations, from the local file if one is named, else from the Hub."""
    if path := arguments["files"].get(what):
        return read_jsonl(path)
    source = arguments["source"][what]
    return read_hub(source["hub"], source["config"], source["revision"], split)
