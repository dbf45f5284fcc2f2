"""Tables of suites out of distribution: of greedy answers, and of samples if a suite has any."""

from __future__ import annotations

from sirev.metrics.comparison.contents import SuiteAccuracy
from sirev.metrics.families import VARIETIES
from sirev.metrics.families.diversity import GROUPS
from sirev.metrics.overlap import TRAINING
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import MATCHED
from sirev.reporting.overlap import PLACES, sentences, split_name
from sirev.reporting.sections.diversity import SIZE
from sirev.reporting.sections.run_rows import (
    HEADS,
    RunData,
    Study,
    at,
    cells,
    crossing_cell,
    iteration_rows,
    keys,
    named,
    reach_cells,
    reasons,
    runs_of,
)
from sirev.reporting.tables import ABSENT, TextTable, between, percent, points, with_interval

Answered = list[tuple[RunData, int, SuiteAccuracy]]
"""(run, t, results on a suite) per model."""


def ood(studies: list[Study]) -> list[TextTable]:
    """Per suite: accuracy overall and by level, with group disparity; pass@N, reach and diversity of samples.

    A table on the overlap of problems with training data follows, per study.
    """
    tables = []
    rows = list(iteration_rows(runs_of(studies)))
    for suite in sorted({suite for _, iteration in rows for suite in iteration["ood"]}):
        having = [(run, i["t"], i["ood"][suite]) for run, i in rows if suite in i["ood"]]
        drawn = [one for one in having if "pass_at_n" in one[2]]
        tables += [_greedy(suite, having), *([_pass_n(suite, drawn), _reach(suite, drawn)] if drawn else [])]
        tables += [*_diversity(suite, drawn)]
    return [*tables, *(_overlap(study, several=len(studies) > 1) for study in studies if study.get("overlap"))]


def _greedy(suite: str, having: Answered) -> TextTable:
    levels = keys(found["levels"] for _, _, found in having)
    table = TextTable(
        f"Out of distribution: {suite}, greedy (%)",
        [*HEADS, "overall", *(f"level {level}" for level in levels), "group disparity", "its change, points"],
        3,
    )
    absent = []
    for run, t, found in having:
        disparity = found["group_disparity"]
        table.rows.append(
            [
                *named(run, t),
                with_interval(found["accuracy"]),
                *cells(found["levels"], levels, percent),
                with_interval(disparity),
                _change(at(found, ("disparity_change",))),
            ]
        )
        absent += reasons([disparity])
    table.notes += [f"none: {reason}" for reason in dict.fromkeys(absent)]
    table.notes.append("group disparity: (easiest level − hardest level) / easiest level; its change is against M_1.")
    return table


def _pass_n(suite: str, drawn: Answered) -> TextTable:
    sizes = keys(found["pass_at_n"] for _, _, found in drawn)
    table = TextTable(f"pass@N out of distribution: {suite}, from samples (%)", [*HEADS, *(f"N={n}" for n in sizes)], 3)
    table.rows = [[*named(run, t), *cells(found["pass_at_n"], sizes, percent)] for run, t, found in drawn]
    table.notes.append("N=1 is the mean share of correct samples.")
    return table


def _reach(suite: str, drawn: Answered) -> TextTable:
    levels = keys(found["mean_levels"] for _, _, found in drawn)
    table = TextTable(
        f"Reach out of distribution: {suite}, from samples",
        [
            *HEADS,
            *("reach gained", "reach lost", "p", "curves cross at k"),
            *(f"level {level} %" for level in levels),
            *("group disparity %", "its change, points"),
        ],
        3,
    )
    for run, t, found in drawn:
        against = t != run["iterations"][0]["t"]
        table.rows.append(
            [
                *named(run, t),
                *([*reach_cells(found["reach"]), crossing_cell(found["crossing"])] if against else [ABSENT] * 4),
                *cells(found["mean_levels"], levels, percent),
                with_interval(found["mean_group_disparity"]),
                _change(found["mean_disparity_change"]),
            ]
        )
    table.notes.append("reach: problems that only M_t (gained), only M_1 (lost) ever solves in its samples; p: exact sign test.")
    table.notes.append("levels and group disparity: of the mean share of correct samples.")
    return table


def _diversity(suite: str, drawn: Answered) -> list[TextTable]:
    """Size-matched diversity of samples; no table if no model has enough of them."""
    having = [(run, t, found["diversity"]) for run, t, found in drawn if "diversity" in found]
    of_size = [(run, t, group, found[group]["matched"][SIZE]) for run, t, found in having for group in GROUPS]
    measured = [variety for variety in VARIETIES if variety.matched]
    shown = [one for one in measured if any(at(found, one.path)["value"] is not None for *_, found in of_size)]
    title = f"Size-matched diversity out of distribution: {suite}, how many of {MATCHED} samples are distinct (%)"
    table = TextTable(title, [*HEADS, "of", *(variety.header for variety in shown), "problems"], 4)
    for run, t, group, found in of_size:
        values = [at(found, variety.path) for variety in shown]
        if any(value["value"] is not None for value in values):
            count = max(value["n"] for value in values)
            table.rows.append([*named(run, t), group, *map(with_interval, values), str(count)])
        else:
            table.notes += [f"none: {reason}" for reason in reasons(values[:1]) if f"none: {reason}" not in table.notes]
    return [table] if table.rows else []


def _overlap(study: Study, *, several: bool) -> TextTable:
    """The overlap of a study's problems with training data."""
    overlap = study["overlap"]
    assert overlap is not None
    n, splits = overlap["n"], overlap["splits"]
    places = [place for place in PLACES if any(place in found["all"]["known"] for found in splits.values())]
    heads = [f"in {PLACES[place]}" for place in places] + ([] if n is None else [f"half of its {n}-grams there"])
    title = "Problems that training data hold" + (f": {study['recipe']}" if several else "")
    table = TextTable(title, ["problems of", "level", "problems", *heads], 2)
    for split, found in splits.items():
        levels = found["levels"] if len(found["levels"]) > 1 else {}
        for level, of in {"all": found["all"], **levels}.items():
            counted = [str(of["known"][place]["whole"]) for place in places]
            half = [] if n is None else [str(of["known"][TRAINING]["half"])]
            table.rows.append([split_name(split), level, str(of["problems"]), *counted, *half])
    table.notes += sentences(overlap)
    table.notes.append("in: word by word, the template's words left out" + (", names and synonyms alike." if n is None else "."))
    return table


def _change(change: Statistic) -> str:
    return ABSENT if change["value"] is None else f"{points(change)} {between(change)}"
