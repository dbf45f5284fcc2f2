"""Reading of inspect_ai's logs: .eval files, by its own library, and JSON logs of the same shape.

A log has `samples`, one per problem `id` and `epoch`, with `input`, `target`, `output` and, if scored, a score per scorer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.extras import install_command
from sirev.tasks.external.chat import completion_of, prompt_of
from sirev.tasks.rows import Row, one_line, shown

_ATTACHED = "attachment://"
_GRADES = {"C": True, "I": False, "N": False}
"""Inspect's letters -> verdict: correct, incorrect, no answer. A partial "P" has none."""
_EMPTY: tuple[Any, ...] = ("", None, [], {})
_INSTEAD = "choose another scorer with --filter, or have sirev grade: --grader NAME"


def read_eval(path: Path) -> list[Row]:
    """The one row of a binary .eval log: the whole log in its JSON form. BadInput if it can't be read."""
    if find_spec("inspect_ai") is None:
        raise BadInput(
            f"{path}: .eval logs are read by inspect_ai, which is not installed: {install_command('inspect')}; or turn it into "
            "JSON where it is: inspect log convert --to json"
        )
    from inspect_ai.log import read_eval_log

    try:
        log = read_eval_log(str(path), resolve_attachments=True)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except Exception as error:  # zipfile and pydantic raise various types
        raise BadInput(f"{path}: not a log of inspect_ai: {one_line(error)}") from None
    return [Row(str(path), log.model_dump(mode="json", exclude={"samples": {"__all__": {"events", "store"}}}))]


def is_log(values: Mapping[str, Any]) -> bool:
    """Whether an object is a JSON log of inspect_ai."""
    head = values.get("eval")
    return isinstance(head, dict) and "model" in head and ("samples" in values or "plan" in values)


def inspect(rows: Sequence[Row], wanted: str | None, *, graded: bool) -> tuple[list[Row], list[str]]:
    """One row per sample with `id`, `text`, `prompt`, `gold`, `finish`, `tokens` and, if scored, `correct` and `answer`.

    `wanted` names the scorer; the default is the first. Also returns the names of all scorers.
    """
    samples = [
        (Row(f"{row.where}: sample {i}", one), _attachments(one))
        for row in rows
        for i, one in enumerate(_listed(row.values.get("samples")), 1)
    ]
    if not samples:
        raise BadInput(f"{rows[0].where}: the log holds no sample")
    scorers = list(dict.fromkeys(name for row, _ in samples for name in _scores(row.values)))
    if wanted is not None and wanted not in scorers:
        raise BadInput(f"{rows[0].where}: the log has no scorer {wanted!r} (there: {', '.join(scorers) or 'none'})")
    chosen = wanted or (scorers[0] if scorers else None)
    return [_sample(row, attached, chosen, graded) for row, attached in samples], scorers


def _sample(row: Row, attached: Mapping[str, Any], scorer: str | None, graded: bool) -> Row:
    values = row.values
    given: Any = values.get("output")
    output: dict[str, Any] = given if isinstance(given, dict) else {}
    choices = _listed(output.get("choices"))
    first = choices[0] if choices else {}
    whole = output.get("completion")
    text = whole if isinstance(whole, str) and whole else completion_of(first) if first else None
    target = values.get("target")
    target = target[0] if isinstance(target, list) and len(target) == 1 else target
    found: dict[str, Any] = {
        "id": values.get("id"),
        "text": _resolved(text, attached),
        "prompt": _resolved(prompt_of(values.get("input")), attached),
        "gold": target.strip() if isinstance(target, str) else "",
        "finish": first.get("stop_reason") or "",
    }
    usage = output.get("usage")
    if isinstance(usage, dict) and isinstance(usage.get("output_tokens"), int):
        found["tokens"] = usage["output_tokens"]
    score = _scores(values).get(scorer or "")
    if scorer is not None and score is not None:
        if graded:
            found["correct"] = _verdict(row, scorer, score.get("value"))
        if score.get("value") == "N" or isinstance(score.get("answer"), str):
            found["answer"] = "" if score.get("value") == "N" else score["answer"]
    elif scorer is not None and graded:
        if values.get("error") in _EMPTY and text is not None:
            raise BadInput(f"{row.where}: the sample has no score of {scorer!r}, which others have")
        found["correct"] = False
    if values.get("error") not in _EMPTY and text in _EMPTY:
        found["text"] = None  # a failed request
    return Row(row.where, found)


def _verdict(row: Row, scorer: str, value: Any) -> Any:
    """The verdict of a score: C, I or N, a number that is 0 or 1, or a Boolean. Raises BadInput for other numbers and parts."""
    if isinstance(value, str) and value in _GRADES:
        return _GRADES[value]
    if value == "P" or (isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1)):
        raise BadInput(f"{row.where}: the score of {scorer!r} is {shown(value)}, neither correct nor incorrect; {_INSTEAD}")
    if isinstance(value, dict | list):
        raise BadInput(f"{row.where}: the score of {scorer!r} is {shown(value)}, no single verdict; {_INSTEAD}")
    return value


def _scores(sample: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Scorer -> its score; logs of version 1 have one unnamed `score`."""
    scores = sample.get("scores")
    if not isinstance(scores, dict) and isinstance(sample.get("score"), dict):
        scores = {"score": sample["score"]}
    return {str(name): one for name, one in (scores or {}).items() if isinstance(one, dict)}


def _attachments(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    found = sample.get("attachments")
    return found if isinstance(found, dict) else {}


def _resolved(text: Any, attached: Mapping[str, Any]) -> Any:
    """The text, or the attachment of the sample that it refers to: long texts are stored as attachments."""
    if isinstance(text, str) and text.startswith(_ATTACHED):
        return attached.get(text.removeprefix(_ATTACHED), text)
    return text


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
