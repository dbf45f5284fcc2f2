"""Loading of a task's rows, local or from the Hub, as the problems of one split; runs in a child process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.parameters import operational, semantic
from sirev.processes.requests import Emit
from sirev.tasks.external.files import file_form, read_rows
from sirev.tasks.mirrors import published_form
from sirev.tasks.registry import TASKS, template_named
from sirev.tasks.rows import Row, read_hub
from sirev.tasks.subset import hold_out, limited
from sirev.tasks.task import Asked


@dataclass(frozen=True)
class DatasetParameters:
    """Parameters of a split's problems; `files` are the paths of local rows or of the user's class, whose digests are in
    `source`."""

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
    """A request for the problems of a split, to be written to `out` as JSON."""

    parameters: DatasetParameters
    out: Path


def load_problems(request: ProblemsRequest, emit: Emit[Any]) -> int:
    """Write the problems of a split and return their number; emits no events."""
    parameters = request.parameters
    task, split = TASKS[parameters.task], parameters.split
    base = split.partition("/")[0]

    def rows(field: str) -> list[Row]:
        """The rows of the split, or those of another field, from a local file if one is named, else from the Hub."""
        what, upstream = ("rows", task.splits[task.upstream(split)]) if field == "data" else (field, "train")
        if path := parameters.files.get(what):
            return [published_form(parameters.task, row) for row in read_rows(Path(path), file_form(Path(path)))]
        source = parameters.source[what]
        return read_hub(source["hub"], source["config"], source["revision"], upstream)

    wording = template_named(parameters.template) if parameters.template else ""
    problems = task.read(Asked(split, wording, parameters.options, rows, parameters.files.get("class", "")))
    if parameters.dev is not None and base in ("train", "dev"):
        rest, dev = hold_out(problems, parameters.dev, 0)
        problems = rest if base == "train" else dev
    if parameters.limit is not None:
        problems = limited(problems, parameters.limit, parameters.limit_seed)
    request.out.write_text(json.dumps(problems), encoding="utf-8")
    return len(problems)
