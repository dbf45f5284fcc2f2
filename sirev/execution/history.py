"""History of a recipe with the same model: lengths, sizes of training sets and rates of earlier runs, for plans."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from sirev.errors import BadInput
from sirev.execution.gpus import Gpu, gpu_of_driver
from sirev.recipe import Recipe
from sirev.store.provenance import hardware
from sirev.store.records import Record
from sirev.store.store import Store
from sirev.study.step_names import StepName, parse_step, stage_of, training_step

RATED = ("train", "sample")
"""Stages whose rates are in tokens per second."""
LONG = (*RATED, "score", "grade", "embed")
"""Stages with rates; those not in RATED have rates in answers per second."""


class History:
    """The steps that earlier runs pinned, with their records."""

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self._store = store
        settings = recipe.settings()
        pins: dict[tuple[str, str], str] = {}
        self._same_size: set[str] = set()
        """Keys of steps in runs with the same numbers of problems and draws: a short trial says nothing about sizes."""
        for run in store.runs.all():
            measured = "samples" in run.settings  # imported completions, under the recipe's name
            if measured or run.recipe != recipe.name or _model(run.settings) != _model(settings):
                continue
            there = {(pin.key, pin.artifact): step for step, pin in run.pins.items() if _is_work(parse_step(step))}
            pins |= there
            if _size(run.settings) == _size(settings):
                self._same_size.update(key for key, _ in there)
        self._steps: list[tuple[str, Record]] = []
        for (key, artifact), name in pins.items():
            if record := store.records.get(key, artifact):
                self._steps.append((name, record))

    def answer_tokens(self, what: str) -> float | None:
        """Mean tokens per answer in earlier samplings of the step `what`, a name without t; None if there are none."""
        noted = [r.provenance for name, r in self._steps if parse_step(name).without_t == what and r.provenance.get("answers")]
        return sum(p["tokens"] for p in noted) / sum(p["answers"] for p in noted) if noted else None

    def trainings(self, kind: str, first: bool) -> list[Mapping[str, Any]]:
        """Provenance of earlier trainings of a kind, with "epochs" and "same_size": of M_1 if `first`, else of later models."""
        return [
            {**r.provenance, "epochs": r.action["parameters"]["epochs"], "same_size": r.key in self._same_size}
            for name, r in self._steps
            if stage_of(name) == "train"
            and (name == training_step(1)) == first
            and r.action["parameters"]["kind"] == kind
            and r.provenance.get("tokens")
        ]

    def rate(self, stage: str, gpu: Gpu | None = None) -> float | None:
        """Median rate of a stage's steps on this kind of GPU, by default on hardware equal to this machine's; None if unknown."""
        rates = []
        for name, record in self._steps:
            there = record.provenance.get("hardware") or {}
            if stage_of(name) == stage and (there == hardware() if gpu is None else _has(there, gpu)):
                rates.append(self._rate(stage, record))
        return median(known) if (known := [rate for rate in rates if rate]) else None

    def _rate(self, stage: str, record: Record) -> float | None:
        noted = record.provenance
        if stage in RATED:
            return _tokens_rate(noted)
        seconds = noted.get("seconds_now") or noted.get("seconds")
        answers = noted.get("answers") or (self._grades(record) if stage == "grade" else None)
        return answers / seconds if answers and seconds else None

    def _grades(self, record: Record) -> int | None:
        try:
            return int(self._store.artifact(record.artifact).manifest["tables"]["grades"]["rows"])
        except BadInput:  # hollow or damaged
            return None


def _has(there: Mapping[str, Any], gpu: Gpu) -> bool:
    return any(gpu_of_driver(name) == gpu for name in there.get("gpus") or ())


def _is_work(step: StepName) -> bool:
    """Whether it is a step of a long stage, and not of a null run's."""
    return step.stage in LONG and not step.is_null


def _model(settings: Mapping[str, Any]) -> Any:
    return settings["model"].get("name"), settings["model"].get("architecture")


def _size(settings: Mapping[str, Any]) -> Any:
    """The settings that determine the number of examples of a training."""
    asked = {field: settings["sampling"].get(field) for field in ("n", "problems")}
    return [settings["task"].get(field) for field in ("limit", "dev", "train", "data")], asked


def _tokens_rate(noted: Mapping[str, Any]) -> float | None:
    """Tokens/s of the attempt that finished a step, without the work of earlier attempts; None if unknown."""
    if "tokens_now" in noted:
        return noted["tokens_now"] / noted["seconds_now"] if noted["tokens_now"] and noted["seconds_now"] else None
    if not noted.get("tokens") or not noted.get("seconds"):
        return None
    done = 1 - (noted.get("resumed") or 0) / noted["steps"] if noted.get("steps") else 1.0
    return float(noted["tokens"] * done / noted["seconds"])
