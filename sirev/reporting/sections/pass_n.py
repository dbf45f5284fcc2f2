"""pass@N of every model, and whether what M_t gained was within M_1's reach: IS(t) beside its controls."""

from __future__ import annotations

from sirev.metrics.pass_at_n import guessing
from sirev.metrics.study_verdict import LEVEL
from sirev.reporting.sections.run_rows import (
    HEADS,
    Study,
    cells,
    crossing_cell,
    in_words,
    iteration_rows,
    keys,
    named,
    reach_cells,
    reasons,
    runs_of,
)
from sirev.reporting.tables import ABSENT, TextTable, p_equals, percent


def pass_n(studies: list[Study]) -> list[TextTable]:
    """pass@N of every M_t; M_1's pass@N on what M_t newly solves, with the controls; where the curves cross."""
    return [_overall(studies), _gained(studies), _reach(studies), *_sweep(studies)]


def _overall(studies: list[Study]) -> TextTable:
    runs = runs_of(studies)
    sizes = keys(i["pass_at_n"] for run in runs for i in run["iterations"])
    table = TextTable("pass@N of M_t on test, from samples (%)", [*HEADS, *(f"N={n}" for n in sizes)], 3)
    for run, iteration in iteration_rows(runs):
        table.rows.append([*named(run, iteration["t"]), *cells(iteration["pass_at_n"], sizes, percent)])
    for guess in sorted({study["guess"] for study in studies if study["guess"]}):
        table.rows.append(["guessing", "", "", *(f"{100 * guessing(guess, int(n)):.1f}" for n in sizes)])
        table.notes.append(f"guessing: 1 − {1 - guess:g}^N, what blind guesses reach.")
    table.notes.append("By the unbiased estimator 1 − C(n−c, N)/C(n, N), mean over problems.")
    return table


def _gained(studies: list[Study]) -> TextTable:
    runs = runs_of(studies)
    later = keys(i["improvement_set"]["m1_pass_at_n"] for run in runs for i in run["iterations"])
    table = TextTable(
        "M_1's pass@N on IS(t), the problems that M_t gains over M_1, and on controls (%)",
        [*HEADS, "on", "problems", *(f"N={n}" for n in later)],
        4,
    )
    absent = []
    tested: dict[str, float] = {}
    at: set[int] = set()
    for run, iteration in iteration_rows(runs):
        if iteration["t"] == run["iterations"][0]["t"]:
            continue
        gained = iteration["improvement_set"]
        row = named(run, iteration["t"])
        sizes = [gained["size"], gained["rest"]["size"]]
        counted = [ABSENT if size is None else str(size) for size in sizes]
        table.rows.append([*row, "IS(t)", counted[0], *cells(gained["m1_pass_at_n"], later, percent)])
        table.rows.append([*row, "W \\ IS(t)", counted[1], *cells(gained["rest"]["m1_pass_at_n"], later, percent)])
        table.rows.append([*row, "re-roll", ABSENT, *cells(gained["reroll"], later, percent)])
        absent += reasons(gained["m1_pass_at_n"].values())
        new = gained["new"]
        if new["holm"] is not None and new["N"] is not None:
            tested[in_words(run, iteration["t"])] = new["holm"]
            at.add(new["N"])
    table.notes += list(dict.fromkeys(absent))
    table.notes.append(
        "W: problems that M_1 gets wrong greedily. re-roll: M_1's pass@N on the problems of W that one more of its samples would "
        "solve, that sample left out."
    )
    shown = [f"{name} ({p_equals(p)})" for name, p in tested.items() if p <= LEVEL]
    said = f"{'; '.join(shown)}, after Holm" if shown else "none" if tested else "none could be tested"
    where = f" at N = {', '.join(map(str, sorted(at)))}" if at else ""
    table.notes.append(f"Only IS(t) significantly below re-roll{where} is evidence of a new skill: {said}.")
    return table


def _reach(studies: list[Study]) -> TextTable:
    table = TextTable(
        "Gained and lost against M_1",
        [*HEADS, "gained", "lost", "unreadable %", "reach gained", "reach lost", "p", "curves cross at k"],
        3,
    )
    for run, iteration in iteration_rows(runs_of(studies)):
        if iteration["t"] == run["iterations"][0]["t"]:
            continue
        reach, crossing, gained = iteration["reach"], iteration["crossing"], iteration["improvement_set"]
        counted = [gained["size"], iteration["lost_set"]["size"]]
        table.rows.append(
            [
                *named(run, iteration["t"]),
                *(ABSENT if one is None else str(one) for one in counted),
                percent(gained["format"]),
                *reach_cells(reach),
                crossing_cell(crossing),
            ]
        )
    table.notes.append(
        "gained, IS(t): M_t correct, M_1 incorrect; lost, LS(t): the reverse; both greedy. unreadable: gained problems on which "
        "M_1 gave no readable answer."
    )
    table.notes.append("reach: problems that only M_t (gained), only M_1 (lost) ever solves in its samples; p: exact sign test.")
    return table


def _sweep(studies: list[Study]) -> list[TextTable]:
    swept = [(run, i) for run, i in iteration_rows(runs_of(studies)) if i["temperatures"]]
    if not swept:
        return []
    sizes = keys(found["pass_at_n"] for _, i in swept for found in i["temperatures"].values())
    table = TextTable("pass@N at other temperatures (%)", [*HEADS, "temperature", *(f"N={n}" for n in sizes)], 4)
    for run, iteration in swept:
        for temperature, found in iteration["temperatures"].items():
            table.rows.append([*named(run, iteration["t"]), temperature, *cells(found["pass_at_n"], sizes, percent)])
    return [table]
