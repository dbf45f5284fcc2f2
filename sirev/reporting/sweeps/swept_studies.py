"""The studies of a sweep's grid: progress of their runs, and comparisons of the finished ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sirev.explain.run_states import RunState, States
from sirev.metrics.comparison.nulls import is_null
from sirev.reporting.gathering import gather
from sirev.reporting.sections.run_rows import Study
from sirev.reporting.selection import Selection
from sirev.reporting.summary import is_finished
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.comparing import Watch, settings_of, studies_of
from sirev.study.step_names import DRAWS, GREEDY_ANSWERS, parse_step


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run: its state, and the last t with a measured M_t, of the recipe's T."""

    run: Run
    state: RunState | Literal["not run"]
    T: int

    @property
    def finished(self) -> bool:
        """Whether the run has ended, after M_T or before."""
        return is_finished(self.run)

    @property
    def measured(self) -> int:
        """The last t with measured greedy answers and draws of M_t; 0 before M_1."""
        steps = map(parse_step, self.run.pins)
        asked = Counter(name.t for name in steps if name.stage == "measure" and name.what in (GREEDY_ANSWERS, DRAWS))
        return max((t for t, kinds in asked.items() if t is not None and kinds == 2), default=0)

    @property
    def in_words(self) -> str:
        """State and progress: "not run", "failed, M_2 of M_5"; for an interrupted run the progress alone, "M_2 of M_5"."""
        reached = [f"M_{self.measured} of M_{self.T}"] if self.measured and self.state != "complete" else []
        told = [] if reached and self.state == "interrupted" else [self.state]
        return ", ".join([*told, *reached])


@dataclass(frozen=True)
class SweptStudy:
    """A recipe of a grid with one combination of the varied settings: its runs, and the comparison of the finished ones.

    `settings`: short name of a varied setting -> value. `study` is None if no run is finished. `label` tells it from studies
    with the same model and task (`told_apart`).
    """

    recipe: str
    model: str
    task: str
    settings: Mapping[str, str]
    progress: tuple[RunProgress, ...]
    study: Study | None = None
    label: str = ""

    @property
    def methods(self) -> list[str]:
        """The methods of the study in the grid."""
        return list(dict.fromkeys(one.run.method for one in self.progress if not is_null(one.run.method)))

    @property
    def digits(self) -> str | None:
        """The digits of its settings in run ids."""
        return settings_of(self.progress[0].run)

    @property
    def settings_in_words(self) -> str:
        """The varied settings: "dpo.beta=0.1"."""
        return " ".join(f"{name}={value}" for name, value in self.settings.items())

    @property
    def set_apart(self) -> str:
        """The label, if any, and the varied settings: "dpo.beta=0.1", or "mine, dpo.beta=0.1"."""
        return ", ".join(filter(None, [self.label, self.settings_in_words]))

    @property
    def title(self) -> str:
        """Model, task and settings: "Mistral-7B-v0.1 on GSM8K, dpo.beta=0.1"."""
        return ", ".join(filter(None, [f"{self.model} on {self.task}", self.set_apart]))

    def of_method(self, method: str) -> list[RunProgress]:
        """The runs of a method, one per seed of the grid."""
        return [one for one in self.progress if one.run.method == method]


def told_apart(studies: Sequence[SweptStudy]) -> list[SweptStudy]:
    """The studies of a grid with labels: the recipe, if studies of other recipes have the same model and task.

    If recipe and settings are the same too, the digits of the settings are added.
    """
    return [replace(of, label=_label(of, [other for other in studies if other is not of])) for of in studies]


def _label(of: SweptStudy, others: Sequence[SweptStudy]) -> str:
    near = [other for other in others if (other.model, other.task) == (of.model, of.task)]
    if any((other.recipe, other.settings) == (of.recipe, of.settings) for other in near):
        return f"{of.recipe}-{of.digits}"
    return of.recipe if any(other.recipe != of.recipe for other in near) else ""


def progress_of(store: Store, runs: Sequence[Run], last: int) -> tuple[RunProgress, ...]:
    """The progress of runs, with `last` as T."""
    states = States(store)
    stored = [store.runs.get(run.id) for run in runs]
    return tuple(
        RunProgress(there or run, "not run" if there is None else states.of(there), last)
        for run, there in zip(runs, stored, strict=True)
    )


def compared(store: Store, planned: Sequence[SweptStudy], watch: Watch) -> tuple[list[SweptStudy], list[str]]:
    """The studies with the comparisons of their finished runs, and sentences on what is left out.

    As in any report, a comparison has all finished runs of these settings in the store, also of seeds outside the grid. Raises
    BadInput if none of the finished runs can be compared.
    """
    finished = [one.run for of in planned for one in of.progress if one.finished and not is_null(one.run.method)]
    groups = studies_of(store, finished)
    place = {one.run.id: of for of in planned for one in of.progress}
    of_group = [next(place[run.id] for run in group if run.id in place) for group in groups]
    shown = {run.id for group, of in zip(groups, of_group, strict=True) for run in group if run.method in of.methods}
    studies, missing = gather(store, Selection(groups, [of.settings_in_words for of in of_group]), shown, watch)
    study_of = {run["id"]: study for study in studies for run in study["runs"]}
    lost = {run.id for group in groups if not any(run.id in study_of for run in group) for run in group}
    judged = {run.id for run in finished} - lost
    told = []
    for of in planned:
        found = [study_of[one.run.id] for one in of.progress if one.run.id in study_of]
        most = Counter(map(id, found)).most_common(1)
        study = next((one for one in found if id(one) == most[0][0]), None)
        told.append(replace(of, study=study))
        missing += [
            f"{one.run.id} was judged by other settings of evaluation.verdict or evaluation.k than other runs, and is left out"
            for one in of.progress
            if one.run.id in judged and study_of.get(one.run.id) is not study
        ]
    return told, missing
