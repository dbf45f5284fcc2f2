"""Diversity as the paper measures it, size-matched, and the split of its loss; skill out of distribution."""

from __future__ import annotations

from sirev.metrics.diversity import ORDERS
from sirev.reporting.sections.rows import Study, cells, iterations, keys, labels, reasons, runs_of
from sirev.reporting.tables import TextTable, between, percent, share, with_interval

GROUPS = ("all", "correct", "incorrect")
MEASURES = {"distinct_equations": "equations", "distinct_programs": "programs", "sentence_bert": "SBERT"}
KINDS = ("right-right", "mixed", "wrong-wrong")
MATCHED = "8"
"""The number of answers m whose size-matched values the table shows; JSON and CSV have the others."""


def diversity(studies: list[Study]) -> list[TextTable]:
    """Over all, correct and incorrect answers, then at equal numbers of answers, then where the loss came from."""
    return [_as_in_the_paper(studies), _matched(studies), *_split(studies)]


def _present(studies: list[Study]) -> dict[str, str]:
    found = [group for _, i in iterations(runs_of(studies)) for group in i["diversity"].values()]
    return {name: title for name, title in MEASURES.items() if any(group[name]["value"] is not None for group in found)}


def _as_in_the_paper(studies: list[Study]) -> TextTable:
    shown = _present(studies)
    table = TextTable(
        "Diversity of the first 50 test draws, as in the paper (share; 1 is all different)",
        ["method", "seed", "t", "of", *(f"D-{n}" for n in ORDERS), "mean", *shown.values(), "problems"],
        4,
    )
    absent = []
    for run, iteration in iterations(runs_of(studies)):
        for group in GROUPS:
            found = iteration["diversity"][group]
            values = cells(found["distinct_n"], [*map(str, ORDERS), "mean"], share)
            table.rows.append(
                [
                    *labels(run),
                    str(iteration["t"]),
                    group,
                    *values,
                    *(share(found[name]) for name in shown),
                    str(found["distinct_n"]["1"]["n"]),
                ]
            )
            absent += reasons(found["distinct_n"].values())
    table.notes += [f"none: {reason}" for reason in dict.fromkeys(absent)]
    table.notes.append("D-n: distinct n-grams / all n-grams of one problem's answers; equations, programs: distinct / answers.")
    table.notes.append(
        "SBERT: 1 − mean cosine of two answers. Distinct measures fall by themselves where there are more such answers."
    )
    return table


def _matched(studies: list[Study]) -> TextTable:
    shown = {name: title for name, title in _present(studies).items() if name != "sentence_bert"}
    table = TextTable(
        f"Size-matched: of {MATCHED} answers, how many differ (share)",
        ["method", "seed", "t", "of", "Distinct-N", *shown.values(), "problems"],
        4,
    )
    absent = []
    for run, iteration in iterations(runs_of(studies)):
        for group in GROUPS:
            found = iteration["diversity"][group]["matched"][MATCHED]
            rests = run["matched"][MATCHED][group]
            if rests["reason"]:
                absent.append(rests["reason"])
                continue
            values = [found["distinct_n"]["mean"], *(found[name] for name in shown)]
            table.rows.append(
                [
                    *labels(run),
                    str(iteration["t"]),
                    group,
                    *(f"{share(value)} {_interval(value)}" for value in values),
                    f"{rests['problems']} ({100 * rests['share']:.0f} %)",
                ]
            )
    table.notes += [f"none: {reason}" for reason in dict.fromkeys(absent)]
    table.notes.append("On the problems that have as many such answers at every t and method, so that the numbers compare.")
    for study in studies:
        for seed, run in {run["seed"]: run for run in study["runs"] if not run["null"]}.items():
            rests = run["matched"][MATCHED]["correct"]
            if not rests["reason"] and any(rests["levels"]):
                by_level = ", ".join(f"{level}: {count}" for level, count in rests["levels"].items())
                table.notes.append(f"Correct ones, seed {seed}: problems by level {by_level}.")
    return table


def _interval(found: dict[str, float | None]) -> str:
    low, high = found["low"], found["high"]
    return "" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"


def _split(studies: list[Study]) -> list[TextTable]:
    table = TextTable(
        "Where the change of pairwise diversity came from, M_t against M_1 (points)",
        ["method", "seed", "t", "pairs differ in", "change", "composition", *(f"narrowing {kind}" for kind in KINDS)],
        4,
    )
    for run, iteration in iterations(runs_of(studies)):
        named = iteration["split"]
        for name, found in named.items():
            if name == "texts" and len(named.keys() & {"equations", "programs"}):
                continue  # texts nearly always differ: what they say matters
            parts = [found["change"], found["composition"], *(found["narrowing"][kind] for kind in KINDS)]
            shown = [f"{100 * part['value']:+.1f} {between(part)}" if part["value"] is not None else "none" for part in parts]
            table.rows.append([*labels(run), str(iteration["t"]), name, *shown])
    table.notes.append("composition: other kinds of pairs. narrowing: pairs of one kind grow alike. They add up to the change.")
    return [table] if table.rows else []


def ood(studies: list[Study]) -> list[TextTable]:
    """Accuracy out of distribution, whole and by level, and the group disparity beside both its parts."""
    tables = []
    runs = runs_of(studies)
    for suite in sorted({suite for _, iteration in iterations(runs) for suite in iteration["ood"]}):
        having = [(run, i["ood"][suite], i["t"]) for run, i in iterations(runs) if suite in i["ood"]]
        levels = keys(found["levels"] for _, found, _ in having)
        table = TextTable(
            f"Out of distribution: {suite}, greedy (%)",
            ["method", "seed", "t", "overall", *(f"level {level}" for level in levels), "group disparity"],
            3,
        )
        absent = []
        for run, found, t in having:
            values = cells(found["levels"], levels, percent)
            disparity = found["group_disparity"]
            table.rows.append([*labels(run), str(t), with_interval(found["accuracy"]), *values, with_interval(disparity)])
            absent += reasons([disparity])
        table.notes += [f"none: {reason}" for reason in dict.fromkeys(absent)]
        table.notes.append("group disparity: (easiest level − hardest level) / easiest level.")
        tables.append(table)
    return tables
