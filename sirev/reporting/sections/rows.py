"""What the sections share: runs and their iterations as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sirev.metrics.statistic import Statistic
from sirev.reporting.tables import ABSENT

RunData = dict[str, Any]
"""A run as reports show it: one of a comparison's runs, with "id", "recipe", "label", "parameters", "status", "stopped"."""
Study = dict[str, Any]
"""A comparison of runs of one recipe, as `compare` writes it, its runs being RunData."""


def runs_of(studies: Iterable[Study]) -> list[RunData]:
    """All runs but null runs."""
    return [run for study in studies for run in study["runs"] if not run["null"]]


def iterations(runs: Iterable[RunData]) -> Iterator[tuple[RunData, dict[str, Any]]]:
    """Every run with each of its iterations."""
    for run in runs:
        for iteration in run["iterations"]:
            yield run, iteration


def labels(run: Mapping[str, Any]) -> list[str]:
    """The cells that name a run."""
    return [run["label"], str(run["seed"])]


def keys(maps: Iterable[Mapping[str, Any]]) -> list[str]:
    """All keys of several mappings whose keys are numbers as text, in the order of the numbers."""
    return sorted(
        {key for found in maps for key in found}, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0, key)
    )


def cells(found: Mapping[str, Statistic], wanted: Iterable[str], form: Callable[[Statistic], str]) -> list[str]:
    """The statistics of the wanted keys in this form."""
    return [form(found[key]) if key in found else ABSENT for key in wanted]


def reasons(found: Iterable[Statistic]) -> list[str]:
    """Why the absent ones among some statistics are absent, each reason once."""
    return list(dict.fromkeys(one["reason"] for one in found if one["value"] is None and one["reason"]))
