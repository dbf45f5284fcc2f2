"""The verdict on the outcomes of M_T against M_1: progress, reversal, regress, no change, or can't tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LEVEL = 0.05
"""Of the tests, after Holm over outcomes and methods."""
SEEDS = 3
"""Seeds that have to agree before anything is said of a method."""
MATCHED = 8
"""The number of right answers among which different ones are counted, for the diversity that verdicts rest on."""
FEWEST = 30
"""Problems that a size-matched value needs at least."""

_NAMES = {"pass_at_n": "pass@N", "distinct": "the diversity of right answers"}


def classify(change: Mapping[str, Any], holm: float | None, margin: float) -> str:
    """ "up", "down", "same", "can't tell" or "not measured", for one outcome of M_T against M_1.

    `change`: its `difference` (a statistic) and `within`, the bounds of the 90 % interval or null, both in the units of
    `margin`; `holm`: adjusted p, None without a test. Same: the interval lies inside +-margin, two one-sided tests at 5 %
    (Schuirmann 1987). It goes first: a change that is significant and too small to matter is no change.
    """
    value = change["difference"]["value"]
    if value is None:
        return "not measured"
    within = change["within"]
    if within is not None and -margin < within[0] and within[1] < margin:
        return "same"
    if holm is None or holm > LEVEL or value == 0:
        return "can't tell"
    return "up" if value > 0 else "down"


def verdict(outcomes: Mapping[str, str], diversity_counts: bool = False, pass_at_1: str = "pass@1") -> tuple[str, bool, str]:
    """The verdict, whether answers became narrower, and the reason in one sentence.

    `outcomes`: what `classify` said of "pass_at_1" (A), "pass_at_n" (B), any number of "ood/SUITE" (C) and "distinct" (D). C is
    down if one suite is, held if all are same or up; a study without a suite is judged on A and B. Progress: A up, B and C held.
    Reversal: A up, B or C down. Regress: A down, or A same and B or C down. No change: A same, B and C held. All else: can't
    tell. D down says narrower beside the verdict; with `diversity_counts` D is judged like B and C, as in arXiv 2407.05013.
    `pass_at_1` is what the reason calls A.

    A verdict that names a change needs an outcome that is up or down, so Holm's 5 % bounds its chance where nothing changed.
    A verdict that needs "same" needs many problems: in the simulated studies of the tests, with a margin of 3 points and changes
    of 6, 1,300 problems give the right verdict in 41 to 96 % of studies, 2,000 in more than 80 %, 3,000 in 98 %.
    """
    suites = sorted(name for name in outcomes if name.startswith("ood/"))
    narrower = outcomes.get("distinct") == "down"
    guards = {name: outcomes.get(name, "not measured") for name in ["pass_at_n", *suites]}
    if diversity_counts:
        guards["distinct"] = outcomes.get("distinct", "not measured")
    greedy = outcomes.get("pass_at_1", "not measured")
    lost = [name for name, found in guards.items() if found == "down"]
    unknown = [name for name, found in guards.items() if found not in ("same", "up", "down")]
    aside = "" if suites else "; out-of-distribution accuracy was not measured"

    def said(word: str, names: Sequence[str]) -> tuple[str, bool, str]:
        told = {"pass_at_1": greedy, **{name: guards[name] for name in names}}
        parts = [f"{pass_at_1 if name == 'pass_at_1' else _name(name)} {_is(found)}" for name, found in told.items()]
        return word, narrower, f"{_join(parts)}{aside}."

    if greedy == "down":
        return said("regress", lost)
    if greedy in ("up", "same") and lost:
        return said("reversal" if greedy == "up" else "regress", lost)
    if greedy in ("up", "same") and not unknown:
        return said("progress" if greedy == "up" else "no change", list(guards))
    return said("can't tell", unknown if greedy in ("up", "same") else [*lost, *unknown])


def claim(verdicts: Sequence[str]) -> tuple[str | None, str]:
    """What may be said of a method from the verdicts of its seeds, None for nothing, and why.

    All seeds have to agree, at least three of them: to take the three of five that do would be to choose among seeds.
    """
    seeds = f"{len(verdicts)} seed{'' if len(verdicts) == 1 else 's'}"
    kinds = sorted(set(verdicts))
    if not verdicts:
        return None, "no seed has a verdict"
    if len(kinds) > 1:
        counts = _join([f"{verdicts.count(kind)} {kind}" for kind in kinds])
        return None, f"its {seeds} disagree: {counts}"
    if len(verdicts) < SEEDS:
        return None, f"{seeds} of the {SEEDS} that a claim needs: {kinds[0]}"
    if kinds == ["can't tell"]:
        return None, f"none of its {seeds} can tell"
    return kinds[0], f"all {seeds} say {kinds[0]}"


def _name(outcome: str) -> str:
    return _NAMES.get(outcome) or f"accuracy on {outcome.removeprefix('ood/')}"


def _is(found: str) -> str:
    words = {"up": "went up", "down": "went down", "same": "stayed the same", "not measured": "was not measured"}
    return words.get(found, "can't be told")


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
