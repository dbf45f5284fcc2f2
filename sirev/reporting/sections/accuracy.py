"""Tables of pass@1, overall and by level, and of correct answer coverage with the paper's advice."""

from __future__ import annotations

from sirev.reporting.pass_at_1 import pass_at_1_source
from sirev.reporting.sections.run_rows import (
    HEADS,
    RunData,
    Study,
    cells,
    in_words,
    iteration_rows,
    keys,
    labels,
    measured,
    model_name,
    named,
    runs_of,
)
from sirev.reporting.tables import ABSENT, TextTable, percent, points, with_interval


def accuracy(studies: list[Study]) -> list[TextTable]:
    """pass@1 of every M_t, overall and by level."""
    runs = runs_of(studies)
    return [pass_at_1_table(runs), *_levels(runs)]


def pass_at_1_table(runs: list[RunData]) -> TextTable:
    """pass@1 by t and method."""
    last = max((len(run["iterations"]) for run in runs), default=1)
    steps = {tuple(run["steps"]) for run in runs if run["steps"]}
    same = len(steps) == 1 and all(map(measured, runs))  # otherwise a column would have several names
    models = [model_name(runs[0], t) if same else f"M_{t}" for t in range(1, last + 1)]
    table = TextTable(
        f"pass@1 on test, {pass_at_1_source(runs)} (%)", ["method", "seed", *models, "M_T − M_1, points", "problems"], 2
    )
    for run in runs:
        values = [i["pass_at_1"] for i in run["iterations"]]
        change = run["iterations"][-1]["against_m1"].get("pass_at_1")
        shown = [with_interval(v) for v in values] + [ABSENT] * (last - len(values))
        table.rows.append([*labels(run), *shown, points(change["difference"]) if change else ABSENT, str(values[0]["n"])])
        if run["steps"] and not same:
            table.notes.append(f"{run['label']}: {', '.join(model_name(run, t) for t in range(1, len(run['steps']) + 1))}.")
        if run["stopped"]:
            table.notes.append(f"{in_words(run)}: stopped at {run['stopped']}.")
    table.notes.append("In brackets: 95% confidence intervals.")
    return table


def _levels(runs: list[RunData]) -> list[TextTable]:
    levels = keys(i["levels"] for run in runs for i in run["iterations"])
    if len(levels) < 2:
        return []
    table = TextTable(f"pass@1 by level, {pass_at_1_source(runs)} (%)", [*HEADS, *(f"level {level}" for level in levels)], 3)
    for run, iteration in iteration_rows(runs):
        table.rows.append([*named(run, iteration["t"]), *cells(iteration["levels"], levels, percent)])
    return [table]


def coverage(studies: list[Study]) -> list[TextTable]:
    """Correct answer coverage of every M_t's samples, in both readings, with the paper's advice for M_1's."""
    table = TextTable(
        "Correct answer coverage of M_t's samples (%)", [*HEADS, "mass, train", "mass, test", "solved, train", "solved, test"], 3
    )
    runs = runs_of(studies)
    for run, iteration in iteration_rows(runs):
        readings = [iteration["coverage"][reading][split] for reading in ("mass", "solved") for split in ("train", "test")]
        table.rows.append([*named(run, iteration["t"]), *map(percent, readings)])
    table.notes.append(
        "mass: share of samples that are correct, mean over problems. solved: share of problems with a correct sample."
    )
    iterated = {(run["recipe"], run["seed"]): run["advice"] for run in runs if not measured(run)}
    for (recipe, seed), advice in iterated.items():
        said = f"take {advice['methods']}" if advice["methods"] else "no advice"
        reason = advice["reason"].replace(*UNDECIDED).replace("0.5", "50%")
        table.notes.append(f"The paper's rule for M_1 of {recipe}, seed {seed}: {said}; {reason}.")
    return [table]


UNDECIDED = (
    "the readings of coverage do not all lie on one side of 0.5 with their intervals",
    "the coverage estimates are not all on the same side of 50%",
)
"""A reason as a comparison words it, and as a table does."""
