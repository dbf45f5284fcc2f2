"""The verdicts: progress, reversal, regress, no change or can't tell, and what they rest on."""

from __future__ import annotations

from typing import Any

from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.rows import Study, labels, runs_of
from sirev.reporting.tables import ABSENT, TextTable, between, points


def verdicts(studies: list[Study]) -> list[TextTable]:
    """A line a method and seed, then the outcomes that decided, then what holds over seeds."""
    return [summary(studies), outcomes(studies), *_claims(studies)]


def summary(studies: list[Study]) -> TextTable:
    """The verdict on each M_T."""
    table = TextTable("Progress or regress? M_T against M_1", ["method", "seed", "of", "verdict", "because", "null run"], 6)
    for run, found in _found(studies):
        narrower = ", narrower" if found["narrower"] else ""
        table.rows.append([*labels(run), f"M_{found['t']}", f"{found['verdict']}{narrower}", found["reason"], found["null"]])
        if noise := found["noise"]:
            gained = ", ".join(map(str, noise["gained"]))
            lost = ", ".join(map(str, noise["lost"]))
            last = run["iterations"][-1]
            table.notes.append(
                f"{run['label']}, seed {run['seed']}: gains {last['improvement_set']['size']} and loses "
                f"{last['lost_set']['size']} problems; M_1 trained again gains {gained} and loses {lost}: the floor of noise."
            )
    if not table.rows:
        table.notes.append("none: no run has a model after M_1")
    if any(found["null"] == "no null run" for _, found in _found(studies)):
        table.notes.append("Without a null run, nothing tells what training again or sampling again would change by itself.")
    claims = [(found["method"], found["reason"]) for study in studies for found in study["methods"] if not found["claim"]]
    for reason in dict.fromkeys(reason for _, reason in claims):
        methods = ", ".join(dict.fromkeys(method for method, why in claims if why == reason))
        table.notes.append(f"No claim about {methods}: {reason}.")
    if adapted := _adapted(studies):
        table.notes.append(f"LoRA, which may understate the loss of diversity (arXiv 2405.09673): {adapted}.")
    return table


def outcomes(studies: list[Study]) -> TextTable:
    """Each outcome of a verdict: the change, its interval, its test, and what could have been seen."""
    table = TextTable(
        "What the verdicts rest on (points; D relative to M_1)",
        ["method", "seed", "outcome", "M_1", "change [95 %]", "p (Holm)", "is", "could see"],
        3,
    )
    for run, found in _found(studies):
        for name, one in sorted(found["outcomes"].items(), key=lambda item: named(item[0], run["headline"])):
            table.rows.append([*labels(run), named(name, run["headline"], pass_at_1_source([run])), *_change(name, one)])
            if reason := one["difference"]["reason"]:
                table.notes.append(f"{run['label']}, seed {run['seed']}: {named(name, run['headline'])}: none: {reason}.")
    if studies:
        settings = studies[0]["settings"]
        table.notes.append(
            f"same: the 90 % interval lies within {100 * settings['margin']:g} points of no change (D: "
            f"{100 * settings['diversity_margin']:g} % of M_1's); up, down: p <= .05 after Holm over outcomes and methods."
        )
        table.notes.append(
            "could see: 2.8 standard errors. Exact McNemar for greedy answers, else labels swapped in problems. Bootstrap over "
            f"problems: {settings['replicates']:,} replicates, seed {settings['bootstrap_seed']}; permutations: seed "
            f"{settings['permutation_seed']}."
        )
    return table


def named(outcome: str, headline: int, source: str = GREEDY) -> str:
    """An outcome in words; `source`: what pass@1 is estimated from."""
    fixed = {
        "pass_at_1": "A pass@1" if source == GREEDY else f"A pass@1, {source}",
        "pass_at_n": f"B pass@{headline}",
        "distinct": "D distinct right",
        "mean_accuracy": "mean accuracy",
    }
    return fixed.get(outcome, f"C {outcome.removeprefix('ood/')}")


def _change(name: str, one: dict[str, Any]) -> list[str]:
    difference = one["difference"]
    if difference["value"] is None:
        return [ABSENT, "none", ABSENT, one["is"], ABSENT]
    scale = one["base"] if name == "distinct" and one["base"] else 1.0
    base = f"{one['base']:.3f}" if name == "distinct" else f"{100 * one['base']:.1f}"
    see = ABSENT if one["smallest"] is None else f"{100 * one['smallest'] / scale:.1f}"
    unit = "%" if name == "distinct" else ""
    shown: Any = {**difference, **{k: difference[k] / scale for k in ("value", "low", "high") if difference[k] is not None}}
    p = ABSENT if one["holm"] is None else f"{one['holm']:.4f}" if one["holm"] >= 0.0001 else "<.0001"
    return [base, f"{points(shown)}{unit} {between(shown)}", p, one["is"], see + unit]


def _claims(studies: list[Study]) -> list[TextTable]:
    table = TextTable(
        "Over seeds: mean change, with intervals over problems and over seeds (points)",
        ["method", "outcome", "seeds", "claim", "mean", "problems", "seeds' t"],
        2,
    )
    for study in studies:
        for found in study["methods"]:
            if len(found["seeds"]) < 2:
                continue
            for name, one in sorted(found["mean"].items(), key=lambda item: named(item[0], study["headline"])):
                table.rows.append(
                    [
                        found["method"],
                        named(name, study["headline"]),
                        " ".join(map(str, found["seeds"])),
                        found["claim"] or ABSENT,
                        points(one["difference"]),
                        between(one["difference"]),
                        between(one["seeds"]),
                    ]
                )
            table.notes.append(f"{found['method']}: {found['reason']}.")
    return [table] if table.rows else []


def _found(studies: list[Study]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        ({**run, "headline": study["headline"]}, found)
        for study in studies
        for found in study["verdicts"]
        for run in study["runs"]
        if (run["method"], run["seed"]) == (found["method"], found["seed"])
    ]


def _adapted(studies: list[Study]) -> str:
    return ", ".join(dict.fromkeys(run["label"] for run in runs_of(studies) if run["parameters"] == "lora"))
