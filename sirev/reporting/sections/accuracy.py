"""pass@1 whole and by level, and what the draws are like; correct answer coverage with the paper's advice."""

from __future__ import annotations

from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.rows import RunData, Study, cells, iterations, keys, labels, runs_of
from sirev.reporting.tables import ABSENT, TextTable, number, percent, points, share, with_interval


def accuracy(studies: list[Study]) -> list[TextTable]:
    """pass@1 of every M_t, whole and by level, and how its draws end."""
    runs = runs_of(studies)
    return [pass_at_1_table(runs), _levels(runs), _draws(runs)]


def pass_at_1_table(runs: list[RunData]) -> TextTable:
    """pass@1 by t and method; what `sirev iterate` ends with."""
    last = max((len(run["iterations"]) for run in runs), default=1)
    table = TextTable(
        f"pass@1 on test, {pass_at_1_source(runs)} (%)",
        ["method", "seed", *(f"M_{t}" for t in range(1, last + 1)), "M_T − M_1", "problems"],
        2,
    )
    for run in runs:
        values = [i["pass_at_1"] for i in run["iterations"]]
        change = run["iterations"][-1]["against_m1"].get("pass_at_1")
        shown = [with_interval(v) for v in values] + [ABSENT] * (last - len(values))
        table.rows.append([*labels(run), *shown, points(change["difference"]) if change else ABSENT, str(values[0]["n"])])
        if run["steps"]:
            table.notes.append(", ".join(f"M_{t} is {name}" for t, name in enumerate(run["steps"], 1)) + ".")
        if run["stopped"]:
            table.notes.append(f"{run['method']}, seed {run['seed']}, stopped at {run['stopped']}.")
    return table


def _levels(runs: list[RunData]) -> TextTable:
    levels = keys(i["levels"] for run in runs for i in run["iterations"])
    of = "" if pass_at_1_source(runs) == GREEDY else f", {pass_at_1_source(runs)}"
    table = TextTable(f"pass@1 by level{of} (%)", ["method", "seed", "t", *(f"level {level}" for level in levels)], 3)
    for run, iteration in iterations(runs):
        table.rows.append([*labels(run), str(iteration["t"]), *cells(iteration["levels"], levels, percent)])
    return table


def _draws(runs: list[RunData]) -> TextTable:
    votes = keys(i["majority"] for run in runs for i in run["iterations"])
    most = votes[-1:]
    table = TextTable(
        "What the test draws are like",
        ["method", "seed", "t", "mean %", *(f"maj@{n} %" for n in most), "entropy, bits", "tokens", "cut off %", "no answer %"],
        3,
    )
    for run, iteration in iterations(runs):
        table.rows.append(
            [
                *labels(run),
                str(iteration["t"]),
                percent(iteration["mean_accuracy"]),
                *cells(iteration["majority"], most, percent),
                number(iteration["entropy"], 2),
                number(iteration["tokens"], 1),
                percent(iteration["truncated"]),
                percent(iteration["unanswered"]),
            ]
        )
        if iteration["in_process"]["value"]:
            table.notes.append(
                f"{run['label']}, seed {run['seed']}, t = {iteration['t']}: {percent(iteration['in_process'])} % of the right "
                "programs were judged in their own process, which a program could deceive."
            )
    table.notes.append("mean: right draws. maj@N: the most frequent answer is right. entropy: of a problem's answers.")
    return table


def coverage(studies: list[Study]) -> list[TextTable]:
    """Correct answer coverage of every M_t's draws, in both readings, and what the paper's rule says of M_1's."""
    table = TextTable(
        "Correct answer coverage of M_t's draws (share)",
        ["method", "seed", "t", "mass, train", "mass, test", "solved, train", "solved, test"],
        3,
    )
    runs = runs_of(studies)
    for run, iteration in iterations(runs):
        readings = [iteration["coverage"][reading][split] for reading in ("mass", "solved") for split in ("train", "test")]
        table.rows.append([*labels(run), str(iteration["t"]), *map(share, readings)])
    table.notes.append("mass: mean over problems of right draws / draws. solved: share of problems with a right draw.")
    for (recipe, seed), advice in {(run["recipe"], run["seed"]): run["advice"] for run in runs}.items():
        said = f"take {advice['methods']}" if advice["methods"] else "no advice"
        table.notes.append(f"The paper's rule for M_1 of {recipe}, seed {seed}: {said}; {advice['reason']}.")
    return [table]
