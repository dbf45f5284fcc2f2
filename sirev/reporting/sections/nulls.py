"""Null runs: what changes although no method is at work, beside the methods' own M_T."""

from __future__ import annotations

from typing import Any

from sirev.reporting.sections.overview import form_of
from sirev.reporting.sections.rows import RunData, Study, labels
from sirev.reporting.tables import ABSENT, TextTable, between, points, share

KINDS = {
    "null-resample": "M_1 drawn again",
    "null-retrain": "M_1 trained again",
    "null-gold": "gold solutions",
}


def nulls(studies: list[Study]) -> list[TextTable]:
    """Each null model against M_1, in the terms of the verdicts."""
    table = TextTable(
        "Null runs: what changes by itself, against M_1 (points)",
        ["run", "seed", "model", "|IS|", "|LS|", "pass@1 [95 %]", "pass@N [95 %]", "Distinct-N", "forms"],
        3,
    )
    for study in studies:
        for run in study["runs"]:
            if not run["null"]:
                continue
            for iteration in run["iterations"][1:]:
                table.rows.append(_row(run, iteration))
            if run["remark"]:
                table.notes.append(f"{run['label']}, seed {run['seed']}: {run['remark']}.")
        if any(run["null"] for run in study["runs"]):
            table.notes.append(f"N = {study['headline']}. {'; '.join(f'{name}: {says}' for name, says in KINDS.items())}.")
            table.notes.append(
                "Gold solutions train for as many optimizer steps as the method's M_t took. Diversity: of all answers."
            )
    if not table.rows:
        table.notes.append("none: there is no null run; `sirev iterate --null resample|retrain|gold` adds them")
    return [table]


def _row(run: RunData, iteration: dict[str, Any]) -> list[str]:
    changes = iteration["against_m1"]
    sizes = [iteration["improvement_set"]["size"], iteration["lost_set"]["size"]]
    differences = [changes[name]["difference"] for name in ("pass_at_1", "pass_at_n")]
    first = run["iterations"][0]["diversity"]["all"]
    later = iteration["diversity"]["all"]
    return [
        *labels(run),
        str(iteration["t"]),
        *(ABSENT if size is None else str(size) for size in sizes),
        *(f"{points(one)} {between(one)}" for one in differences),
        f"{share(first['distinct_n']['mean'])} → {share(later['distinct_n']['mean'])}",
        f"{share(form_of(first))} → {share(form_of(later))}",
    ]
