"""Gathering of studies for reports: comparisons from the store, narrowed to the chosen runs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, cast

from sirev.errors import BadInput
from sirev.metrics.comparison.contents import ComparedRun, Comparison
from sirev.metrics.comparison.nulls import is_null
from sirev.metrics.overlap import Overlap
from sirev.reporting.identities import ModelIdentity, identities
from sirev.reporting.sections.run_rows import ModelData, RunData, Study, TrainingRow, measured
from sirev.reporting.selection import Selection
from sirev.store.objects import DamagedObject
from sirev.store.records import DamagedRecord
from sirev.store.runs import Run, run_address
from sirev.store.store import Store
from sirev.study.comparing import Watch, comparison, remedy
from sirev.study.external.unstated import without_unsaid
from sirev.study.reading import unread_sentences
from sirev.study.step_names import OVERLAP, training_step


def gather(store: Store, selection: Selection, chosen: set[str], watch: Watch) -> tuple[list[Study], list[str]]:
    """The studies of a selection, narrowed to the chosen run ids; and the reasons for those left out.

    Raises BadInput if none is left: the store lacks the data of every study.
    """
    studies: list[Study] = []
    labels: list[str] = []
    missing: list[str] = []
    error: BadInput | None = None
    for group, label in zip(selection.shown, selection.labels, strict=True):
        try:
            studies.append(_study(store, group, chosen, watch))
            labels.append(label)
        except BadInput as why:
            error = why
            missing.append(f"{group[0].recipe} is left out: {why}")
    if error is not None and not studies:
        raise error
    return _labelled(studies, labels), missing


def _study(store: Store, group: list[Run], chosen: set[str], watch: Watch) -> Study:
    """The comparison of a whole study, narrowed to the chosen runs and the null runs of their seeds."""
    compared: Comparison = without_minus_zero(comparison(store, group, watch))
    known = {(run.method, run.seed): run for run in group}
    seeds = {run.seed for run in group if run.id in chosen}
    shown = {at for at, run in known.items() if run.id in chosen or (is_null(run.method) and run.seed in seeds)}
    return {
        "recipe": group[0].recipe,
        **compared,
        "overlap": _overlap(store, group),
        "runs": [
            run_data(
                known[at],
                {**one, "iterations": without_unsaid(store, known[at], one["iterations"])},
                unread_sentences(store, known[at]),
                identities(store, known[at]),
            )
            for one in compared["runs"]
            if (at := (one["method"], one["seed"])) in shown
        ],
        "verdicts": [one for one in compared["verdicts"] if (one["method"], one["seed"]) in shown],
        "methods": [one for one in compared["methods"] if any(method == one["method"] for method, _ in shown)],
    }


def _overlap(store: Store, group: list[Run]) -> Overlap | None:
    """The overlap of the study's problems with training data; None if no run has measured it."""
    for pin in (run.pins[OVERLAP] for run in group if OVERLAP in run.pins):
        with contextlib.suppress(DamagedObject):
            if (found := store.lookup(pin.key, pin.artifact)) is not None:
                return cast(Overlap, found.json("overlap.json"))
    return None


def run_data(run: Run, compared: ComparedRun, unread: Sequence[str] = (), models: list[ModelIdentity] | None = None) -> RunData:
    """A run of a comparison, in the form that tables take.

    `unread` are sentences on answers that its graders did not read; `models` are the evaluated models.
    """
    return {
        "id": run.id,
        "recipe": run.recipe,
        "status": run.status,
        "stopped": run.reason if run.status == "stopped" else None,
        "parameters": run.settings["training"]["parameters"],
        "null": is_null(run.method),
        "label": run.method,
        "remark": run.reason if run.status == "complete" else None,
        "steps": run.settings.get("steps"),
        "models": models,
        "unread": list(unread),
        **compared,
        "iterations": [cast(ModelData, iteration) for iteration in compared["iterations"]],
    }


def add_training(store: Store, studies: list[Study]) -> list[str]:
    """Add the training of its model to every iteration. Returns sentences on trainings without a record."""
    by_id = {run.id: run for run in store.runs.all()}
    missing = []
    for run in (run for study in studies for run in study["runs"]):
        pinned = by_id[run["id"]]
        for iteration in run["iterations"]:
            t = iteration["t"]
            iteration["training"] = training_of(store, pinned, t)
            if iteration["training"] is None and training_step(t) in pinned.pins:
                named = run_address(pinned.id, training_step(t))
                missing.append(f"the store {store.path} has no record of {named}; {remedy(store, [pinned])}")
    return missing


def training_of(store: Store, run: Run, t: int) -> TrainingRow | None:
    """The training of M_t from its record: kind and parameters, counts, log; None without a readable record."""
    pin = run.pins.get(training_step(t))
    try:
        record = store.records.get(pin.key, pin.artifact) if pin else None
    except DamagedRecord:
        record = None
    if record is None:
        return None
    asked, noted = record.action["parameters"], record.provenance
    return {
        "by": f"{asked['kind']}, {'LoRA' if 'lora' in asked else 'all parameters'}",
        "examples": noted.get("examples"),
        "dropped": noted.get("dropped"),
        "steps": noted.get("steps"),
        "tokens": noted.get("tokens"),
        "seconds": noted.get("seconds"),
        "log": noted.get("log", []),
    }


def without_minus_zero(tree: Any) -> Any:
    """The tree with 0.0 in place of -0.0, which a change of zero can be."""
    if isinstance(tree, float):
        return tree + 0.0
    if isinstance(tree, dict):
        return {key: without_minus_zero(value) for key, value in tree.items()}
    return [without_minus_zero(value) for value in tree] if isinstance(tree, list) else tree


def _labelled(studies: list[Study], apart: list[str]) -> list[Study]:
    """Label each run by its method; with its recipe among several, and its settings if a recipe has several.

    Completions and models made elsewhere have no method: their label is the name of their comparison.
    """
    recipes = [study["recipe"] for study in studies]
    for study, label in zip(studies, apart, strict=True):
        recipe = study["recipe"] if len(set(recipes)) > 1 else ""
        settings = label if recipes.count(study["recipe"]) > 1 else ""
        for run in study["runs"]:
            words = [study["recipe"], settings] if measured(run) else [recipe, run["method"], settings]
            run["label"] = " ".join(word for word in words if word)
    return studies
