"""Reports of runs, made from the `compare` artifacts of a store alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sirev.errors import BadInput
from sirev.recipe import METHODS, suggest
from sirev.reporting.sections import ON_REQUEST, SECTIONS, RunData, overview
from sirev.reporting.tables import TextTable, markdown, print_tables
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.latest import latest_runs

SCHEMA = 1
"""Version of the JSON form; it grows when a field changes its meaning or goes away."""

Format = Literal["table", "markdown", "csv", "json"]
FORMATS: tuple[Format, ...] = ("table", "markdown", "csv", "json")


@dataclass(frozen=True)
class Report:
    """What the store says of some runs. `section` None means all sections."""

    runs: list[RunData]
    section: str | None
    notes: tuple[str, ...] = ()

    def tables(self) -> list[TextTable]:
        """The report's tables, most telling first."""
        if self.section is not None:
            return SECTIONS[self.section][0](self.runs)
        shown = [make for name, (make, _) in SECTIONS.items() if name not in ON_REQUEST]
        return overview(self.runs) + [table for make in shown for table in make(self.runs)]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: {"schema": 1, "runs": [...]}, a run with "id", "recipe", "method", "seed", "parameters", "status",
        "stopped" and "iterations".

        An iteration holds "t" and the fields of the sections asked for; every statistic is {"value", "low", "high",
        "n", "reason"}, shares in 0..1.
        """
        wanted = [field for name, (_, fields) in SECTIONS.items() if name not in ON_REQUEST for field in fields]
        if self.section is not None:
            wanted = list(SECTIONS[self.section][1])
        runs = []
        for run in self.runs:
            iterations = [{"t": i["t"], **{field: i[field] for field in wanted}} for i in run["iterations"]]
            runs.append({**{k: v for k, v in run.items() if k != "label"}, "iterations": iterations})
        return {"schema": SCHEMA, "runs": runs}

    def text(self, form: Format) -> str:
        """The report as "markdown", "csv" (a row a statistic) or "json"; "table" is for `print`."""
        if form == "json":
            return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        if form == "csv":
            return _csv(self.to_dict()["runs"])
        if form == "markdown":
            return markdown(self.tables())
        raise BadInput(f"no text form {form!r} (known: markdown, csv, json)")

    def _repr_markdown_(self) -> str:
        return self.text("markdown")  # what a notebook shows

    def print(self) -> None:
        """Print the tables to the terminal, the most telling last: there it stays in sight."""
        first, *others = self.tables()
        print_tables([*others, first] if self.section is None else [first, *others])


def report(
    section: str | None = None,
    *,
    recipes: Iterable[str] = (),
    methods: Iterable[str] = (),
    runs: Iterable[str] = (),
    store: Store | str | Path | None = None,
) -> Report:
    """Report on finished runs of the store: those named, else those of the recipes, else what the last `iterate` did.

    Raises BadInput where nothing matches, or a section, method, recipe or run is unknown.
    """
    if section is not None and section not in SECTIONS:
        raise BadInput(f"unknown section {section!r}{suggest(section, list(SECTIONS))}")
    opened = store if isinstance(store, Store) else Store(store)
    chosen = _chosen(opened, list(recipes), list(methods), list(runs))
    finished = [run for run in chosen if "compare" in run.pins and run.status != "running"]
    notes = tuple(
        f"{run.id} is not finished and left out; `sirev iterate` goes on with it" for run in chosen if run not in finished
    )
    if not finished:
        raise BadInput(f"no run asked for is finished; go on with: sirev iterate --recipe {chosen[0].recipe}")
    data = [_data(opened, run) for run in finished]
    if section == "training":
        for run, found in zip(finished, data, strict=True):
            for iteration in found["iterations"]:
                iteration["training"] = training_of(opened, run, iteration["t"])
    return Report(_labelled(data), section, notes)


def training_of(store: Store, run: Run, t: int) -> dict[str, Any] | None:
    """What the record of M_t's training says: by what it was trained, its counts, its log; None if there was none."""
    pin = run.pins.get(f"train:{t}")
    record = store.records.get(pin.key, pin.artifact) if pin else None
    if record is None:
        return None
    asked, noted = record.action["parameters"], record.provenance
    return {
        "by": f"{asked['kind']}, {'LoRA' if 'lora' in asked else 'all parameters'}",
        **{name: noted.get(name) for name in ("examples", "dropped", "steps", "tokens", "seconds")},
        "log": noted.get("log", []),
    }


def run_data(run_id: str, recipe: str, method: str, seed: int, stopped: str | None, iterations: list[dict[str, Any]]) -> RunData:
    """A run as the tables take it."""
    return {
        "id": run_id,
        "recipe": recipe,
        "method": method,
        "seed": seed,
        "status": "stopped" if stopped else "complete",
        "stopped": stopped,
        "iterations": iterations,
        "label": method,
    }


def recorded_runs(store: Store) -> list[Run]:
    """All runs of a store; BadInput, saying what to run first, if there is none."""
    runs = store.runs.all()
    if not runs:
        raise BadInput(f"the store {store.path} holds no run yet; run first: sirev iterate --recipe tiny")
    return runs


def run_named(store: Store, run_id: str) -> Run:
    """The run of this id; BadInput, naming those there are, if there is none."""
    run = store.runs.get(run_id)
    if run is None:
        raise BadInput(f"the store {store.path} has no run {run_id!r}{suggest(run_id, store.runs.ids())}")
    return run


def _chosen(store: Store, recipes: list[str], methods: list[str], run_ids: list[str]) -> list[Run]:
    everything = recorded_runs(store)
    named = [run_named(store, run_id) for run_id in run_ids]
    known = sorted({run.recipe for run in everything})
    recipes = [Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe for recipe in recipes]
    for recipe in recipes:
        if recipe not in known:
            raise BadInput(f"the store {store.path} has no run of a recipe {recipe!r}{suggest(recipe, known)}")
    for method in methods:
        if method != "all" and method not in METHODS:
            raise BadInput(f"unknown method {method!r}{suggest(method, [*METHODS, 'all'])}")
    if named:
        found = [run for run in everything if run in named]
    elif recipes:
        found = [run for run in everything if run.recipe in recipes]
    else:
        found = latest_runs(store)
    if methods and "all" not in methods:
        found = [run for run in found if run.method in methods]
    if not found:
        raise BadInput(f"no run matches; the store {store.path} has: {', '.join(run.id for run in everything)}")
    return sorted(found, key=lambda run: (run.recipe, METHODS.index(run.method), run.seed, run.invocation, run.id))


def _data(store: Store, run: Run) -> RunData:
    comparison = store.artifact(run.pins["compare"].artifact).json("comparison.json")
    data = run_data(run.id, run.recipe, run.method, run.seed, run.reason, comparison["iterations"])
    return {**data, "parameters": run.settings["training"]["parameters"]}


def _labelled(runs: list[RunData]) -> list[RunData]:
    """Give each run the shortest label that tells it from the others: its method, with the recipe, or its id."""
    recipes = {run["recipe"] for run in runs}
    for run in runs:
        alike = [r for r in runs if (r["recipe"], r["method"], r["seed"]) == (run["recipe"], run["method"], run["seed"])]
        run["label"] = run["id"] if len(alike) > 1 else f"{run['recipe']} {run['method']}" if len(recipes) > 1 else run["method"]
    return runs


def _csv(runs: list[dict[str, Any]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["run", "recipe", "method", "seed", "t", "statistic", "value", "low", "high", "n", "reason"])
    for run in runs:
        for iteration in run["iterations"]:
            for name, found in _flat(iteration):
                if name != "t" and not isinstance(found, list):
                    whole = found if isinstance(found, dict) else {"value": found}
                    values = [whole.get(k) for k in ("value", "low", "high", "n", "reason")]
                    writer.writerow([run["id"], run["recipe"], run["method"], run["seed"], iteration["t"], name, *values])
    return sink.getvalue()


def _flat(found: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every statistic and size below, by its dotted path."""
    for key, value in found.items():
        if isinstance(value, dict) and "reason" not in value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
