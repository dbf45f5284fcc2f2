"""Answers behind a report, read from the store for the page's explorer, and the answers that the store lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sirev.metrics.comparison.nulls import is_null
from sirev.quoting import as_typed
from sirev.reporting.page import explorer_data
from sirev.reporting.sections.run_rows import RunData, Study, in_words, measured
from sirev.store.artifacts import Artifact
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run, run_address
from sirev.store.store import Store
from sirev.study.remedies import rerun, store_option
from sirev.study.step_names import DRAWS, GREEDY_ANSWERS, AnswerSteps, answer_steps, problems_among


@dataclass(frozen=True)
class Gap:
    """A step whose result is missing from the store or unreadable: `what` names it in words, `why` gives the reason."""

    run: Run
    step: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} ({run_address(self.run.id, self.step)}): {self.why}"


@dataclass
class _Reader:
    """Reads rows of steps, and collects a gap for each step that can't be read."""

    store: Store
    gaps: list[Gap] = field(default_factory=list)

    def rows(self, run: Run, step: str, table: str, what: str) -> list[dict[str, Any]] | None:
        """The rows of a step; [] if the run has no such step; None, with a new gap, if the store lacks them."""
        pin = run.pins.get(step)
        if pin is None:
            return []
        why = "missing from the store"
        try:
            found = self._artifact(run, step)
            if found is not None:
                return list(found.rows(table))
        except DamagedObject as error:
            why = "damaged" if "damaged" in str(error) else why
        except OSError as error:
            why = f"can't be read ({error.strerror or error})"
        if self.store.is_hollow(pin.artifact):
            why = "its files were given up on purpose"
        self.gaps.append(Gap(run, step, what, why))
        return None

    def _artifact(self, run: Run, step: str) -> Artifact | None:
        pin = run.pins[step]
        return self.store.lookup(pin.key, pin.artifact)


def explorer(study: Study, store: Store, draws: int) -> tuple[dict[str, Any], list[Gap]]:
    """The problems with every model's greedy answer and first `draws` draws, packed for the page; and the gaps."""
    reader = _Reader(store)
    answers: dict[str, Any] = {}
    problems: list[dict[str, Any]] = []
    names: dict[str, Sequence[str]] = {}
    for run in study["runs"]:
        pinned = store.runs.get(run["id"])
        if pinned is None or is_null(run["method"]):
            continue
        label = run["label"] if measured(run) else f"{run['label']} {run['seed']}"
        problems = problems or _problems(reader, pinned)
        answers[label] = _answers(reader, pinned, run, draws)
        names[label] = run.get("steps") or ()
    return explorer_data(problems, answers, names), reader.gaps


def _problems(reader: _Reader, run: Run) -> list[dict[str, Any]]:
    split = run.settings["evaluation"]["split"]
    step = problems_among(run.pins, split)
    return (reader.rows(run, step, "problems", "the problems") if step else None) or []


def _answers(reader: _Reader, run: Run, of: RunData, draws: int) -> dict[int, Any]:
    split = run.settings["evaluation"]["split"]
    steps = {}
    for t in (iteration["t"] for iteration in of["iterations"]):
        model = in_words(of, t)
        greedy = _graded(reader, run, answer_steps(GREEDY_ANSWERS, split, t), f"greedy answers of {model}")
        drawn = _graded(reader, run, answer_steps(DRAWS, split, t), f"draws of {model}")
        several: dict[str, list[Any]] = {}
        counts: dict[str, list[int]] = {}
        for id_, answer in drawn or []:
            right, of_all = counts.get(id_, (0, 0))
            counts[id_] = [right + bool(answer["correct"]), of_all + 1]
            if of_all < draws:
                several.setdefault(id_, []).append(answer)
        lost = [name for name, rows in (("greedy", greedy), ("draws", drawn)) if rows is None]
        steps[t] = {"greedy": dict(greedy or []), "draws": several, "counts": counts, "lost": lost}
    return steps


def _graded(reader: _Reader, run: Run, steps: AnswerSteps, what: str) -> list[tuple[str, dict[str, Any]]] | None:
    completions = reader.rows(run, steps.completions, "completions", what)
    grades = reader.rows(run, steps.grades, "grades", f"grades of the {what}")
    if completions is None or grades is None:
        return None
    pairs = zip(completions, grades, strict=True)
    return [
        (row["problem_id"], {"text": row["text"], "correct": verdict["correct"], "reason": verdict["reason"]})
        for row, verdict in pairs
    ]


def mends(gaps: Sequence[Gap], store: Store | None) -> list[str]:
    """The commands that fill the gaps, ready to type. Without `store`, as on a page, they name no store."""
    at = store_option(store)
    commands = [] if all("on purpose" in gap.why for gap in gaps) else [f"sirev store verify --repair{at}"]
    for run in {gap.run.recipe: gap.run for gap in gaps}.values():
        ids = dict.fromkeys(gap.run.id for gap in gaps if gap.run.recipe == run.recipe)
        again = rerun(run, store)
        commands.append(f"{again.command}  # {again.note}")
        commands.append(f"{as_typed('sirev', 'store', 'pull', 'URL', *ids)}{at}  # instead, from a store that has them")
    return commands
