"""From a task's rows, wherever they are, to the problems of one split; runs in a child process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.tasks.registry import TASKS, template_named
from sirev.tasks.rows import Row, read_hub, read_jsonl
from sirev.tasks.subset import hold_out, limited
from sirev.tasks.task import Asked

Emit = Callable[[dict[str, Any]], None]


def load(arguments: dict[str, Any], emit: Emit) -> dict[str, int]:
    """Write the problems of a split to `arguments["out"]` as JSON; see `sirev.stages.dataset` for the other arguments."""
    task, split, template = TASKS[arguments["task"]], arguments["split"], arguments["template"]
    base = split.partition("/")[0]

    def rows(field: str) -> list[Row]:
        """The rows of the split, or those of another field, from the local file if one is named, else from the Hub."""
        what, upstream = ("rows", task.splits[task.upstream(split)]) if field == "data" else (field, "train")
        if path := arguments["files"].get(what):
            return read_jsonl(path)
        source = arguments["source"][what]
        return read_hub(source["hub"], source["config"], source["revision"], upstream)

    wording = template_named(template) if template else ""
    problems = task.read(Asked(split, wording, arguments["options"], rows, arguments["files"].get("class", "")))
    if arguments["dev"] is not None and base in ("train", "dev"):
        rest, dev = hold_out(problems, arguments["dev"], 0)
        problems = rest if base == "train" else dev
    if arguments["limit"] is not None:
        problems = limited(problems, arguments["limit"], arguments["limit_seed"])
    Path(arguments["out"]).write_text(json.dumps(problems), encoding="utf-8")
    return {"problems": len(problems)}
