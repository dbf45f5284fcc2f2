"""Writing of inspect_ai's logs: .eval files for `inspect view` and its data frames."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.extras import install_command
from sirev.tasks.external.answer_log import AnswerLog, plain_name

_STOPS = {"stop": "stop", "length": "max_tokens"}
"""Finish reason -> inspect's name; "unknown" for all others."""


def require_inspect() -> None:
    """Raise BadInput if inspect_ai, which writes its logs, is not installed."""
    if find_spec("inspect_ai") is None:
        raise BadInput(f"inspect_ai, which writes these logs, is not installed: {install_command('inspect')}")


def write_inspect_log(log: AnswerLog, folder: Path) -> list[Path]:
    """Write one .eval file into the folder, and return it: a sample per answer, its draw as epoch, its grade as score.

    A right answer is "C", one that could not be read "N", any other "I"; the reason is the score's explanation.
    """
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
        write_eval_log,
    )

    problems = log.problems()
    epochs = max(map(len, problems))
    accuracy, error = log.accuracy()
    metrics = {"accuracy": accuracy} | ({"stderr": error} if len(problems) > 1 else {})
    score = EvalScore(
        name=log.grader,
        scorer=log.grader,
        reducer="mean" if epochs > 1 else None,
        scored_samples=len(problems),
        unscored_samples=0,
        metrics={name: EvalMetric(name=name, value=value) for name, value in metrics.items()},
    )
    written = EvalLog(
        status="success",
        eval=EvalSpec(
            eval_id=log.identifier,
            run_id=log.identifier,
            task_id=log.identifier,
            created=log.created,
            task=log.task,
            model=log.model,
            dataset=EvalDataset(name=log.task, samples=len(problems), sample_ids=[of[0]["problem_id"] for of in problems]),
            config=EvalConfig(epochs=epochs, epochs_reducer=["mean"] if epochs > 1 else None),
            metadata=dict(log.details),
        ),
        results=EvalResults(total_samples=len(log.rows), completed_samples=len(log.rows), scores=[score]),
        stats=EvalStats(started_at=log.created, completed_at=log.created),
        samples=[_sample(row, log) for row in log.rows],
    )
    path = folder / f"{log.moment}_{plain_name(f'{log.task}-{log.model}')}_{log.identifier}.eval"  # inspect_ai's form of names
    write_eval_log(written, str(path))
    return [path]


def _sample(row: Mapping[str, Any], log: AnswerLog) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ChatMessageUser, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    tokens = row["tokens"]
    said = ChatMessageAssistant(content=row["text"], source="generate")
    unread = row["reason"] in log.unread
    value = "C" if row["correct"] else "N" if unread else "I"
    return EvalSample(
        id=row["problem_id"],
        epoch=row["draw"] + 1,
        input=row["prompt"],
        target=row["gold"],
        messages=[ChatMessageUser(content=row["prompt"]), said],
        output=ModelOutput(
            model=log.model,
            choices=[ChatCompletionChoice(message=said, stop_reason=_STOPS.get(row["finish"], "unknown"))],
            usage=ModelUsage(output_tokens=tokens, total_tokens=tokens) if tokens >= 0 else None,
        ),
        scores={log.grader: Score(value=value, answer=row["answer"] or None, explanation=row["reason"])},
        metadata={"level": row["level"]} if row["level"] else {},
    )
