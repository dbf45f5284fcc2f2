"""Tables of pass@N per model, and of M_1's reach on the problems that M_t gains: IS(t) and its controls."""

from __future__ import annotations

from sirev.metrics.pass_at_n import guessing
from sirev.metrics.statistic import absent as no_value
from sirev.metrics.study_verdict import LEVEL
from sirev.reporting.sections.run_rows import (
    HEADS,
    Study,
    cells,
    crossing_cell,
    in_words,
    iteration_rows,
    keys,
    later_rows,
    named,
    reach_cells,
    reasons,
    runs_of,
)
from sirev.reporting.tables import ABSENT, TextTable, between, fixed, p_equals, p_value, percent, points, with_interval


def pass_n(studies: list[Study]) -> list[TextTable]:
    """pass@N of every M_t; M_1's pass@N on newly solved problems, with controls; problems gained and lost; crossings."""
    return [_overall(studies), _gained(studies), _new(studies), _reach(studies), *_sweep(studies)]


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
    for run, iteration in later_rows(runs):
        gained = iteration["improvement_set"]
        row = named(run, iteration["t"])
        size, rest = (ABSENT if one is None else str(one) for one in (gained["size"], gained["rest"]["size"]))
        table.rows.append([*row, "IS(t)", size, *cells(gained["m1_pass_at_n"], later, percent)])
        table.rows.append([*row, "re-roll", size, *cells(gained["reroll"], later, percent)])
        table.rows.append([*row, "still wrong", rest, *cells(gained["rest"]["m1_pass_at_n"], later, percent)])
        absent += reasons(gained["m1_pass_at_n"].values())
    table.notes += list(dict.fromkeys(absent))
    table.notes.append(
        "re-roll: what luck gives, M_1's pass@N on equally many problems that it gets wrong greedily and would solve by drawing "
        "again. still wrong: problems that M_1 and M_t get wrong."
    )
    return table


def _new(studies: list[Study]) -> TextTable:
    """IS(t) against a re-roll at one N: the shortfall, its bounds and its test."""
    table = TextTable(
        "Was it new? M_1's pass@N on IS(t) against a re-roll (%)",
        [*HEADS, "N", "IS(t)", "re-roll", "shortfall", "95%", "at most", "p"],
        3,
    )
    absent: list[str] = []
    found: dict[str, list[str]] = {"new": [], "selected": []}
    for study in studies:
        margin = study["settings"]["new_margin"]
        for run, iteration in later_rows(runs_of([study])):
            gained = iteration["improvement_set"]
            new, bound = gained["new"], gained["new"]["bound"]
            if new["N"] is None or bound is None:
                table.rows.append([*named(run, iteration["t"]), *[ABSENT] * 7])
                absent += [new["reason"]] if new["reason"] else []
                continue
            at, shortfall = str(new["N"]), gained["shortfall"][str(new["N"])]
            reroll = with_interval(gained["reroll"][at])
            ends = [points(shortfall), between(shortfall), fixed(100 * bound, 1, sign=True), p_value(new["holm"])]
            table.rows.append(
                [*named(run, iteration["t"]), at, percent(gained["m1_pass_at_n"].get(at, no_value(""))), reroll, *ends]
            )
            name = in_words(run, iteration["t"])
            if bound < margin:
                found["selected"].append(name)
            elif new["holm"] is not None and new["holm"] <= LEVEL:
                found["new"].append(f"{name} ({p_equals(new['holm'])})")
    table.notes += list(dict.fromkeys(absent))
    table.notes.append(
        "shortfall: re-roll minus IS(t), in points, with its 95% interval; at most: its upper one-sided 95% bound. p: that IS(t) "
        "is no harder than a re-roll, after Holm over t and methods. [ ] after re-roll: where 95% of its sets of problems lie."
    )
    margins = ", ".join(dict.fromkeys(f"{100 * study['settings']['new_margin']:g}" for study in studies))
    table.notes.append(f"Proven to be within {margins} points of luck, so selected: {'; '.join(found['selected']) or 'none'}.")
    table.notes.append(f"Of the others harder than luck (p≤{LEVEL:g}), so partly new: {'; '.join(found['new']) or 'none'}.")
    return table


def _reach(studies: list[Study]) -> TextTable:
    table = TextTable(
        "Gained and lost against M_1",
        [*HEADS, "gained", "lost", "unreadable %", "reach gained", "reach lost", "p", "curves cross at k"],
        3,
    )
    for run, iteration in later_rows(runs_of(studies)):
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
