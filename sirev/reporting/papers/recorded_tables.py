"""Tables on a study for its checklist, from the store."""

from __future__ import annotations

import json

from sirev.explain.action_diff import flat
from sirev.listing import count_text, listed
from sirev.metrics.study_verdict import SEEDS
from sirev.reporting.papers.account import Account
from sirev.reporting.papers.assets import UNKNOWN, assets_of
from sirev.reporting.papers.deviations import NOT_KNOWN, deviations
from sirev.reporting.papers.spent import time_in_words, time_of
from sirev.reporting.tables import TextTable

_ELSEWHERE = ("name", "description", "methods", "gpu", "samples", "models", "steps")
"""Settings that other tables have, or that change nothing."""
_OF_TRAINING = ("T", "init_from", "model", "sampling", "schedule", "training")
"""Settings without effect on models trained elsewhere."""
_EXACT = "Clopper-Pearson where all values are 0 or 1"


def recorded_tables(account: Account) -> list[TextTable]:
    """Data and licences, splits, hyper-parameters, seeds, error bars, time, versions and deviations from the paper."""
    made = [_assets(account), _splits(account), _hyper_parameters(account), _seeds(account), _error_bars(account)]
    return [*made, _time(account), _versions(account), _deviations(account)]


def _assets(account: Account) -> TextTable:
    rows = [[one.name, one.use, one.revision, one.licence, one.source] for one in assets_of(account)]
    notes = ["Licences as the sources state them; check them at the revision that was used."]
    return TextTable("Data and licences", ["asset", "used for", "revision", "licence", "stated at"], 5, rows, notes)


def _splits(account: Account) -> TextTable:
    table = TextTable("Splits", ["split", "problems"], 1)
    table.rows = [[split.replace("ood/", "OOD: "), f"{count:,}"] for split, count in account.splits.items()]
    if not account.splits and (tested := account.study.get("problems")):
        table.rows = [["test", f"{tested:,}"]]
    if (asked := account.get("sampling", "problems")) is not None:
        table.notes.append(f"Of the training split the first {asked:,} problems are sampled from.")
    if (split := account.get("evaluation", "split")) not in (None, "test"):
        table.notes.append(f"Models are evaluated on the {split} split.")
    return table


def _hyper_parameters(account: Account) -> TextTable:
    left_out = _ELSEWHERE if account.trained else (*_ELSEWHERE, *_OF_TRAINING)
    settings = {path: value for path, value in flat(account.settings).items() if path.partition(".")[0] not in left_out}
    rows = [[path, value if isinstance(value, str) else json.dumps(value)] for path, value in settings.items()]
    notes = ["Every setting of the recipe, defaults filled in; null is the default of the library or no limit."]
    if account.trained:
        notes.append("Each M_t is trained with a fresh optimizer, a linear warm-up and a cosine schedule.")
    return TextTable("Hyper-parameters", ["setting", "value"], 2, rows, notes)


def _seeds(account: Account) -> TextTable:
    named = {**account.seeds(), **{f"{method} (control)": seeds for method, seeds in account.seeds(controls=True).items()}}
    rows = [[method, ", ".join(map(str, seeds))] for method, seeds in named.items()]
    if account.verb == "measure":
        return TextTable("Seeds", ["method", "seeds"], 2, [], [f"Completions came from elsewhere; their seeds are {UNKNOWN}."])
    notes = ["The seed of each step derives from the run's seed, the stage and t, never from the method."]
    if account.verb == "evaluate":
        notes = [
            "The random numbers of a model's draws derive from the seed and the content of its files; of a model that a loop of "
            f"the store made with this seed, from the seed and t, as in the loop. The seeds of trainings elsewhere are {UNKNOWN}."
        ]
    return TextTable("Seeds", ["method", "seeds"], 2, rows, notes)


def _error_bars(account: Account) -> TextTable:
    judged = account.study["settings"]
    rows = [
        [
            "pass@1, pass@N, accuracy, diversity",
            "test problems",
            f"95%, percentile bootstrap, {judged['replicates']:,} replicates, {_EXACT}",
        ],
        ["changes against M_1", "the same problems of both models", "95%, the same bootstrap, paired"],
        ["held or fell", "test problems", f"one-sided 95% against a margin of {100 * judged['margin']:g} points"],
    ]
    if account.trained:
        counts = {method: len(seeds) for method, seeds in account.seeds().items()}
        over = ", ".join(f"{method}: {count}" for method, count in counts.items())
        few = [method for method, count in counts.items() if count < SEEDS]
        told = ["95%, t with one degree of freedom less than seeds"] if len(few) < len(counts) else []
        if few or not counts:
            told.append(f"none{f' for {listed(few)}' if told else ''}: three seeds are needed")
        rows.append(["mean over seeds", f"seeds ({over})", "; ".join(told)])
    notes = ["Draws of a problem stay together in the bootstrap. Not varied: the data split, and the base model's own training."]
    return TextTable("Error bars", ["of", "over", "how"], 3, rows, notes)


def _time(account: Account) -> TextTable:
    time = time_of(account.records)
    rows = [[row.stage, row.machine, row.gpu or "CPU", f"{row.steps:,}", f"{row.seconds / 3600:.3f}"] for row in time.rows]
    notes = [f"In all {time_in_words(time)}: the wall-clock time of each step, measured."]
    notes.append("A step uses one GPU of its machine. Steps that several runs share count once.")
    notes.append(f"Memory of the machines: {UNKNOWN}.")
    if time.resumed:
        notes.append(
            f"{count_text(time.resumed, 'step')} found a part of the work done, by an interrupted attempt or by a run with fewer "
            f"draws: the hours of that part are {UNKNOWN}."
        )
    if lacking := time.unmeasured + len(account.lacking):
        notes.append(f"{count_text(lacking, 'step')} without a time on record: {UNKNOWN}.")
    return TextTable("Hardware and time", ["stage", "machine", "computed on", "steps", "hours"], 3, rows, notes)


def _versions(account: Account) -> TextTable:
    rows = [[package, ", ".join(versions)] for package, versions in account.packages.items()]
    commits = ", ".join(account.commits) or f"{UNKNOWN} (installed as a package)"
    return TextTable("Versions", ["package", "version"], 2, rows, [f"Commit of sirev: {commits}."])


def _deviations(account: Account) -> TextTable:
    table = TextTable("Deviations from arXiv 2407.05013", ["of", "the paper", "here"], 3)
    if not account.trained:
        table.notes.append("No model was trained here.")
        return table
    table.rows = [list(row) for row in deviations(account)]
    table.notes.append(NOT_KNOWN)
    return table
