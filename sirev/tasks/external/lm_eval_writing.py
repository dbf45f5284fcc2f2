"""Writing of results and samples in the form of lm-evaluation-harness with `--log_samples`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sirev.tasks.external.answer_log import AnswerLog, distinct_name

_METRIC = "exact_match"
"""The name of the verdict in these logs, for any grader; the grader is named as the filter."""


def write_lm_eval_log(log: AnswerLog, folder: Path) -> list[Path]:
    """Write results_TASK_TIME.json and samples_TASK_TIME.jsonl into a folder per model, and return both paths.

    The samples have a row per problem, as with the harness's `repeats`; for several draws the metric is a list, one per draw.
    """
    task, model = distinct_name(log.task), distinct_name(log.model)
    problems = log.problems()
    accuracy, error = log.accuracy()
    results = {
        "results": {
            task: {
                "alias": log.task,
                f"{_METRIC},{log.grader}": accuracy,
                f"{_METRIC}_stderr,{log.grader}": error if len(problems) > 1 else "N/A",
            }
        },
        "group_subtasks": {task: []},
        "configs": {task: {"task": task, "output_type": "generate_until", "repeats": max(map(len, problems)), "num_fewshot": 0}},
        "versions": {task: 0},
        "n-shot": {task: 0},
        "higher_is_better": {task: {_METRIC: True}},
        "n-samples": {task: {"original": len(problems), "effective": len(problems)}},
        "config": {"model": "sirev", "model_args": dict(log.details)},
        "date": datetime.fromisoformat(log.created).timestamp(),
        "model_source": "sirev",
        "model_name": log.model,
        "model_name_sanitized": model,
    }
    place = folder / model
    place.mkdir(parents=True, exist_ok=True)
    # One results file per task, since the logs of all models and tasks have the same time.
    whole, samples = place / f"results_{task}_{log.moment}.json", place / f"samples_{task}_{log.moment}.jsonl"
    whole.write_text(f"{json.dumps(results, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
    rows = (_row(number, of, log.grader) for number, of in enumerate(problems))
    samples.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return [whole, samples]


def _row(number: int, of: Sequence[Mapping[str, Any]], grader: str) -> dict[str, Any]:
    asked = of[0]
    doc = {"task_id": asked["problem_id"], "question": asked["prompt"], "answer": asked["gold"], "level": asked["level"]}
    verdicts = [float(row["correct"]) for row in of]
    return {
        "doc_id": number,
        "doc": doc,
        "target": asked["gold"],
        "arguments": {"gen_args_0": {"arg_0": asked["prompt"], "arg_1": {}}},
        "resps": [[row["text"] for row in of]],
        "filtered_resps": [row["answer"] or "[invalid]" for row in of],
        "filter": grader,
        "metrics": [_METRIC],
        "doc_hash": _digest(json.dumps(doc, ensure_ascii=False)),
        "prompt_hash": _digest(asked["prompt"]),
        "target_hash": _digest(asked["gold"]),
        _METRIC: verdicts if len(verdicts) > 1 else verdicts[0],
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
