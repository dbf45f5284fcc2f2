"""Tables of verdicts (progress, reversal, regress, no change, or several of these) and of their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from sirev.metrics.comparison.verdict_contents import Claim, JudgedChange, StudyVerdict
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import HELD, LEVEL, NOT_MEASURED, OPEN, SEEDS, UP, deciding, is_of_suite
from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.run_rows import RunData, Study, in_words, labels, measured, model_name, runs_of
from sirev.reporting.sections.unread import first_lines, reading_differs
from sirev.reporting.tables import ABSENT, TextTable, between, fixed, p_equals, p_value, points

T = TypeVar("T")
NO_NULL = "no null run"
"""The text of a comparison without a null run."""


class JudgedRun(RunData):
    """A run with the settings of its study that the wording of its verdict needs."""

    headline: int
    diversity_counts: bool


Found = tuple[JudgedRun, StudyVerdict]
"""(run, verdict)."""


def verdicts(studies: list[Study]) -> list[TextTable]:
    """The verdict per run, then the outcomes behind it, then the claims over seeds."""
    return [summary(studies), outcome_rows(studies), *_claims(studies)]


def summary(studies: list[Study]) -> TextTable:
    """The verdict on each M_T."""
    found = verdicts_of(studies)
    iterated = [(run, verdict) for run, verdict in found if not measured(run)]
    held_against = any(verdict["null"] != NO_NULL for _, verdict in iterated)
    columns = ["method", "seed", "model", "verdict", "because", *(["null run"] if held_against else [])]
    table = TextTable("Progress or regress? M_T against M_1", columns, len(columns))
    for run, verdict in found:
        null = [verdict["null"]] if held_against else []
        table.rows.append([*labels(run), model_name(run, verdict["t"]), word(verdict), because(run, verdict), *null])
        if noise := verdict["noise"]:
            gained = ", ".join(map(str, noise["gained"]))
            lost = ", ".join(map(str, noise["lost"]))
            last = run["iterations"][-1]
            table.notes.append(
                f"{in_words(run)}: gains {last['improvement_set']['size']} and loses {last['lost_set']['size']} problems; "
                f"M_1 trained again gains {gained} and loses {lost}: the noise floor."
            )
    table.notes[:0] = [line for study in studies for line in first_lines(runs_of([study]))]
    if not table.rows:
        table.notes += dict.fromkeys(map(no_verdict, studies))
    if any(verdict["null"] == NO_NULL for _, verdict in iterated):
        table.notes.append("No null run: how much retraining or resampling alone would change is unknown.")
    table.notes += caveats(studies)
    return table


def caveats(studies: list[Study]) -> list[str]:
    """Sentences on missing claims, and on what may bias a verdict."""
    adapted = _adapted(studies)
    lora = f"Trained with LoRA, which may understate the loss of diversity (arXiv 2405.09673): {adapted}."
    return [*claims_in_words(studies), *([lora] if adapted else [])]


def no_verdict(study: Study) -> str:
    """The reason why a study has no verdict, in a sentence."""
    runs = study.get("runs") or []
    if runs and all(run["null"] for run in runs):
        return "No verdict: null runs alone are shown; ask for the runs of a method too."
    if runs and all(run.get("steps") for run in runs):
        return "No verdict: one model is measured, and there is none to compare it with."
    return "No verdict: no run has a model after M_1."


def outcome_rows(studies: list[Study]) -> TextTable:
    """Each outcome of a verdict: the change, its interval, its bound, and its test."""
    table = TextTable(
        "Evidence for the verdicts (points; D: % of M_1's)",
        ["method", "seed", "outcome", "M_1 %", "change [95% CI]", "bound", "result", "p (Holm)"],
        3,
    )
    for run, verdict in verdicts_of(studies):
        shown = presented(verdict["outcomes"], run["headline"])
        for name, outcome in sorted(shown.items(), key=lambda item: named(item[0], run["headline"])):
            cells = _change(name, outcome)
            if name == "pass_at_1" and (differs := reading_differs(run)):
                cells[-2] = f"{cells[-2]}, read unevenly"
                table.notes.append(f"{in_words(run)}: read unevenly: {differs}.")
            table.rows.append([*labels(run), named(name, run["headline"], pass_at_1_source([run])), *cells])
            if reason := outcome["difference"]["reason"]:
                table.notes.append(f"{in_words(run)}: {named(name, run['headline'])}: none: {reason}.")
    if studies:
        settings = studies[0]["settings"]
        table.notes.append(
            "bound: the lower one-sided 95% bound of the change, next to the loss that held excludes: "
            f"{100 * settings['margin']:g} points, less for pass@N near its ceiling (D: {100 * settings['diversity_margin']:g}% "
            "of M_1's). up, down: p≤0.05 after Holm, pass@1 over methods, then its guards. open: none of these."
        )
        table.notes.append(
            "Tests: exact McNemar for greedy answers, else labels swapped within problems; reach: exact sign test. Bootstrap "
            f"over problems: {settings['replicates']:,} replicates, seed {settings['bootstrap_seed']}; permutations: seed "
            f"{settings['permutation_seed']}."
        )
    return table


def named(outcome: str, headline: int, source: str = GREEDY) -> str:
    """The name of an outcome in a table; `source` is that of pass@1."""
    fixed_names = {
        "pass_at_1": "A pass@1" if source == GREEDY else f"A pass@1, {source}",
        "pass_at_n": f"B pass@{headline}",
        "distinct": "D variety",
        "mean_accuracy": "mean accuracy",
    }
    kind, _, suite = outcome.partition("/")
    return fixed_names.get(outcome, f"C {suite}, greedy" if kind == "ood" else f"C {suite}, pass@N")


def word(verdict: StudyVerdict) -> str:
    """The verdict for display, with "narrower" if answers became more alike without that counting."""
    strict = verdict["narrower"] and any(one in ("progress", "no change") for one in verdict["possible"])
    return f"{verdict['verdict']}{', narrower' if strict else ''}"


def because(run: JudgedRun, verdict: StudyVerdict) -> str:
    """The reasons of a verdict: pass@1, and the outcomes that decided it, with their intervals."""
    said = [_said(name, verdict["outcomes"], run) for name in ("pass_at_1", *decisive(run, verdict))]
    said += without_pass_at_n(run, verdict)
    if not any(is_of_suite(name) for name in verdict["outcomes"]):
        said.append("other problems were not measured")
    if differs := reading_differs(run):
        said.append(f"but {differs}")
    return f"{'; '.join(said)}."


def decisive(run: JudgedRun, verdict: StudyVerdict) -> list[str]:
    """The outcomes that a reason names after pass@1; with one sample per problem, pass@N only if it fell."""
    fell = "pass_at_n" in verdict["outcomes"] and verdict["outcomes"]["pass_at_n"]["is"] == "down"
    names = deciding(verdict["outcomes"], run["diversity_counts"])
    return [name for name in names if name != "pass_at_n" or run["headline"] != 1 or fell]


def without_pass_at_n(run: JudgedRun, verdict: StudyVerdict) -> list[str]:
    """The reason for missing pass@N, if an open verdict rests on one sample per problem: a list of at most one."""
    unmeasured = run["headline"] == 1 and len(verdict["possible"]) > 1
    return ["pass@N needs more than one sample per problem"] if unmeasured else []


def presented(outcomes_of: Mapping[str, T], headline: int | None) -> dict[str, T]:
    """The outcomes to show. With one sample per problem, pass@N estimates pass@1 again, and is left out."""
    return {name: one for name, one in outcomes_of.items() if name != "pass_at_n" or headline != 1}


def outcome_name(name: str, run: JudgedRun) -> str:
    """The name of an outcome in a sentence."""
    source = pass_at_1_source([run])
    first = "pass@1" if source == GREEDY else f"pass@1 ({source})"
    several = "the accuracy of one sample per problem" if run["headline"] == 1 else f"pass@{run['headline']}"
    names = {"pass_at_1": first, "pass_at_n": several, "distinct": "the variety of correct answers"}
    kind, _, suite = name.partition("/")
    return names.get(name) or f"{'accuracy' if kind == 'ood' else 'pass@N'} on {suite}"


def interval_text(name: str, outcome: JudgedChange, *, bounds: bool = False) -> str:
    """A change with its interval, in a sentence: "+1.5 points, 95% CI -1.0 to +4.0"; relative, in %, for "distinct".

    With `bounds`, the interval alone: "-1.0 to +4.0".
    """
    scale, unit = _scale(name, outcome)
    difference = outcome["difference"]
    ends = (difference[key] for key in ("value", "low", "high"))
    value, low, high = (None if end is None else fixed(100 * end / scale, 1, sign=True) for end in ends)
    if bounds:
        return f"{low or '…'} to {high or '…'}"
    return f"{value}{unit or ' points'}" + (f", 95% CI {low} to {high}" if low is not None and high is not None else "")


def after_holm(outcome: JudgedChange) -> str:
    """The corrected p, "p=0.180", of an open change whose interval excludes zero; else ""."""
    low, high = outcome["difference"]["low"], outcome["difference"]["high"]
    if outcome["is"] != OPEN or outcome["holm"] is None or low is None or high is None or low <= 0 <= high:
        return ""
    return p_equals(outcome["holm"])


def claims_in_words(studies: list[Study]) -> list[str]:
    """The reasons for missing claims on methods, a sentence each; none for completions made elsewhere."""
    reasons: dict[str, list[str]] = {}
    for study in studies:
        if all(map(measured, study["runs"])):
            continue
        for claim in study["methods"]:
            if not claim["claim"]:
                reasons.setdefault(no_claim(claim), []).append(claim["method"])
    several = len(reasons) > 1
    return [
        f"{', '.join(dict.fromkeys(methods))}: {reason}." if several else f"{reason[0].upper()}{reason[1:]}."
        for reason, methods in reasons.items()
    ]


def no_claim(claim: Claim) -> str:
    """The reason for a missing claim on a method."""
    seeds = len(claim["seeds"])
    if seeds < SEEDS and "no verdict" not in claim["verdicts"]:
        return f"{seeds} seed{'' if seeds == 1 else 's'}; claims about a method need {SEEDS}"
    return f"no claim: {claim['reason'].rstrip('.')}"


def _said(name: str, outcomes_of: Mapping[str, JudgedChange], run: JudgedRun) -> str:
    outcome = outcomes_of.get(name)
    result = outcome["is"] if outcome else NOT_MEASURED
    verbs = {UP: "rose", "down": "fell", HELD: "held", NOT_MEASURED: "was not measured"}
    sentence = f"{outcome_name(name, run)} {verbs.get(result, 'is open')}"
    if outcome is None or result in (UP, NOT_MEASURED):
        return sentence
    corrected = after_holm(outcome)
    if corrected:
        return f"{sentence} after Holm's correction ({corrected}; {interval_text(name, outcome)})"
    return f"{sentence} ({interval_text(name, outcome)})"


def _scale(name: str, outcome: JudgedChange) -> tuple[float, str]:
    """The divisor of a change, and its unit if not points: a change of diversity is relative to M_1's, in %."""
    return (outcome["base"], "%") if name == "distinct" and outcome["base"] else (1.0, "")


def mean_scale(name: str, method: str, verdicts_: Iterable[StudyVerdict]) -> tuple[float, str]:
    """The divisor of a mean change over seeds, and its unit: for diversity the mean of M_1's values over seeds, and "%"."""
    bases = [one["outcomes"][name]["base"] for one in verdicts_ if one["method"] == method and name in one["outcomes"]]
    known = [base for base in bases if base]
    return (sum(known) / len(known), "%") if name == "distinct" and known and len(known) == len(bases) else (1.0, "")


def _scaled(statistic: Statistic, scale: float) -> Statistic:
    value, low, high = (None if end is None else end / scale for end in (statistic[key] for key in ("value", "low", "high")))
    return {**statistic, "value": value, "low": low, "high": high}


def _change(name: str, outcome: JudgedChange) -> list[str]:
    difference = outcome["difference"]
    result = outcome["is"]
    if outcome["shrank"] is not None and outcome["shrank"] <= LEVEL:
        result += ", reach shrank"
    if difference["value"] is None:
        return [ABSENT, "none", ABSENT, result, ABSENT]
    scale, unit = _scale(name, outcome)
    margin = fixed(-100 * outcome["margin"] / scale, 1)
    bound = ABSENT if outcome["bound"] is None else f"{fixed(100 * outcome['bound'] / scale, 1)} / {margin}{unit}"
    shown = _scaled(difference, scale)
    base = ABSENT if outcome["base"] is None else fixed(100 * outcome["base"], 1)
    return [base, f"{points(shown)}{unit} {between(shown)}", bound, result, p_value(outcome["holm"])]


def _claims(studies: list[Study]) -> list[TextTable]:
    table = TextTable(
        "Over seeds: mean change, with 95% intervals over problems and over seeds (points; D: % of M_1's)",
        ["method", "outcome", "seeds", "claim", "mean", "over problems", "over seeds (t)", "result"],
        2,
    )
    for study in studies:
        for claim in study["methods"]:
            if len(claim["seeds"]) < 2:
                continue
            for name, mean in sorted(
                presented(claim["mean"], study["headline"]).items(), key=lambda item: named(item[0], study["headline"])
            ):
                scale, unit = mean_scale(name, claim["method"], study["verdicts"])
                of_problems, of_seeds = (_scaled(mean[key], scale) for key in ("difference", "seeds"))
                table.rows.append(
                    [
                        claim["method"],
                        named(name, study["headline"]),
                        " ".join(map(str, claim["seeds"])),
                        claim["claim"] or ABSENT,
                        points(of_problems) + (unit if of_problems["value"] is not None else ""),
                        between(of_problems),
                        between(of_seeds),
                        mean["is"],
                    ]
                )
            reason = claim["reason"].rstrip(".") if claim["claim"] else no_claim(claim)
            table.notes.append(f"{claim['method']}: {reason}.")
    return [table] if table.rows else []


def verdicts_of(studies: list[Study]) -> list[Found]:
    """Every run with its verdict, in the order of the verdicts. The run has the settings of its study too."""
    return [
        ({**run, "headline": study["headline"], "diversity_counts": study["settings"]["diversity_counts"]}, verdict)
        for study in studies
        for verdict in study["verdicts"]
        for run in study["runs"]
        if (run["method"], run["seed"]) == (verdict["method"], verdict["seed"])
    ]


def _adapted(studies: list[Study]) -> str:
    return ", ".join(dict.fromkeys(run["label"] for run in runs_of(studies) if run["parameters"] == "lora"))
