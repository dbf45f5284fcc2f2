"""What the store has of a run as a data frame: completions, grades, measures, or the report's numbers."""

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
"""The columns of each; those of the statistics follow in `measures`."""

_FIRST = (GREEDY_ANSWERS, DRAWS)

FrameRow = dict[str, Any]


def frame(
    run: str | RunResult | MeasuredRun,
    what: What,
    *,
    as_: Library = "pandas",
    store: Store | str | Path | None = None,
) -> Any:
    """A pandas.DataFrame, or with `as_="polars"` a polars.DataFrame, of what the store has of a run.

    Nothing is sampled, graded or measured. "report" compares the run's models, as `sirev report` does, unless that is stored.
    "completions" and "grades" have a row per completion of every M_t and every kind of `sirev.answers`; "measures" a row per
    M_t and problem, with a column per statistic of it; "report" a row per number of the report. docs/frames.md has the columns
    and their units. `run` is what `iterate`, `evaluate` or `measure` returned, or a run's id or the beginning of it. Raises
    BadInput for an unknown run or `what`, and where the library is not installed.
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
    """A row per M_t and problem, the statistics by the dotted names that they have in the artifacts, behind what was measured."""
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
    """For sorting: right answers come before further statistics, and 8 before 16."""
    part, *names = statistic.split(".")
    rank = _FIRST.index(part) if part in _FIRST else len(_FIRST)
    return rank, [(int(name) if name.isdecimal() else -1, name) for name in (part, *names)]


def _named(run: Run, t: int) -> FrameRow:
    steps = run.settings.get("steps")
    return {"run": run.id, "method": run.method, "seed": run.seed, "t": t, "step": steps[t - 1] if steps else None}


def _flat(values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Every number and word below, by its dotted name; lists, and what has no value, are left out."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        elif value is not None and not isinstance(value, list):
            yield f"{above}{key}", value
