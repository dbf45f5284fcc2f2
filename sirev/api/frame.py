"""Data frames of a stored run: completions, grades, measures, or the report's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from sirev.api.answers import answers, pinned_artifact, run_and_store
from sirev.errors import BadInput
from sirev.explain.lookup import run_named
from sirev.frames import Library, data_frame
from sirev.reporting.long_form import REPORT_COLUMNS
from sirev.reporting.summary import report
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.step_names import DRAWS, GREEDY_ANSWERS, answer_kinds, evaluation_split, measured_part, parse_step
from sirev.suggest import suggest

if TYPE_CHECKING:
    from sirev.api.iterate import RunResult
    from sirev.api.measure import MeasuredRun

What = Literal["completions", "grades", "measures", "report"]
_RUN = ("run", "method", "seed", "t", "step")
_ANSWER = (*_RUN, "kind", "problem_id", "draw", "level")
FRAME_COLUMNS = {
    "completions": (*_ANSWER, "prompt", "gold", "text", "tokens", "finish"),
    "grades": (*_ANSWER, "correct", "answer", "reason"),
    "measures": (*_RUN, "split", "problem_id", "level"),
    "report": REPORT_COLUMNS,
}
"""Columns per kind of frame; in `measures`, columns of statistics follow."""

_FIRST = (GREEDY_ANSWERS, DRAWS)

FrameRow = dict[str, Any]


def frame(
    run: str | RunResult | MeasuredRun,
    what: What,
    *,
    as_: Library = "pandas",
    store: Store | str | Path | None = None,
) -> Any:
    """A pandas.DataFrame, or with `as_="polars"` a polars.DataFrame, of a run's stored results.

    Nothing is sampled, graded or measured; "report" compares the run's models, as `sirev report` does, unless that is stored.
    "completions" and "grades" have one row per completion of every M_t and every kind of `sirev.answers`, "measures" one per
    M_t and problem, with one column per statistic, and "report" one per number of the report. docs/frames.md has the columns
    and their units. `run` is a result of `iterate`, `evaluate` or `measure`, or a run's id or its beginning. Raises BadInput
    for an unknown run or `what`, and if the library is not installed.
    """
    if what not in FRAME_COLUMNS:
        raise BadInput(f"what: unknown {what!r}{suggest(str(what), list(get_args(What)))}")
    opened, name = run_and_store(run, store)
    rows = [*_ROWS[what](opened, run_named(opened, name))]
    statistics = [name for name in dict.fromkeys(name for row in rows for name in row) if "." in name]
    return data_frame(rows, [*FRAME_COLUMNS[what], *sorted(statistics, key=_place)], as_)


def _answers(store: Store, run: Run) -> Iterator[FrameRow]:
    for kind in answer_kinds(run.pins, evaluation_split(run.settings)):
        for row in answers(run.id, kind=kind, store=store):
            yield {**row, **_named(run, row["t"]), "kind": kind}


def _measures(store: Store, run: Run) -> Iterator[FrameRow]:
    """Yield one row per M_t and problem; statistics have dotted names, PART.NAME, with their names in the artifacts."""
    rows: dict[tuple[int, str, str], FrameRow] = {}
    split = evaluation_split(run.settings)
    for step in sorted(run.pins):
        name = parse_step(step)
        if name.stage != "measure" or name.t is None:
            continue
        asked, part = measured_part(name.what, split)
        for problem in pinned_artifact(store, run, step).json("measures.json")["problems"]:
            named = {**_named(run, name.t), "split": asked, "problem_id": problem["id"], "level": problem["level"]}
            row = rows.setdefault((name.t, asked, problem["id"]), named)
            row.update(_flat({key: value for key, value in problem.items() if key not in ("id", "level")}, f"{part}."))
    yield from (rows[place] for place in sorted(rows))


def _report(store: Store, run: Run) -> Iterator[FrameRow]:
    yield from report(runs=[run.id], store=store).rows()


_ROWS: dict[str, Callable[[Store, Run], Iterator[FrameRow]]] = {
    "completions": _answers,
    "grades": _answers,
    "measures": _measures,
    "report": _report,
}


def _place(statistic: str) -> tuple[int, list[tuple[int, str]]]:
    """A sort key: statistics of right answers come first, and 8 comes before 16."""
    part, *names = statistic.split(".")
    rank = _FIRST.index(part) if part in _FIRST else len(_FIRST)
    return rank, [(int(name) if name.isdecimal() else -1, name) for name in (part, *names)]


def _named(run: Run, t: int) -> FrameRow:
    steps = run.settings.get("steps")
    return {"run": run.id, "method": run.method, "seed": run.seed, "t": t, "step": steps[t - 1] if steps else None}


def _flat(values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of every number and text in nested mappings, without lists and null."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        elif value is not None and not isinstance(value, list):
            yield f"{above}{key}", value
