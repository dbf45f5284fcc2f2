"""The table of null runs: the change without self-improvement."""

from __future__ import annotations

from sirev.metrics.comparison.nulls import GOLD, RESAMPLE, RETRAIN
from sirev.reporting.sections.overview import form_measured
from sirev.reporting.sections.run_rows import ModelData, RunData, Study, in_words, labels, measured
from sirev.reporting.tables import ABSENT, TextTable, between, percent, points

NULL_KINDS = {
    RESAMPLE: "M_1 sampled again",
    RETRAIN: "M_1 trained again",
    GOLD.removesuffix("-"): "trained on gold solutions",
}


def nulls(studies: list[Study]) -> list[TextTable]:
    """Each null model against M_1, with the outcomes of the verdicts."""
    table = TextTable(
        "Null runs: change without self-improvement, against M_1",
        [
            "run",
            "seed",
            "model",
            "gained",
            "lost",
            "pass@1, points [95% CI]",
            "pass@N, points [95% CI]",
            "Distinct-N %",
            "distinct forms %",
        ],
        3,
    )
    for study in studies:
        for run in study["runs"]:
            if not run["null"]:
                continue
            for iteration in run["iterations"][1:]:
                table.rows.append(_row(run, iteration))
            if run["remark"]:
                table.notes.append(f"{in_words(run)}: {run['remark']}.")
        if any(run["null"] for run in study["runs"]):
            table.notes.append(f"N = {study['headline']}. {'; '.join(f'{name}: {says}' for name, says in NULL_KINDS.items())}.")
            table.notes.append(
                "gained, lost: test problems that only this model, only M_1 gets right. Gold solutions train for as many "
                "optimizer steps as the method's M_t took. Diversity: of all answers; 100 is all different."
            )
    if not table.rows:
        elsewhere = all(measured(run) for study in studies for run in study["runs"])
        why = "completions made elsewhere have none" if elsewhere else "add some with: sirev iterate --null resample|retrain|gold"
        table.notes.append(f"none: no null run; {why}")
    return [table]


def _row(run: RunData, iteration: ModelData) -> list[str]:
    changes = iteration["against_m1"]
    sizes = [iteration["improvement_set"]["size"], iteration["lost_set"]["size"]]
    differences = [changes[name]["difference"] for name in ("pass_at_1", "pass_at_n")]
    first = run["iterations"][0]["diversity"]["all"]
    later = iteration["diversity"]["all"]
    form = form_measured(run["iterations"][0], iteration)
    return [
        *labels(run),
        str(iteration["t"]),
        *(ABSENT if size is None else str(size) for size in sizes),
        *(f"{points(one)} {between(one)}" for one in differences),
        f"{percent(first['distinct_n']['mean'])} → {percent(later['distinct_n']['mean'])}",
        f"{percent(form(first))} → {percent(form(later))}",
    ]
