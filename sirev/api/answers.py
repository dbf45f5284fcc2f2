"""`sirev.answers`: the graded answers of a run's models, one row per completion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from sirev.errors import BadInput
from sirev.explain.lookup import run_named
from sirev.frames import data_frame
from sirev.store.artifacts import Artifact
from sirev.store.checkout import refuse_hollow
from sirev.store.runs import Run, run_address
from sirev.store.store import Store
from sirev.study.remedies import OR_RECOMPUTE
from sirev.study.step_names import DRAWS, AnswerSteps, answer_kinds, answer_steps, evaluation_split, problems_among

if TYPE_CHECKING:
    from sirev.api.iterate import RunResult
    from sirev.api.measure import MeasuredRun

ANSWER_COLUMNS = (
    *("run", "t", "problem_id", "draw", "prompt", "target", "gold", "level"),
    *("text", "answer", "correct", "reason", "tokens", "finish"),
)


@dataclass(frozen=True)
class Answers(Sequence[dict[str, Any]]):
    """Answers of one run's models, in the order of t, problem and draw: a sequence of rows.

    A row is a dict of `run`, `t`, `problem_id`, `draw` (from 0), `prompt`, `target` and `gold` (the problem's solution and
    answer, "" if it has none), `level`, `text` (the completion), `answer` (as read by the grader, None if nothing was read),
    `correct`, `reason` (of the grade), `tokens` and `finish` (why the completion ended). `kind` is "draws", "greedy", "train",
    temperature/T, the name of a suite of other problems, or SUITE/draws.
    """

    run: str
    kind: str
    rows: list[dict[str, Any]] = field(repr=False)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.rows[at]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __repr__(self) -> str:
        ts = sorted({row["t"] for row in self.rows})
        models = f"M_{ts[0]}" if len(ts) == 1 else f"M_{ts[0]} to M_{ts[-1]}" if ts else "no model"
        problems = len({row["problem_id"] for row in self.rows})
        right = Counter(row["correct"] for row in self.rows)[True]
        return f"Answers({self.run}, {self.kind}, {models}: {len(self):,} answers to {problems:,} problems, {right:,} correct)"

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with one row per answer. Raises BadInput if pandas is not installed."""
        return data_frame(self.rows, ANSWER_COLUMNS)


def shown_result(
    run_id: str,
    iterations: Sequence[Mapping[str, Any]],
    computed: int,
    *,
    stopped: str | None = None,
    names: Sequence[str] = (),
) -> str:
    """The repr of a finished run: id, pass@1 of the first and last model, and number of computed steps.

    `names` are those of the models, if they are no M_t.
    """
    ends = [*iterations[:1], *iterations[1:][-1:]]
    values = [one["pass_at_1"]["value"] for one in ends]
    rose = f"pass@1 {' -> '.join(f'{100 * value:.1f}%' for value in values)}, " if values and None not in values else ""
    models = [names[one["t"] - 1] if names else f"M_{one['t']}" for one in ends]
    which = f"{' to '.join(models)}, " if models else ""
    why = f", stopped: {stopped}" if stopped else ""
    return f"<{run_id}: {which}{rose}{computed:,} step{'s' * (computed != 1)} computed{why}>"


def answers(
    run: str | RunResult | MeasuredRun,
    t: int | None = None,
    *,
    kind: str = DRAWS,
    draws: int | None = None,
    store: Store | str | Path | None = None,
) -> Answers:
    """The graded answers of M_t, or of every M_t, to the run's evaluation problems.

    `run` is a result of `iterate` or `measure`, or a run's id or its beginning. `kind` is "draws"; "greedy"; temperature/T of a
    sweep of temperatures; for a suite of other problems, its name (greedy) or SUITE/draws; or "train", the draws on training
    problems, from which D_t is selected. `draws` limits the draws per problem to the first ones. The store is the result's,
    unless `store` names another. Raises BadInput if there is no such run, t or kind, or if the store lacks the answers.
    """
    opened, name = run_and_store(run, store)
    if t is not None and not isinstance(t, Integral):
        raise BadInput(f"t: expected a whole number, got {t!r}")
    found = run_named(opened, name)
    split = evaluation_split(found.settings)
    kinds = answer_kinds(found.pins, split)
    known = kinds.get(kind, [])
    if not known:
        raise BadInput(f"the run {found.id} has no answers of the kind {kind!r} (known: {', '.join(sorted(kinds)) or 'none'})")
    if t is not None and t not in known:
        raise BadInput(f"the run {found.id} has no {kind} of M_{t}; t is one of {', '.join(map(str, known))}")
    problems = {row["id"]: row for row in problem_rows(opened, found, answer_steps(kind, split, known[0]).split)}
    rows = [
        row
        for one in (known if t is None else [t])
        for row in answer_rows(opened, found, one, answer_steps(kind, split, one), problems, draws)
    ]
    return Answers(found.id, kind, rows)


def run_and_store(run: str | RunResult | MeasuredRun, store: Store | str | Path | None) -> tuple[Store, str]:
    """The store, the result's unless another is named, and the run's name; BadInput if `run` is neither id nor result."""
    if isinstance(run, Store) or not isinstance(run if isinstance(run, str) else getattr(run, "id", None), str):
        raise BadInput(f"run: expected what iterate or measure returned, or a run's id, got {type(run).__name__}")
    if store is None and not isinstance(run, str):
        store = getattr(run, "store", None)
    return store if isinstance(store, Store) else Store(store), run if isinstance(run, str) else run.id


def problem_rows(store: Store, run: Run, split: str) -> list[dict[str, Any]]:
    """The problems of a split; empty if the run has not stored them."""
    step = problems_among(run.pins, split)
    return pinned_artifact(store, run, step).rows("problems") if step else []


def answer_rows(
    store: Store, run: Run, t: int, steps: AnswerSteps, problems: dict[str, dict[str, Any]], draws: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `Answers` for one t; `problems` by id, the first `draws` per problem. BadInput if any is lost."""
    completions, grades = pinned_artifact(store, run, steps.completions), pinned_artifact(store, run, steps.grades)
    for row, grade in zip(completions.rows("completions"), grades.rows("grades"), strict=True):
        if draws is not None and row["draw"] >= draws:
            continue
        problem = problems.get(row["problem_id"], {})
        yield {
            "run": run.id,
            "t": t,
            "problem_id": row["problem_id"],
            "draw": row["draw"],
            "prompt": problem.get("prompt", ""),
            "target": problem.get("target", ""),
            "gold": problem.get("answer", ""),
            "level": problem.get("level", ""),
            "text": row["text"],
            "answer": grade["answer"],
            "correct": grade["correct"],
            "reason": grade["reason"],
            "tokens": row["tokens"],
            "finish": row["finish"],
        }


def pinned_artifact(store: Store, run: Run, step: str) -> Artifact:
    """The artifact of a run's step; BadInput if the store lacks it or has dropped its files."""
    pin = run.pins.get(step)
    found = store.lookup(pin.key, pin.artifact) if pin else None
    if found is None:
        raise BadInput(f"the store {store.path} lacks {run_address(run.id, step)}: sirev store verify says what is missing")
    refuse_hollow(store, found, OR_RECOMPUTE)
    return found
