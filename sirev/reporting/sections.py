"""The sections of a report: which numbers of a comparison each shows, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sirev.metrics.diversity import ORDERS
from sirev.metrics.statistic import Statistic
from sirev.reporting.tables import ABSENT, TextTable, percent, share

RunData = dict[str, Any]
"""One run of the report's JSON: {"id", "recipe", "method", "seed", "parameters", "status", "stopped", "iterations"}."""

GROUPS = ("all", "correct", "incorrect")


def overview(runs: list[RunData]) -> list[TextTable]:
    """Each run in a line: what pass@1 says, and what it hides."""
    table = TextTable(
        "At a glance: M_1 → M_T",
        ["method", "seed", "pass@1 %", "gained", "lost", "M_1 solves of gained %", "Distinct-N", "distinct equations", "OOD %"],
        2,
    )
    tops = set()
    for run in runs:
        first, last = run["iterations"][0], run["iterations"][-1]
        curve = last["improvement_set"]["m1_pass_at_n"]
        small = [n for n in ("2", "8", "32", "64") if n in curve]
        tops.update(small)
        ood = [f"{percent(first['ood'][suite]['accuracy'])} → {percent(last['ood'][suite]['accuracy'])}" for suite in last["ood"]]
        table.rows.append(
            [
                *_labels(run),
                f"{percent(first['pass_at_1'])} → {percent(last['pass_at_1'])}",
                str(last["improvement_set"]["size"]),
                str(last["lost_set"]["size"]),
                " / ".join(percent(curve[n]) for n in small) or ABSENT,
                _change(first, last, "all", lambda d: d["distinct_n"]["mean"]),
                _change(first, last, "all", lambda d: d["distinct_equations"]),
                ", ".join(ood) or ABSENT,
            ]
        )
    if adapted := [run["label"] for run in runs if run.get("parameters") == "lora"]:
        named = ", ".join(dict.fromkeys(adapted))
        table.notes.append(f"Trained by LoRA, which may understate the loss of diversity (arXiv 2405.09673): {named}.")
    named = " / ".join(sorted(tops, key=int))
    table.notes.append("pass@1 by greedy decoding. gained, lost: test problems that only M_T, only M_1 gets right.")
    if named:
        table.notes.append(
            f"M_1 solves of gained: M_1's pass@N there for N = {named}. Diversity of all test draws: 1 is all different."
        )
    return [table]


def accuracy(runs: list[RunData]) -> list[TextTable]:
    """pass@1 of every M_t, whole and by level."""
    return [pass_at_1_table(runs), _levels(runs)]


def pass_at_1_table(runs: list[RunData]) -> TextTable:
    """pass@1 by t and method; what `sirev iterate` ends with."""
    last = max(len(run["iterations"]) for run in runs)
    table = TextTable(
        "pass@1 on test, greedy (%)", ["method", "seed", *(f"M_{t}" for t in range(1, last + 1)), "M_T − M_1", "problems"], 2
    )
    for run in runs:
        values = [i["pass_at_1"] for i in run["iterations"]]
        gain = ABSENT
        if values[0]["value"] is not None and values[-1]["value"] is not None:
            gain = f"{100 * (values[-1]['value'] - values[0]['value']):+.1f}"
        cells = [percent(v) for v in values] + [ABSENT] * (last - len(values))
        table.rows.append([*_labels(run), *cells, gain, str(values[0]["n"])])
        if run["stopped"]:
            table.notes.append(f"{run['method']}, seed {run['seed']}, stopped at {run['stopped']}.")
    return table


def pass_n(runs: list[RunData]) -> list[TextTable]:
    """pass@N of every M_t, and M_1's pass@N on what M_t newly solves."""
    orders = _keys(i["pass_at_n"] for run in runs for i in run["iterations"])
    whole = TextTable("pass@N of M_t on test, draws (%)", ["method", "seed", "t", *(f"N={n}" for n in orders)], 3)
    for run, iteration in _iterations(runs):
        whole.rows.append([*_labels(run), str(iteration["t"]), *_cells(iteration["pass_at_n"], orders, percent)])
    later = _keys(i["improvement_set"]["m1_pass_at_n"] for run in runs for i in run["iterations"])
    gained = TextTable(
        "M_1's pass@N on IS(t), the problems M_t gains over M_1 (%)",
        ["method", "seed", "t", "|IS|", "|LS|", *(f"N={n}" for n in later)],
        3,
    )
    for run, iteration in _iterations(runs):
        if iteration["t"] > 1:
            sets = iteration["improvement_set"], iteration["lost_set"]
            cells = _cells(sets[0]["m1_pass_at_n"], later, percent)
            gained.rows.append([*_labels(run), str(iteration["t"]), *(str(s["size"]) for s in sets), *cells])
    gained.notes.append("IS: M_t right, M_1 wrong; LS: M_1 right, M_t wrong; both greedy. pass@N by the unbiased estimator.")
    return [whole, gained]


def diversity(runs: list[RunData]) -> list[TextTable]:
    """Distinct-N and distinct equation lists over all, correct and incorrect answers."""
    table = TextTable(
        "Diversity of the test draws (share; 1 is all different)",
        ["method", "seed", "t", "of", *(f"Distinct-{n}" for n in ORDERS), "mean", "equations", "problems"],
        4,
    )
    for run, iteration in _iterations(runs):
        for group in GROUPS:
            found = iteration["diversity"][group]
            cells = _cells(found["distinct_n"], [*map(str, ORDERS), "mean"], share)
            equations = found["distinct_equations"]
            table.rows.append([*_labels(run), str(iteration["t"]), group, *cells, share(equations), str(equations["n"])])
    table.notes.append(
        "Distinct-n: distinct n-grams / all n-grams of one problem's answers; equations: distinct equation lists / answers; "
        "means over problems."
    )
    table.notes.append("Both fall by themselves where a problem has more such answers, and correct ones grow with t.")
    return [table]


def ood(runs: list[RunData]) -> list[TextTable]:
    """Accuracy out of distribution, whole and by level, and the group disparity."""
    tables = []
    for suite in sorted({suite for _, iteration in _iterations(runs) for suite in iteration["ood"]}):
        having = [
            (run, iteration["ood"][suite], iteration["t"]) for run, iteration in _iterations(runs) if suite in iteration["ood"]
        ]
        levels = _keys(found["levels"] for _, found, _ in having)
        table = TextTable(
            f"Out of distribution: {suite}, greedy (%)",
            ["method", "seed", "t", "overall", *(f"level {level}" for level in levels), "group disparity"],
            3,
        )
        for run, found, t in having:
            cells = _cells(found["levels"], levels, percent)
            table.rows.append([*_labels(run), str(t), percent(found["accuracy"]), *cells, percent(found["group_disparity"])])
        table.notes.append("group disparity: (easiest level − hardest level) / easiest level.")
        tables.append(table)
    return tables


def coverage(runs: list[RunData]) -> list[TextTable]:
    """Correct answer coverage of every M_t's draws, in both readings."""
    table = TextTable(
        "Correct answer coverage of M_t's draws (share)",
        ["method", "seed", "t", "mass, train", "mass, test", "solved, train", "solved, test"],
        3,
    )
    for run, iteration in _iterations(runs):
        readings = [iteration["coverage"][reading][split] for reading in ("mass", "solved") for split in ("train", "test")]
        table.rows.append([*_labels(run), str(iteration["t"]), *map(share, readings)])
    table.notes.append("mass: mean over problems of right draws / draws. solved: share of problems with a right draw.")
    return [table]


def _levels(runs: list[RunData]) -> TextTable:
    levels = _keys(i["levels"] for run in runs for i in run["iterations"])
    table = TextTable("pass@1 by level (%)", ["method", "seed", "t", *(f"level {level}" for level in levels)], 3)
    for run, iteration in _iterations(runs):
        table.rows.append([*_labels(run), str(iteration["t"]), *_cells(iteration["levels"], levels, percent)])
    return table


COUNTS = (("examples", "examples"), ("too long", "dropped"), ("steps", "steps"), ("tokens", "tokens"), ("seconds", "seconds"))
CURVES = (
    ("loss", "loss", 3),
    ("logp chosen", "logps/chosen", 1),
    ("rejected", "logps/rejected", 1),
    ("margin", "rewards/margins", 3),
)


def training(runs: list[RunData]) -> list[TextTable]:
    """How each M_t was trained: what on, how long, and where the losses went."""
    titles = [title for title, *_ in (*COUNTS, *CURVES)]
    table = TextTable("Training of M_t", ["method", "seed", "t", "by", *titles], 4)
    for run, iteration in _iterations(runs):
        found = iteration["training"]
        cells = [ABSENT] * (1 + len(titles))
        if found is not None:
            ends = [*found["log"][:1], *found["log"][-1:]]
            counts = [ABSENT if found[name] is None else f"{found[name]:,.0f}" for _, name in COUNTS]
            curves = [
                " → ".join(f"{end[name]:.{places}f}" for end in ends if name in end) or ABSENT for _, name, places in CURVES
            ]
            cells = [found["by"], *counts, *curves]
        table.rows.append([*_labels(run), str(iteration["t"]), *cells])
    table.notes.append("First → last logged step. too long: examples left out for their length. tokens: over all epochs.")
    table.notes.append(
        "logp: of whole answers, mean over a batch; margin: beta × (gain of chosen − gain of rejected) over M_{t-1}."
    )
    return [table]


SECTIONS: dict[str, tuple[Callable[[list[RunData]], list[TextTable]], tuple[str, ...]]] = {
    "accuracy": (accuracy, ("pass_at_1", "levels")),
    "pass-n": (pass_n, ("pass_at_n", "improvement_set", "lost_set")),
    "diversity": (diversity, ("diversity",)),
    "ood": (ood, ("ood",)),
    "coverage": (coverage, ("coverage",)),
    "training": (training, ("training",)),
}
"""Section -> (its tables, its fields of an iteration in the JSON)."""
ON_REQUEST = ("training",)
"""Sections that a report shows only when they are asked for."""


def _iterations(runs: list[RunData]) -> Iterator[tuple[RunData, dict[str, Any]]]:
    for run in runs:
        for iteration in run["iterations"]:
            yield run, iteration


def _labels(run: RunData) -> list[str]:
    return [run["label"], str(run["seed"])]


def _keys(maps: Any) -> list[str]:
    """All keys of several mappings whose keys are numbers as text, in the order of the numbers."""
    return sorted(
        {key for found in maps for key in found}, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0, key)
    )


def _cells(found: dict[str, Statistic], keys: list[str], form: Callable[[Statistic], str]) -> list[str]:
    return [form(found[key]) if key in found else ABSENT for key in keys]


def _change(first: RunData, last: RunData, group: str, pick: Callable[[dict[str, Any]], Statistic]) -> str:
    return f"{share(pick(first['diversity'][group]))} → {share(pick(last['diversity'][group]))}"
