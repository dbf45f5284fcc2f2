"""The three observations of the paper in words, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sirev.listing import listed, seeds_text
from sirev.metrics.comparison.observations import FELL, NEW, ROSE, SELECTED
from sirev.metrics.comparison.verdict_contents import Claim, JudgedChange, NewOrSelected, Observed, StudyVerdict
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import (
    DOWN,
    INCONCLUSIVE,
    LEVEL,
    MATCHED,
    NO_CHANGE,
    NOT_MEASURED,
    OOD,
    OOD_PASS_N,
    OPEN,
    PROGRESS,
    REVERSAL,
    UP,
    WORDS,
    is_of_suite,
)
from sirev.reporting.sections.run_rows import RunData, Study, at, suite_in_words
from sirev.reporting.tables import ABSENT, fixed, p_equals, percent

_FLOOR = 2
"""An accuracy below so many margins is at the floor: it has no room to fall."""
_FEW = 3
"""Most suites that a sentence names."""
_OTHER_VARIETIES = {"distinct_n": "Distinct-N", "sentence_bert": "SentenceBERT"}
QUESTIONS = {
    "new_or_selected": "new or selected?",
    "variety": "variety",
    "other_problems": "other problems",
    "reach": "reach on test",
}
"""Observation -> its name on the screen. The first three are the paper's."""


class ObservationLine(NamedTuple):
    """An observation in words, such as "1", "new or selected?", "SELECTED", and the evidence."""

    number: str
    question: str
    result: str
    evidence: str


def as_shown(line: ObservationLine) -> ObservationLine:
    """The line for display: an observation that was not measured has a dash as result, and the reason as evidence."""
    if line.result != NOT_MEASURED:
        return line
    said = line.evidence if line.evidence.startswith(NOT_MEASURED) else f"{NOT_MEASURED}: {line.evidence}"
    return line._replace(result=ABSENT, evidence=said)


Judgement = StudyVerdict | Claim
"""The verdict on M_T of one seed, or the claim over all seeds of a method."""


def outcomes_of(judgement: Judgement) -> Mapping[str, JudgedChange]:
    """The outcomes of a verdict, or the mean outcomes of a claim."""
    return judgement["outcomes"] if "outcomes" in judgement else judgement["mean"]


def headline_words(possible: Sequence[str]) -> str:
    """A verdict as a headline, such as "PROGRESS" or "NOT PROGRESS: reversal or regress"."""
    words = [word for word in WORDS if word in possible]
    if set(words) == set(WORDS):
        return INCONCLUSIVE.upper()
    if len(words) == 1:
        return {REVERSAL: "SELF-IMPROVEMENT REVERSAL"}.get(words[0], words[0].upper())
    joined = " or ".join(words)
    return f"NOT PROGRESS: {joined}" if PROGRESS not in words and NO_CHANGE not in words else joined.upper()


def verdict_in_words(judgement: Judgement) -> str:
    """The headline, and the number of the paper's observations that hold, of those measured: "PROGRESS, 1 of 3"."""
    counted = judgement["observable"]
    return headline_words(judgement["possible"]) + (f", {judgement['observed']} of {counted}" if counted else "")


def counts_in_words(judgements: Iterable[Judgement]) -> str:
    """The meaning of the count behind a verdict, with the first count as an example; "" if nothing is counted."""
    counts = [f"{one['observed']} of {one['observable']}" for one in judgements if one["observable"]]
    return f'"{counts[0]}": observations 1 to 3 as in the paper, of those that were measured.' if counts else ""


def observation_lines(study: Study, run: RunData, judgement: Judgement) -> list[ObservationLine]:
    """The three observations and reach, each with its result and evidence. `run` is one of the judged runs."""
    outcomes = outcomes_of(judgement)
    found = judgement["observations"]
    evidence = {
        "new_or_selected": _new_or_selected(found["new_or_selected"]),
        "variety": _variety(found["variety"], outcomes, study, run),
        "other_problems": _other_problems(found["other_problems"], outcomes, run, study),
        "reach": _reach(found["reach"], outcomes, study, run),
    }
    results = {name: observed["is"] for name, observed in _each(found)}
    return [
        ObservationLine(str(i) if i < len(QUESTIONS) else "", QUESTIONS[name], results[name], evidence[name])
        for i, name in enumerate(QUESTIONS, 1)
    ]


def _each(found: Mapping[str, object]) -> Iterable[tuple[str, Mapping[str, str]]]:
    return ((name, found[name]) for name in QUESTIONS)  # type: ignore[misc]


def voting_in_words(run: RunData) -> str:
    """The accuracy of M_1's majority vote, without training, and its share of the gain in pass@1; "" without a vote."""
    voting = run["iterations"][-1].get("voting")
    if not voting or voting["N"] is None or voting["first"]["value"] is None:
        return ""
    said = f"a vote of M_1's {voting['N']} samples is right on {percent(voting['first'])}%"
    return said + (f", {fixed(100 * share, 0)}% of the gain" if (share := voting["share"]["value"]) is not None else "")


def gain_in_words(outcome: JudgedChange | None) -> str:
    """The values of M_1 and M_T in %, with the change in points: "32.5 → 84.0 (+51.5 [44.0, 59.0])"."""
    if outcome is None or outcome["difference"]["value"] is None or outcome["base"] is None:
        return "not measured"
    return f"{ends_in_words(outcome)} ({_signed(outcome['difference']['value'])} {_between(outcome['difference'])})"


def _new_or_selected(found: NewOrSelected) -> str:
    if found["is"] == NOT_MEASURED:
        return (found["reason"] or "not measured").removeprefix("none: ")
    said = f"M_1 solves {percent(found['solved'], 0)}% of the {found['size']} gained within {found['largest']} samples"
    gained, by_luck = percent(found["m1_pass_at_n"], 0), percent(found["reroll"], 0)
    ends = f"{gained}{'' if gained == ABSENT else '%'} within {found['N']}, against {by_luck}% of problems gained by luck"
    if found["is"] == NEW:
        p = f" ({p_equals(found['holm'])})" if found["holm"] is not None else ""
        return f"{said}; {ends}{p}"
    if found["is"] == SELECTED:
        return f"{said}; {ends}; {fixed(100 * found['margin'], 0)} points harder is ruled out"
    bound = f"; up to {fixed(100 * found['bound'], 0)} points harder is possible" if found["bound"] is not None else ""
    return f"{said}; {ends}{bound}"


def _variety(found: Observed, outcomes: Mapping[str, JudgedChange], study: Study, run: RunData) -> str:
    if found["is"] == NOT_MEASURED:
        return found["reason"] or "not measured"
    one = outcomes["distinct"]
    difference, base = one["difference"], one["base"] or 1.0
    ends = (difference["value"], difference["low"], difference["high"])
    value, low, high = (None if end is None else end / base for end in ends)
    relative: Statistic = {**difference, "value": value, "low": low, "high": high}
    said = f"of {MATCHED} correct answers {ends_in_words(one)}% differ ({_signed(relative['value'], 0)}% {_between(relative, 0)})"
    margin = f"{fixed(100 * study['settings']['diversity_margin'], 0)}%"
    counted = "" if study["settings"]["diversity_counts"] else "; not counted"
    return said + _decided(found["is"], f"a loss of {margin}") + counted + _disagreement(found["is"], run)


def _disagreement(result: str, run: RunData) -> str:
    """The other measures of variety whose 95% interval disagrees with a rise or fall; "" without any."""
    said = []
    for name, words in _OTHER_VARIETIES.items():
        change = run["iterations"][-1]["against_m1"].get(f"variety/{name}")
        if change is None or change["base"] is None or change["difference"]["low"] is None:
            continue
        low, high = change["difference"]["low"] or 0.0, change["difference"]["high"] or 0.0
        found = FELL if high < 0 else ROSE if low > 0 else "HELD"
        if result in (FELL, ROSE) and found != result:
            relative = (change["difference"]["value"] or 0.0) / (change["base"] or 1.0)
            said.append(f"; {words} disagrees ({_signed(relative, 0)}%)")
    return "".join(said)


def _other_problems(found: Observed, outcomes: Mapping[str, JudgedChange], run: RunData, study: Study) -> str:
    if found["is"] == NOT_MEASURED:
        return f"{found['reason'] or 'not measured'}"
    names = [name for name in outcomes if is_of_suite(name) and outcomes[name]["is"] != NOT_MEASURED]
    suites = list(dict.fromkeys(name.partition("/")[2] for name in names))
    first = {name.partition("/")[2] for name in found["decided"]}
    suites.sort(key=lambda suite: suite not in first)
    shown = []
    for suite in suites[:_FEW]:
        of_suite = [name for name in (f"{OOD_PASS_N}{suite}", f"{OOD}{suite}") if name in names]
        parts = [_of_suite(name, outcomes[name], run, study) for name in of_suite] + _disparity(run, suite)
        shown.append(f"{suite_in_words(suite)}: {', '.join(parts)}")
    more = len(suites) - _FEW
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _of_suite(name: str, one: JudgedChange, run: RunData, study: Study) -> str:
    kind, _, suite = name.partition("/")
    what = "greedy" if kind == "ood" else f"pass@{suite_n(run, suite)}"
    said = f"{what} {ends_in_words(one)}%"
    base = one["base"] or 0.0
    if one["is"] != DOWN and base < _FLOOR * study["settings"]["margin"]:
        return f"{said}, at the floor"
    return f"{said} {_between(one['difference'])}{_mark(one)}"


def _mark(one: JudgedChange) -> str:
    """The result of a change on a suite, with the corrected p if the interval alone would mislead."""
    if one["is"] == DOWN and one["shrank"] is not None and one["shrank"] <= LEVEL:
        return " fewer are reached"
    low, high = one["difference"]["low"], one["difference"]["high"]
    if one["is"] == OPEN and one["holm"] is not None and low is not None and high is not None and not low <= 0 <= high:
        return f" open ({p_equals(one['holm'])} after Holm)"
    return {UP: " up", DOWN: " down", OPEN: " open"}.get(one["is"], " held")


def suite_n(run: RunData, suite: str) -> str:
    """The N of the pass@N that judges a suite: its largest; "N" without any."""
    curve = at_suite(run, suite).get("pass_at_n") or {}
    return max((n for n, one in curve.items() if one["value"] is not None), key=int, default="N")


def at_suite(run: RunData, suite: str) -> Mapping[str, Any]:
    """The results of M_T on a suite; empty without the suite."""
    return run["iterations"][-1]["ood"].get(suite) or {}


def _disparity(run: RunData, suite: str) -> list[str]:
    """The change of group disparity, if its 95% interval excludes zero; else nothing."""
    of_suite = at_suite(run, suite)
    change = of_suite.get("mean_disparity_change") or of_suite.get("disparity_change")
    if change is None or change["value"] is None or change["low"] is None or change["high"] is None:
        return []
    if change["low"] <= 0 <= change["high"]:
        return []
    return [f"disparity {_signed(change['value'])} {_between(change)}"]


def _reach(found: Observed, outcomes: Mapping[str, JudgedChange], study: Study, run: RunData) -> str:
    if found["is"] == NOT_MEASURED:
        return found["reason"] or "not measured"
    one = outcomes["pass_at_n"]
    said = f"pass@{study['headline']} {ends_in_words(one)}%"
    if found["is"] == FELL and one["shrank"] is not None and one["shrank"] <= LEVEL:
        reach = run["iterations"][-1]["reach"]
        return f"{said}; {reach['lost']} problems lost, {reach['gained']} gained ({p_equals(one['shrank'])})"
    bounds = f" {_between(one['difference'])}" if found["is"] in (FELL, ROSE) else ""
    return said + bounds + _decided(found["is"], f"a loss of {fixed(100 * one['margin'], 1)} points", one["bound"])


def _decided(result: str, loss: str, bound: float | None = None) -> str:
    """Whether a loss of the margin is excluded, in words; "" for a rise or fall."""
    if result == "HELD":
        return f"; {loss} is excluded"
    if result == "OPEN":
        lowest = f": {fixed(-100 * bound, 1)} are possible" if bound is not None else ""
        return f"; {loss} is not excluded{lowest}"
    return ""


def ends_in_words(one: JudgedChange) -> str:
    """The values of M_1 and M_T in %: "32.5 → 84.0"."""
    base, change = one["base"], one["difference"]["value"]
    if base is None or change is None:
        return "–"
    return f"{fixed(100 * base, 1)} → {fixed(100 * (base + change), 1)}"


def _signed(value: float | None, places: int = 1) -> str:
    return "–" if value is None else fixed(100 * value, places, sign=True)


def _between(one: Statistic, places: int = 1) -> str:
    ends = ["…" if end is None else fixed(100 * end, places) for end in (one["low"], one["high"])]
    return f"[{', '.join(ends)}]"


def perplexity_in_words(run: RunData) -> str:
    """Perplexity under M_1 of the gained answers and of M_1's own samples; "" if it was not measured."""
    likelihood = run["iterations"][-1].get("likelihood")
    if not likelihood:
        return ""
    gained, own = at(likelihood, ("gained",)), at(likelihood, ("first", "draws"))
    if gained["value"] is None or own["value"] is None:
        return ""
    ends = [fixed(one["value"], 2) for one in (gained, own) if one["value"] is not None]
    return f"M_1's perplexity: {ends[0]} of the gained answers, {ends[1]} of its own samples"


def seeds_in_words(claim: Claim) -> str:
    """The verdicts per seed, in order: "seeds 0, 1, 2: reversal, reversal, progress or reversal"."""
    words = list(dict.fromkeys(claim["verdicts"]))
    said = f"each {words[0]}" if len(words) == 1 else listed(claim["verdicts"], 5)
    return f"{seeds_text(claim['seeds'])}: {said}"
