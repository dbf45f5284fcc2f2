"""Diversity of pairs of answers to one problem, by kind of pair, and the parts of its change.

A pair is right-right, mixed or wrong-wrong. D is the mean unlikeness over all pairs: D = sum over kinds of w_k * D_k, where w_k
is the kind's share of the pairs. So D changes if the kinds' shares change (composition), or if pairs of one kind grow alike
(narrowing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, TypedDict

PAIR_KINDS = ("right-right", "mixed", "wrong-wrong")

Pairs = dict[str, list[Any]]
"""Kind -> [number of pairs, their mean unlikeness or None without a pair]."""


class Split(TypedDict):
    """A change of D and its parts, which sum to it."""

    change: float
    composition: float
    narrowing: dict[str, float]


def of_forms(forms: Sequence[Hashable], right: Sequence[bool]) -> Pairs:
    """The share of pairs with different forms, for each kind, over R answers; `right` (R) has their verdicts."""
    by_verdict: tuple[Counter[Hashable], Counter[Hashable]] = Counter(), Counter()
    for form, is_right in zip(forms, right, strict=True):
        by_verdict[is_right][form] += 1
    wrong_forms, right_forms = by_verdict
    alike = {
        "right-right": sum(n * (n - 1) // 2 for n in right_forms.values()),
        "mixed": sum(n * wrong_forms[form] for form, n in right_forms.items() if form in wrong_forms),
        "wrong-wrong": sum(n * (n - 1) // 2 for n in wrong_forms.values()),
    }
    numbers = _numbers(right_forms.total(), wrong_forms.total())
    return {kind: [n, (n - alike[kind]) / n if n else None] for kind, n in numbers.items()}


def unlikeness(pairs: Pairs) -> float | None:
    """D over all pairs; None without a pair."""
    total = sum(n for n, _ in pairs.values())
    return sum(n * d for n, d in pairs.values() if n) / total if total else None


def split(first: Pairs, later: Pairs) -> Split | None:
    """The change of one problem's D from `first` to `later`, split into composition and the narrowing of each kind.

    Composition = sum over k of (w_k' - w_k) * (D_k + D_k') / 2; narrowing of k = (w_k + w_k') / 2 * (D_k' - D_k), negative where
    pairs of that kind grew alike. Because of the means the parts sum to D' - D exactly. A kind absent at one of the two takes the
    other's D_k, so its narrowing is 0; absent at both it adds nothing. None if either has no pair.
    """
    totals = [sum(n for n, _ in pairs.values()) for pairs in (first, later)]
    if not all(totals):
        return None
    before_all = after_all = composition = 0.0
    narrowing = {}
    for kind in PAIR_KINDS:
        (n, before), (later_n, after) = first[kind], later[kind]
        weight, later_weight = n / totals[0], later_n / totals[1]
        before = (after if after is not None else 0.0) if before is None else before
        after = before if after is None else after
        composition += (later_weight - weight) * (before + after) / 2
        narrowing[kind] = (weight + later_weight) / 2 * (after - before)
        before_all += weight * before
        after_all += later_weight * after
    return {"change": after_all - before_all, "composition": composition, "narrowing": narrowing}


def _numbers(right: int, wrong: int) -> dict[str, int]:
    return {"right-right": right * (right - 1) // 2, "mixed": right * wrong, "wrong-wrong": wrong * (wrong - 1) // 2}
