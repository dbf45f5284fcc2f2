"""Tables of diversity: as in the paper, size-matched, and the split of its loss."""

from __future__ import annotations

from sirev.metrics.distinct import ORDERS
from sirev.metrics.families import VARIETIES
from sirev.metrics.families.diversity import FORMS, GROUPS, PAPER_DRAWS, UNREAD_LIMIT
from sirev.metrics.families.shown import Variety
from sirev.metrics.pairwise_diversity import PAIR_KINDS
from sirev.metrics.study_verdict import MATCHED
from sirev.reporting.sections.run_rows import (
    HEADS,
    Study,
    at,
    cells,
    iteration_rows,
    measured,
    named,
    reasons,
    runs_of,
)
from sirev.reporting.tables import TextTable, between, percent, points, with_interval

SIZE = str(MATCHED)
"""The number of answers m of the size-matched values in the table, as a key; JSON and CSV have other m too."""
DISTINCT_N, *OTHERS = VARIETIES


def diversity(studies: list[Study]) -> list[TextTable]:
    """Diversity of all, correct and incorrect answers; then size-matched; then the split of its change."""
    return [_as_in_the_paper(studies), _matched(studies), *_split(studies)]


def _present(studies: list[Study]) -> list[Variety]:
    groups = [group for _, i in iteration_rows(runs_of(studies)) for group in i["diversity"].values()]
    return [variety for variety in OTHERS if any(at(group, variety.path)["value"] is not None for group in groups)]


def _as_in_the_paper(studies: list[Study]) -> TextTable:
    shown = _present(studies)
    table = TextTable(
        f"Diversity of up to {PAPER_DRAWS} test samples, as in the paper (%; 100 is all different)",
        [*HEADS, "of", *(f"D-{n}" for n in ORDERS), "mean", *(variety.header for variety in shown), "problems"],
        4,
    )
    absent = []
    for run, iteration in iteration_rows(runs_of(studies)):
        for group in GROUPS:
            found = iteration["diversity"][group]
            values = cells(found["distinct_n"], [*map(str, ORDERS), "mean"], percent)
            others = [percent(at(found, variety.path)) for variety in shown]
            table.rows.append([*named(run, iteration["t"]), group, *values, *others, str(found["distinct_n"]["1"]["n"])])
            absent += reasons(found["distinct_n"].values())
    table.notes += [f"none: {reason}" for reason in dict.fromkeys(absent)]
    table.notes += _unread(studies)
    table.notes.append(
        "D-n: distinct n-grams of all n-grams in one problem's answers; equations, programs: distinct ones per answer."
    )
    table.notes.append(
        "SBERT: 1 − mean cosine of two answers. Distinct measures drop mechanically as the number of answers grows."
    )
    return table


def _unread(studies: list[Study]) -> list[str]:
    """Notes on answers without an equation or a program: the share left out, and the reason if too few are left."""
    notes = []
    for name in FORMS:
        shares, whys = [0.0], []
        for _, iteration in iteration_rows(runs_of(studies)):
            for group in iteration["diversity"].values():
                share = group["unread"][name]["value"] or 0.0
                shares.append(share)
                if share > UNREAD_LIMIT:
                    whys += reasons([group[f"distinct_{name}"]])  # type: ignore[literal-required]
        notes += [f"{name}: not measured: {why}" for why in dict.fromkeys(whys)]
        if largest := max(shares):
            notes.append(
                f"{name}: answers without any that is read are left out, at most {100 * largest:.1f}% of a row's answers."
            )
    return notes


def _matched(studies: list[Study]) -> TextTable:
    shown = [DISTINCT_N, *(variety for variety in _present(studies) if variety.matched)]
    table = TextTable(
        f"Size-matched diversity: how many of {MATCHED} answers are distinct (%)",
        [*HEADS, "of", *(variety.header for variety in shown), "problems"],
        4,
    )
    absent = []
    for run, iteration in iteration_rows(runs_of(studies)):
        for group in GROUPS:
            found = iteration["diversity"][group]["matched"][SIZE]
            rests = run["matched"][SIZE][group]
            if rests["reason"]:
                absent.append(rests["reason"])
                continue
            values = [at(found, variety.path) for variety in shown]
            problems = f"{rests['problems']} ({100 * rests['share']:.0f}%)"
            table.rows.append([*named(run, iteration["t"]), group, *map(with_interval, values), problems])
    table.notes += [f"none: {reason}" for reason in dict.fromkeys(absent)]
    table.notes.append("Only problems that have that many such answers at every t and method, so that the numbers compare.")
    for study in studies:
        for run in {run["seed"]: run for run in study["runs"] if not run["null"]}.values():
            rests = run["matched"][SIZE]["correct"]
            if not rests["reason"] and any(rests["levels"]):
                by_level = ", ".join(f"{level}: {count}" for level, count in rests["levels"].items())
                of = "" if measured(run) else f", seed {run['seed']}"
                table.notes.append(f"Problems with {MATCHED} correct answers by level{of}: {by_level}.")
    return table


def _split(studies: list[Study]) -> list[TextTable]:
    table = TextTable(
        "Where the change in pairwise diversity came from, M_t against M_1 (points)",
        [*HEADS, "pairs differ in", "change", "composition", *(f"narrowing {kind}" for kind in PAIR_KINDS)],
        4,
    )
    for run, iteration in iteration_rows(runs_of(studies)):
        pairs = iteration["split"]
        for name, found in pairs.items():
            if name == "texts" and pairs.keys() & FORMS.keys():
                continue  # texts nearly always differ: forms say more
            parts = [found["change"], found["composition"], *(found["narrowing"][kind] for kind in PAIR_KINDS)]
            shown = ["none" if part["value"] is None else f"{points(part)} {between(part)}" for part in parts]
            table.rows.append([*named(run, iteration["t"]), name, *shown])
    table.notes.append(
        "composition: the mix of pairs changed. narrowing: pairs of one kind became more alike. Both add up to the change."
    )
    return [table] if table.rows else []
