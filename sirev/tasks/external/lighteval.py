"""Reading of lighteval's details: one Parquet file per task, one row per problem.

Up to version 0.10 a row has `example`, `full_prompt`, `predictions`, `gold` and `metrics`; later `doc`, `model_response`
and `metric`, each an object.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.rows import Row, shown

USUAL_METRICS = (
    *("extractive_match", "expr_gold_metric", "quasi_exact_match", "qem", "exact_match", "em"),
    *("pass@k:k=1", "pass@1", "acc"),
)
"""Metrics of one answer with values 0 or 1, those of the usual tasks first."""


def is_details(values: Mapping[str, Any]) -> bool:
    """Whether a row is from lighteval's details."""
    old = {"predictions", "metrics"} <= values.keys()
    return old or (isinstance(values.get("doc"), dict) and {"model_response", "metric"} <= values.keys())


def lighteval(rows: Sequence[Row], wanted: str | None, *, graded: bool) -> tuple[list[Row], list[str]]:
    """One row per problem with `id`, `text` (a list), `prompt`, `gold` and, if `graded`, `correct`; and the names of all metrics.

    `wanted` names the metric; the default is the first of the usual ones, else the file's first.
    """
    metrics = list(dict.fromkeys(name for row in rows for name in _metrics(row.values)))
    if wanted is not None and wanted not in metrics:
        raise BadInput(f"{rows[0].where}: the details have no metric {wanted!r} (there: {', '.join(metrics) or 'none'})")
    usual = [name for known in USUAL_METRICS for name in metrics if name == known or name.startswith(f"{known}:")]
    chosen = wanted or next(iter(usual or metrics), None)
    return [_detail(row, chosen, graded) for row in rows], metrics


def _detail(row: Row, metric: str | None, graded: bool) -> Row:
    values = row.values
    doc: Any = values.get("doc") if isinstance(values.get("doc"), dict) else None
    gold: Any
    if doc is not None:
        response = values["model_response"] if isinstance(values["model_response"], dict) else {}
        given, question, gold = response.get("text"), doc.get("query"), _golds(doc)
        name = doc.get("id")
    else:
        given, question, gold, name = values["predictions"], values.get("example"), values.get("gold"), None
        question = question or values.get("full_prompt")
    texts = _as_list(given)
    if not texts or not all(one is None or isinstance(one, str) for one in texts):
        raise BadInput(
            f"{row.where}: the predictions are {shown(texts)}, where texts are expected: a multiple-choice task logs the "
            "likelihood of its options and writes no answer"
        )
    golds = [one for one in ([gold] if isinstance(gold, str) else _as_list(gold)) if isinstance(one, str | int | float)]
    found: dict[str, Any] = {
        "id": question if name in (None, "") else name,
        "text": texts,
        "prompt": question or "",
        "gold": str(golds[0]).strip() if len(golds) == 1 else "",
    }
    if graded and metric is not None:
        value = _metrics(values).get(metric)
        if len(texts) > 1 and value not in (0, 1):
            raise BadInput(
                f"{row.where}: {metric} is {shown(value)} for {len(texts)} answers together, no verdict on each; have a grader "
                "of sirev judge: --task or --grader"
            )
        if len(texts) > 1 and value == 1 and not metric.startswith("pass@"):
            found["correct"] = [True] * len(texts)
        elif len(texts) > 1 and value == 0:
            found["correct"] = [False] * len(texts)
        elif len(texts) == 1:
            found["correct"] = value
    return Row(row.where, found)


def _metrics(values: Mapping[str, Any]) -> dict[str, Any]:
    found = values.get("metric", values.get("metrics"))
    return {str(name): one for name, one in found.items() if one is not None} if isinstance(found, dict) else {}


def _golds(doc: Mapping[str, Any]) -> list[Any]:
    choices = _as_list(doc.get("choices"))
    at = [i for i in _as_list(doc.get("gold_index")) if isinstance(i, int) and 0 <= i < len(choices)]
    return [choices[i] for i in at]


def _as_list(value: Any) -> list[Any]:
    """The value as a list; versions before 0.3 wrote lists as text."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            read = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return [value]
        return read if isinstance(read, list) else [value]
    return [] if value is None else [value]
