"""Reports of runs, made from the artifacts of a store alone."""

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
from sirev.reporting.sections import ON_REQUEST, SECTIONS
from sirev.reporting.sections.overview import overview
from sirev.reporting.sections.rows import RunData, Study
from sirev.reporting.tables import TextTable, markdown, without_nothing
from sirev.reporting.terminal import print_tables
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.comparing import comparison, studies_of
from sirev.study.frames import frame_of_csv
from sirev.study.latest import latest_runs
from sirev.study.naming import run_named
from sirev.study.nulls import is_null

SCHEMA = 2
"""Version of the JSON form; it grows when a field changes its meaning or goes away."""

Format = Literal["table", "markdown", "csv", "json", "latex"]
FORMATS: tuple[Format, ...] = ("table", "markdown", "csv", "json", "latex")


@dataclass(frozen=True)
class Report:
    """What the store says of some runs. `section` None means all sections; `against` "paper" adds the published numbers."""

    studies: list[Study]
    section: str | None
    notes: tuple[str, ...] = ()
    against: str | None = None

    @property
    def runs(self) -> list[RunData]:
        """All runs, null runs too."""
        return [run for study in self.studies for run in study["runs"]]

    def tables(self) -> list[TextTable]:
        """The report's tables, most telling first."""
        if self.against == "paper":
            from sirev.reporting.published import against_paper

            return against_paper([(study["recipe"], study) for study in self.studies])
        if self.section is not None:
            return [without_nothing(table) for table in SECTIONS[self.section][0](self.studies)]
        shown = [make for name, (make, _) in SECTIONS.items() if name not in ON_REQUEST]
        verdict, *others = [table for make in shown for table in make(self.studies)]
        return [verdict, overview(self.studies), *map(without_nothing, others)]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as docs/report.md documents it: {"schema": 2, "studies": [...]}.

        A run's iterations hold "t" and the fields of the sections asked for; every statistic is {"value", "low", "high",
        "n", "reason"}, shares in 0..1.
        """
        wanted = [field for name, (_, fields) in SECTIONS.items() if name not in ON_REQUEST for field in fields]
        if self.section is not None:
            wanted = list(SECTIONS[self.section][1])
        told = []
        for study in self.studies:
            runs = []
            for run in study["runs"]:
                iterations = [{"t": i["t"], **{field: i[field] for field in wanted}} for i in run["iterations"]]
                runs.append({**{k: v for k, v in run.items() if k != "label"}, "iterations": iterations})
            told.append({**study, "runs": runs})
        return {"schema": SCHEMA, "studies": told}

    def text(self, form: Format) -> str:
        """The report as "markdown", "csv" (a row a statistic), "json" or "latex"; "table" is for `print`."""
        if self.against is not None and form in ("json", "csv"):
            raise BadInput(f"--against {self.against} is a table; --format {form} has one's own numbers alone")
        if form == "json":
            return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        if form == "csv":
            return _csv(self.to_dict()["studies"])
        if form == "markdown":
            return markdown(self.tables())
        if form == "latex":
            from sirev.reporting.latex import latex

            return latex(self.tables())
        raise BadInput(f"no text form {form!r} (known: markdown, csv, json, latex)")

    def to_pandas(self) -> Any:
        """The CSV form as a pandas.DataFrame, a row per statistic. BadInput where pandas is not installed."""
        return frame_of_csv(self.text("csv"))

    def __repr__(self) -> str:
        labels = ", ".join(f"{run['label']} seed {run['seed']}" for run in self.runs)
        about = " and ".join(dict.fromkeys(str(study["recipe"]) for study in self.studies))
        return f"Report({about}: {labels}; section {self.section or 'all'}; .print() shows it, .to_pandas() has its numbers)"

    def _repr_markdown_(self) -> str:
        return self.text("markdown")  # what a notebook shows

    def print(self) -> None:
        """Print the tables to the terminal, the most telling last: there it stays in sight."""
        tables = self.tables()
        print_tables(tables if self.section or self.against else [*tables[2:], tables[1], tables[0]])


def report(
    section: str | None = None,
    *,
    recipes: Iterable[str] = (),
    methods: Iterable[str] = (),
    runs: Iterable[str] = (),
    store: Store | str | Path | None = None,
    against: str | None = None,
) -> Report:
    """Report on finished runs of the store: those named, else those of the recipes, else what the last `iterate` did.

    Null runs come with the runs of their recipe and settings. `against="paper"` puts the published numbers beside them.
    Raises BadInput where nothing matches, or a section, method, recipe or run is unknown.
    """
    if section is not None and section not in SECTIONS:
        raise BadInput(f"unknown section {section!r}{suggest(section, list(SECTIONS))}")
    if against not in (None, "paper"):
        raise BadInput(f"--against: unknown {against!r} (known: paper)")
    if against is not None and section is not None:
        raise BadInput(f"--against {against} has tables of its own; leave out {section!r}")
    opened = store if isinstance(store, Store) else Store(store)
    chosen = _chosen(opened, list(recipes), list(methods), list(runs))
    finished = [run for run in chosen if "compare" in run.pins and run.status != "running"]
    notes = tuple(
        f"{run.id} is not finished and left out; `sirev iterate` goes on with it" for run in chosen if run not in finished
    )
    if not finished:
        raise BadInput(f"no run asked for is finished; go on with: sirev iterate --recipe {chosen[0].recipe}")
    told = [_study(opened, group, {run.id for run in finished}) for group in studies_of(opened, finished)]
    if section == "training":
        by_id = {run.id: run for run in opened.runs.all()}
        for study in told:
            for run in study["runs"]:
                for iteration in run["iterations"]:
                    iteration["training"] = training_of(opened, by_id[run["id"]], iteration["t"])
    return Report(_labelled(told), section, notes, against)


def _study(store: Store, group: list[Run], chosen: set[str]) -> Study:
    """The comparison of a whole study, narrowed to the runs chosen and the null runs of their seeds."""
    told = comparison(store, group)
    known = {(run.method, run.seed): run for run in group}
    seeds = {run.seed for run in group if run.id in chosen}
    shown = {at for at, run in known.items() if run.id in chosen or (is_null(run.method) and run.seed in seeds)}
    return {
        "recipe": group[0].recipe,
        **told,
        "runs": [run_data(known[at], one) for one in told["runs"] if (at := (one["method"], one["seed"])) in shown],
        "verdicts": [one for one in told["verdicts"] if (one["method"], one["seed"]) in shown],
        "methods": [one for one in told["methods"] if any(method == one["method"] for method, _ in shown)],
    }


def run_data(run: Run, compared: dict[str, Any]) -> RunData:
    """A run of a comparison as the tables take it."""
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
        **compared,
    }


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


def recorded_runs(store: Store) -> list[Run]:
    """All runs of a store; BadInput, saying what to run first, if there is none."""
    runs = store.runs.all()
    if not runs:
        raise BadInput(f"the store {store.path} holds no run yet; run first: sirev iterate --recipe tiny")
    return runs


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
    return found


def _labelled(told: list[Study]) -> list[Study]:
    """Give each run the shortest label that tells it from the others: its method, with the recipe, or its id."""
    runs = [run for study in told for run in study["runs"]]
    recipes = {run["recipe"] for run in runs}
    for run in runs:
        alike = [r for r in runs if (r["recipe"], r["method"], r["seed"]) == (run["recipe"], run["method"], run["seed"])]
        run["label"] = run["id"] if len(alike) > 1 else f"{run['recipe']} {run['method']}" if len(recipes) > 1 else run["method"]
    return told


def _csv(told: list[dict[str, Any]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["run", "recipe", "method", "seed", "t", "statistic", "value", "low", "high", "n", "reason"])
    for run in (run for study in told for run in study["runs"]):
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
        if isinstance(value, dict) and not {"value", "reason"} <= set(value):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
