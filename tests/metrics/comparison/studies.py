"""Synthetic measures, by hand or from a seeded generator, in the form of the stages `measure` and `embed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sirev.metrics.comparison.inputs import RunMeasures
from sirev.metrics.families.measures import Measures

KINDS = ("right-right", "mixed", "wrong-wrong")


def greedy(
    right: Mapping[str, int], levels: Mapping[str, str] | None = None, unanswered: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One greedy answer per problem."""
    return [
        {
            "id": x,
            "level": (levels or {}).get(x, "1"),
            "n": 1,
            "correct": c,
            "in_process": 0,
            "tokens": 10,
            "truncated": 0,
            "unanswered": int(x in unanswered),
            "votes": {"right": c, "wrong": [] if c or x in unanswered else [1], "none": int(x in unanswered)},
            "majority": {"1": float(c)},
        }
        for x, c in right.items()
    ]


def draws(n: int, right: Mapping[str, int], levels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """`n` draws per problem, with `right` of them right; all wrong ones agree."""
    return [
        {
            "id": x,
            "level": (levels or {}).get(x, "1"),
            "n": n,
            "correct": c,
            "in_process": 0,
            "tokens": 20 * n,
            "truncated": 0,
            "unanswered": 0,
            "votes": {"right": c, "wrong": [n - c] if c < n else [], "none": 0},
            "majority": {"1": c / n, str(n): float(2 * c > n)},
        }
        for x, c in right.items()
    ]


def diversity(n: int, right: Mapping[str, int], distinct: float, unread: float = 0.0) -> list[dict[str, Any]]:
    """Diversity in which every measure of a group with answers is `distinct`, as is the share of pairs that differ.

    `unread`: the share of answers without an equation.
    """
    found = []
    for x, c in right.items():
        sizes = {"all": n, "correct": c, "incorrect": n - c}
        groups = {
            group: {
                "answers": size,
                "distinct_n": {str(k): distinct if size else None for k in range(1, 6)},
                "distinct_equations": distinct if size else None,
                "distinct_programs": None,
                "unread": {"equations": round(unread * size), "programs": None},
                "matched": {
                    "total": size,
                    **{
                        str(m): {
                            "distinct_n": {str(k): distinct for k in range(1, 6)},
                            "distinct_equations": distinct,
                            "distinct_programs": None,
                        }
                        if size >= m
                        else None
                        for m in (4, 8, 16)
                    },
                },
            }
            for group, size in sizes.items()
        }
        numbers = {"right-right": c * (c - 1) // 2, "mixed": c * (n - c), "wrong-wrong": (n - c) * (n - c - 1) // 2}
        pairs = {kind: [numbers[kind], distinct if numbers[kind] else None] for kind in KINDS}
        found.append({"id": x, "level": "1", **groups, "pairs": {"equations": pairs, "programs": None, "texts": pairs}})
    return found


def study(
    rng: np.random.Generator,
    problems: int = 300,
    n: int = 64,
    *,
    later: float = 0.0,
    ood: float = 0.0,
    distinct: tuple[float, float] = (0.6, 0.6),
    unread: tuple[float, float] = (0.0, 0.0),
    methods: Sequence[str] = ("sft",),
    seeds: Sequence[int] = (0,),
) -> list[RunMeasures]:
    """M_1 and M_2 of each method: chances of a right answer vary by problem; M_2's are higher by `later`, on a suite by `ood`."""
    ids = [f"p{i:04d}" for i in range(problems)]
    chance = rng.beta(2, 2, problems)

    def model(shift: float, suite: float, unlike: float, unread: float) -> Measures:
        chances = np.clip(chance + shift, 0, 1)
        right = dict(zip(ids, rng.binomial(n, chances).tolist(), strict=True))
        return Measures(
            greedy=greedy(dict(zip(ids, rng.binomial(1, chances).tolist(), strict=True))),
            draws=draws(n, right),
            train=draws(n, right),
            families={"diversity": diversity(n, right, unlike, unread)},
            ood={"suite": greedy(dict(zip(ids, rng.binomial(1, np.clip(chance + suite, 0, 1)).tolist(), strict=True)))},
        )

    found = []
    for seed in seeds:
        first = model(0.0, 0.0, distinct[0], unread[0])
        found += [RunMeasures(method, seed, {1: first, 2: model(later, ood, distinct[1], unread[1])}) for method in methods]
    return found
