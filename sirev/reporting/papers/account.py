"""The account of a study for a paper: settings, seeds, splits, and the record of every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sirev.errors import SirevError
from sirev.metrics.comparison.nulls import is_null
from sirev.reporting.identities import ModelIdentity, identities
from sirev.reporting.recorded_values import at_path, commits_of, record_at
from sirev.reporting.sections.run_rows import Study
from sirev.store.records import Record
from sirev.store.runs import Run, run_address
from sirev.store.sharing.private import shareable
from sirev.store.store import Store
from sirev.study.remedies import verb_of
from sirev.study.step_names import parse_step
from sirev.training_kinds import kinds_of

_PROBLEMS = ("source", "dataset")
"""Stages that make the problems of a split."""
_TRAININGS = ("pretrain", "train")
"""Stages that make models; of an evaluation they are the work of the loop that made a model, not its own."""


@dataclass(frozen=True)
class Account:
    """A study's runs with the records of their steps; a record that several runs share is there once.

    `settings` have no paths or credentials of this machine. `models` are those of an evaluation, else None.
    """

    study: Study
    runs: tuple[Run, ...]
    settings: Mapping[str, Any]
    records: tuple[Record, ...]
    lacking: tuple[str, ...]
    """Steps without a readable record, RUN:t:step; one that several runs share by the first of them."""
    splits: Mapping[str, int]
    """Split -> number of problems; the split of a suite is "ood/SUITE"."""
    models: list[ModelIdentity] | None

    @property
    def recipe(self) -> str:
        return str(self.study["recipe"])

    @property
    def verb(self) -> str:
        """The command that made the study: "iterate", "evaluate" or "measure"."""
        return verb_of(self.runs[0])

    @property
    def trained(self) -> bool:
        """Whether models were trained here."""
        return self.verb == "iterate"

    @property
    def made_elsewhere(self) -> bool:
        """Whether anything that was measured was made by no run of the store: models, or completions."""
        return not self.trained and not (self.models and all(one["loop"] for one in self.models))

    def seeds(self, *, controls: bool = False) -> dict[str, list[int]]:
        """Method -> its seeds; with `controls`, null run -> its seeds."""
        found: dict[str, list[int]] = {}
        for run in self.runs:
            if is_null(run.method) == controls:
                found.setdefault(run.method, []).append(run.seed)
        return {method: sorted(seeds) for method, seeds in found.items()}

    def kinds(self, method: str) -> list[str]:
        """The kinds of training that a method takes at t = 2, 3, ...: "sft" or "dpo" each."""
        return kinds_of(method, int(self.get("T") or 1), self.get("schedule"))

    def get(self, *path: str) -> Any:
        """A setting by its path; None if there is none."""
        return at_path(self.settings, *path)

    @cached_property
    def packages(self) -> dict[str, list[str]]:
        """Package -> versions that computed the steps."""
        found: dict[str, list[str]] = {}
        for record in self.records:
            for package, version in (record.provenance.get("packages") or {}).items():
                versions = found.setdefault(str(package), [])
                versions += [str(version)] if str(version) not in versions else []
        return dict(sorted(found.items()))

    @cached_property
    def commits(self) -> list[str]:
        """The commits of sirev's checkout, "with changes" if it was not clean; none for an installed package."""
        return commits_of(self.records)


def account_of(study: Study, store: Store) -> Account:
    """The account of a study, from the pins of its runs."""
    runs = tuple(run for data in study["runs"] if (run := store.runs.get(data["id"])) is not None)
    first = next((run for run in runs if not is_null(run.method)), runs[0])
    trained = verb_of(runs[0]) == "iterate"
    records: dict[tuple[str, str], Record] = {}
    lacking: dict[tuple[str, str], str] = {}
    splits: dict[str, int] = {}
    for run in runs:
        for step, pin in run.pins.items():
            if (pin.key, pin.artifact) in lacking:
                continue
            if (pin.key, pin.artifact) not in records:
                if (record := record_at(store, pin.key, pin.artifact)) is None:
                    lacking[pin.key, pin.artifact] = run_address(run.id, step)
                    continue
                if not trained and record.action["stage"] in _TRAININGS:
                    continue
                records[pin.key, pin.artifact] = record
            name = parse_step(step)
            if name.stage in _PROBLEMS and name.what not in splits and (count := _problems(store, pin.artifact)) is not None:
                splits[name.what] = count
    return Account(
        study=study,
        runs=runs,
        settings=shareable(first).settings,
        records=tuple(records.values()),
        lacking=tuple(lacking.values()),
        splits=splits,
        models=identities(store, first),
    )


def _problems(store: Store, artifact: str) -> int | None:
    try:
        return int(store.artifact(artifact).manifest["tables"]["problems"]["rows"])
    except (SirevError, KeyError, TypeError, ValueError):
        return None
