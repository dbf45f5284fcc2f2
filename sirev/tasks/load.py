"""From a task's rows, wherever they are, to the problems of one split; runs in a child process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.parameters import operational, semantic
from sirev.processes.requests import Emit
from sirev.tasks import csqa, gsm8k, hendrycks_math, jsonl, mbpp, own
from sirev.tasks.rows import Row, read_hub, read_jsonl
from sirev.tasks.splits import FEW_SHOT, upstream_split
from sirev.tasks.subset import hold_out, limited

Problems = list[dict[str, str]]

HUB_SPLITS = {"csqa": {"test": "validation"}, "mbpp": {"dev": "validation"}}
"""What a split is called on the Hub, where it is not called the same."""


@dataclass(frozen=True)
class DatasetParameters:
    """Which rows become which problems; `files` are where local rows, or a class of the user's, lie: `source` has their
    digests."""

    task: str = semantic()
    split: str = semantic()
    source: dict[str, Any] = semantic()
    template: str = semantic()
    options: dict[str, Any] = semantic()
    limit: int | None = semantic(default=None, absent_means=None)
    limit_seed: int = semantic(default=0, absent_means=0)
    dev: int | None = semantic(default=None, absent_means=None)
    files: dict[str, str] = operational(default_factory=dict)


@dataclass(frozen=True)
class ProblemsRequest:
    """The problems of a split, written into the file `out` as JSON."""

    parameters: DatasetParameters
    out: Path


def load(request: ProblemsRequest, emit: Emit[Any]) -> int:
    """Write the problems of a split and return how many there are; there are no events."""
    asked = request.parameters
    base = asked.split.partition("/")[0]
    problems = _problems(asked)
    if asked.dev is not None and base in ("train", "dev"):
        rest, dev = hold_out(problems, asked.dev, 0)
        problems = rest if base == "train" else dev
    if asked.limit is not None:
        problems = limited(problems, asked.limit, asked.limit_seed)
    request.out.write_text(json.dumps(problems), encoding="utf-8")
    return len(problems)


def _problems(asked: DatasetParameters) -> Problems:
    task, split, options, template = asked.task, asked.split, asked.options, asked.template
    if task == "python":
        return own.problems(asked.files["class"], upstream_split(task, split), options["options"])
    rows = _rows(asked, "rows", HUB_SPLITS.get(task, {}).get(upstream_split(task, split), upstream_split(task, split)))
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
    explained = _rows(asked, "explanations", "train") if options["rationales"] == "ecqa" else None
    return csqa.problems(rows, split, rationales=options["rationales"], explanations=explained, template=template)


def _rows(asked: DatasetParameters, what: str, split: str) -> list[Row]:
    """The rows of a split, or ECQA's explanations, from the local file if one is named, else from the Hub."""
    if path := asked.files.get(what):
        return read_jsonl(path)
    source = asked.source[what]
    return read_hub(source["hub"], source["config"], source["revision"], split)
