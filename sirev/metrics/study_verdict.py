"""The verdict on M_T against M_1: the result of each outcome, and the words that the data allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

LEVEL = 0.05
"""Level of the tests, after Holm."""
SEEDS = 3
"""Least number of seeds pooled for a claim about a method."""
MATCHED = 8
"""Number of right answers over which distinct ones are counted, in the diversity of verdicts."""
FEWEST = 30
"""Least number of problems for a size-matched value."""
PROGRESS, REVERSAL, REGRESS, NO_CHANGE = WORDS = ("progress", "reversal", "regress", "no change")
INCONCLUSIVE = "inconclusive"
"""The verdict where all four words remain possible."""
OOD, OOD_PASS_N = "ood/", "ood_pass_at_n/"
"""Prefixes of the name of a suite of other problems: outcomes of its greedy answers, and of pass@N of its draws."""
UP, HELD, DOWN, OPEN, NOT_MEASURED = "up", "held", "down", "open", "not measured"

_ROSE, _SAME, _FELL = "rose", "same", "fell"
_WORD: Final = {
    (_ROSE, False): PROGRESS,
    (_ROSE, True): REVERSAL,
    (_SAME, False): NO_CHANGE,
    (_SAME, True): REGRESS,
    (_FELL, False): REGRESS,
    (_FELL, True): REGRESS,
}
"""(move of pass@1, whether anything else fell) -> the word of arXiv 2407.05013."""
_NAMES = {"pass_at_n": "pass@N", "distinct": "the variety of right answers"}
_VERBS = {UP: "rose", HELD: "held", DOWN: "fell", OPEN: "is open", NOT_MEASURED: "was not measured"}


def classify(change: Mapping[str, Any], holm: float | None, margin: float, shrank: float | None = None) -> str:
    """The result of one outcome of M_T against M_1: "up", "held", "down", "open" or "not measured".

    `change`: its `difference` (a statistic) and `within`, the bounds of the 90 % interval or null, in the units of `margin`;
    `holm`: adjusted p, None without a test; `shrank`: adjusted p of the exact sign test on reach where M_T reaches fewer
    problems; if significant, the outcome is down whatever the margin.

    Held: the lower bound, one-sided at 95 %, lies above -margin, so that a loss of the margin or more is excluded
    (non-inferiority). Up: significant, and not shown to be smaller than the margin. Down: significant and not held.
    """
    value = change["difference"]["value"]
    if value is None:
        return NOT_MEASURED
    if shrank is not None and shrank <= LEVEL:
        return DOWN
    low, high = change["within"] or (-1.0, 1.0)
    significant = holm is not None and holm <= LEVEL
    held = low > -margin
    if significant and value > 0 and not (held and high < margin):
        return UP
    if held:
        return HELD
    return DOWN if significant and value < 0 else OPEN


def possible(outcomes: Mapping[str, Mapping[str, Any]], variety_counts: bool = True) -> list[str]:
    """The smallest set of `WORDS` that the outcomes allow, in their order.

    `outcomes`: name -> {"is", "within", "margin"}, of "pass_at_1", "pass_at_n", "distinct", and of suites of other problems
    "ood/SUITE" and "ood_pass_at_n/SUITE". Reversal: pass@1 rose and something else fell; progress: it rose and nothing fell;
    regress: it fell, or did not rise and something else fell; no change: neither. An open outcome may have held or fallen; pass@1
    may have moved as far as its 90 % interval reaches beyond the margin. Variety counts as in arXiv 2407.05013 unless
    `variety_counts` is false. Other problems and variety that were not measured are left out; pass@N that was not measured is
    open.
    """
    results = {name: outcomes[name]["is"] if name in outcomes else NOT_MEASURED for name in guards(outcomes, variety_counts)}
    if DOWN in results.values():
        lost = [True]
    elif OPEN in results.values() or results["pass_at_n"] == NOT_MEASURED:
        lost = [False, True]
    else:
        lost = [False]
    found = {_WORD[move, one] for move in _moves(outcomes.get("pass_at_1")) for one in lost}
    return [word for word in WORDS if word in found]


def _moves(pass_at_1: Mapping[str, Any] | None) -> list[str]:
    """The possible moves of pass@1."""
    if pass_at_1 is None or pass_at_1["is"] == NOT_MEASURED:
        return [_ROSE, _SAME, _FELL]
    if pass_at_1["is"] in (UP, DOWN):
        return [_ROSE if pass_at_1["is"] == UP else _FELL]
    low, high = pass_at_1["within"] or (-1.0, 1.0)
    margin = pass_at_1["margin"]
    return [_SAME, *([_ROSE] if high >= margin else []), *([_FELL] if low <= -margin else [])]


def guards(outcomes: Mapping[str, Any], variety_counts: bool = True) -> list[str]:
    """The outcomes besides pass@1 that must not fall."""
    others = sorted(name for name in outcomes if is_of_suite(name))
    return ["pass_at_n", *others, *(["distinct"] if variety_counts and "distinct" in outcomes else [])]


def is_of_suite(outcome: str) -> bool:
    """Whether an outcome is about a suite of other problems."""
    return outcome.startswith((OOD, OOD_PASS_N))


def deciding(outcomes: Mapping[str, Mapping[str, Any]], variety_counts: bool = True) -> list[str]:
    """The outcomes besides pass@1 that decide a verdict: those that fell, else the open ones, else all that held or rose."""
    results = {name: outcomes[name]["is"] if name in outcomes else NOT_MEASURED for name in guards(outcomes, variety_counts)}
    if fell := [name for name, found in results.items() if found == DOWN]:
        return fell
    unknown = [name for name, found in results.items() if found == OPEN or (name, found) == ("pass_at_n", NOT_MEASURED)]
    return unknown or [name for name, found in results.items() if found != NOT_MEASURED]


def in_one_word(words: Sequence[str]) -> str:
    """A verdict from a set of words: the only one, several joined by "or", or "inconclusive"."""
    return INCONCLUSIVE if set(words) == set(WORDS) else " or ".join(words)


def reason(outcomes: Mapping[str, Mapping[str, Any]], variety_counts: bool = True, pass_at_1: str = "pass@1") -> str:
    """The deciding outcomes in one sentence; `pass_at_1` is the name of the first."""
    names = ["pass_at_1", *deciding(outcomes, variety_counts)]
    found = [(name, outcomes[name]["is"] if name in outcomes else NOT_MEASURED) for name in names]
    said = [f"{pass_at_1 if name == 'pass_at_1' else _name(name)} {_VERBS[result]}" for name, result in found]
    if not any(is_of_suite(name) for name in outcomes):
        said.append("other problems were not measured")
    if variety_counts and outcomes.get("distinct", {"is": NOT_MEASURED})["is"] == NOT_MEASURED:
        why = outcomes.get("distinct", {}).get("difference", {}).get("reason")
        said.append("the variety of right answers was not measured" + (f" ({why})" if why else ""))
    return f"{'; '.join(said)}."


def _name(outcome: str) -> str:
    kind, _, suite = outcome.partition("/")
    return _NAMES.get(outcome) or f"{'accuracy' if kind == 'ood' else 'pass@N'} on {suite}"
