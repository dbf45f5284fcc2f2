"""Runs and their iterations as rows of tables, for all sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NotRequired, TypedDict

from sirev.metrics.comparison.contents import ComparisonHead, Crossing, Iteration, Reach, RunHead
from sirev.metrics.overlap import Overlap
from sirev.metrics.statistic import Statistic, absent
from sirev.reporting.identities import ModelIdentity
from sirev.reporting.tables import ABSENT, TextTable, number, p_value

_LIKE_M_T = re.compile(r"M_?\d+", re.IGNORECASE)


class TrainingRow(TypedDict):
    """The training of a model, from its record: counts, seconds, and the trainer's log."""

    by: str
    examples: float | None
    dropped: float | None
    steps: float | None
    tokens: float | None
    seconds: float | None
    log: list[dict[str, Any]]


class ModelData(Iteration, total=False):
    """M_t of a run in a report. "training" is there only on request."""

    training: TrainingRow | None


class RunData(RunHead):
    """A run in a report: a run of a comparison, with data from the store and a label.

    `steps` are the user's names of M_1, M_2, ..., for measured completions and evaluated models; `models` are the identities of
    evaluated models.
    """

    id: str
    recipe: str
    status: str
    stopped: str | None
    parameters: str
    null: bool
    label: str
    remark: str | None
    steps: list[str] | None
    models: list[ModelIdentity] | None
    unread: list[str]
    """Sentences on steps with many unread answers."""
    iterations: list[ModelData]


class Study(ComparisonHead):
    """A comparison of runs of one recipe in a report, narrowed to the requested runs."""

    recipe: str
    runs: list[RunData]
    overlap: NotRequired[Overlap | None]
    """The overlap of problems with training data; null if the runs did not measure it."""


def runs_of(studies: Iterable[Study]) -> list[RunData]:
    """All runs except null runs."""
    return [run for study in studies for run in study["runs"] if not run["null"]]


def suite_in_words(suite: str) -> str:
    """The name of a suite in a sentence: "levels_1_to_6" becomes "levels 1 to 6"."""
    return suite.replace("_", " ").strip() or suite


def names_of(studies: Iterable[Study]) -> list[str]:
    """A name per study: its recipe, or the id of its first run if several studies have this recipe."""
    shown = list(studies)
    recipes = [str(study["recipe"]) for study in shown]
    return [
        recipe if recipes.count(recipe) == 1 else str(study["runs"][0]["id"])
        for study, recipe in zip(shown, recipes, strict=True)
    ]


def iteration_rows(runs: Iterable[RunData]) -> Iterator[tuple[RunData, ModelData]]:
    """(run, iteration) for every iteration of every run."""
    for run in runs:
        for iteration in run["iterations"]:
            yield run, iteration


def later_rows(runs: Iterable[RunData]) -> Iterator[tuple[RunData, ModelData]]:
    """(run, iteration) for every iteration after M_1."""
    for run in runs:
        for iteration in run["iterations"][1:]:
            yield run, iteration


HEADS = ["method", "seed", "model"]
"""Titles of the columns that `named` fills."""


def measured(run: RunData) -> bool:
    """Whether a run is of completions or models made elsewhere (`sirev measure`, `sirev evaluate`).

    Their methods, seeds and training are unknown.
    """
    return bool(run.get("steps"))


def labels(run: RunData) -> list[str]:
    """The cells that name a run."""
    return [run["label"], str(run["seed"])]


def model_name(run: RunData, t: int) -> str:
    """M_t with the user's name, if it has one: "M_2 round-1". The name of a single model stands alone."""
    steps = run.get("steps")
    if steps and len(steps) == 1:
        return steps[0]  # a single model needs no number
    return step_label(t, steps[t - 1]) if steps else f"M_{t}"


def step_label(t: int, name: str) -> str:
    """M_t with the name of its step: once if both are the same, in quotation marks if the name looks like another M_t."""
    if name == f"M_{t}":
        return name
    return f'M_{t} "{name}"' if _LIKE_M_T.fullmatch(name) else f"M_{t} {name}"


def named(run: RunData, t: int) -> list[str]:
    """The cells that name a model of a run."""
    return [*labels(run), model_name(run, t)]


def in_words(run: RunData, t: int | None = None) -> str:
    """A run, or its M_t, in a sentence."""
    words = [run["label"]] if measured(run) else [run["label"], f"seed {run['seed']}"]
    return ", ".join(words if t is None else [*words, model_name(run, t)])


def without_constants(table: TextTable, runs: Iterable[RunData]) -> TextTable:
    """The table without columns that are the same for every run.

    These are the seed if there is only one, and the label if there is a single run of completions made elsewhere. For such runs
    the column "method" is called "comparison".
    """
    shown = list(runs)
    elsewhere = bool(shown) and all(map(measured, shown))
    dropped = {"seed"} if len({run["seed"] for run in shown}) == 1 else set()
    if elsewhere and len(shown) == 1 and table.labels > 2:
        dropped.add("method")
    kept = [i for i, column in enumerate(table.columns) if i >= table.labels or column not in dropped]
    columns = ["comparison" if elsewhere and i == 0 and name == "method" else name for i, name in enumerate(table.columns)]
    return replace(
        table,
        columns=[columns[i] for i in kept],
        labels=table.labels - (len(table.columns) - len(kept)),
        rows=[[row[i] for i in kept] for row in table.rows],
    )


def keys(maps: Iterable[Mapping[str, Any]]) -> list[str]:
    """All keys of several mappings, numbers as text, in numerical order; others come last."""
    return sorted(
        {key for found in maps for key in found}, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0, key)
    )


def cells(found: Mapping[str, Statistic], wanted: Iterable[str], form: Callable[[Statistic], str]) -> list[str]:
    """The statistics of the wanted keys, formatted by `form`; `ABSENT` for missing keys."""
    return [form(found[key]) if key in found else ABSENT for key in wanted]


def at(node: Any, path: Iterable[str]) -> Statistic:
    """The statistic at a path of keys; one without a value if a key is missing."""
    for key in path:
        if key not in node:
            return absent("not measured")
        node = node[key]
    statistic: Statistic = node
    return statistic


def reach_cells(reach: Reach) -> list[str]:
    """The numbers of problems that only M_t and only M_1 ever solve, and the p value."""
    return [*(ABSENT if one is None else str(one) for one in (reach["gained"], reach["lost"])), p_value(reach["p"])]


def crossing_cell(crossing: Crossing) -> str:
    """The k at which two curves cross, with its interval; "…" for a bound beyond the last k."""
    if crossing["value"] is None:
        return ABSENT
    high = "…" if crossing["high"] is None else f"{crossing['high']:.0f}"
    return f"{crossing['value']:.0f} [{number({**crossing, 'value': crossing['low']}, 0)}, {high}]"


def reasons(found: Iterable[Statistic]) -> list[str]:
    """The reasons of statistics without a value, each once."""
    return list(dict.fromkeys(one["reason"] for one in found if one["value"] is None and one["reason"]))
