"""compare: the measures of M_1 .. M_T of one run against each other; what reports read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sirev.metrics.answer_sets import group_disparity, improvement_set, lost_set
from sirev.metrics.diversity import ORDERS
from sirev.metrics.pass_at_n import pass_at_n, powers_of_two
from sirev.metrics.statistic import Statistic, absent, mean, statistic
from sirev.stages.stage import Context, Stage, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json

Problems = list[dict[str, Any]]


@dataclass(frozen=True)
class CompareParameters:
    """The iterations compared, M_1 first, and the OOD suites asked of each."""

    iterations: list[int] = semantic()
    suites: list[str] = semantic()
    texts: bool = semantic(default=True, absent_means=True)
    """Whether an answer is a text, whose diversity means something; a bare option letter is none."""
    equations: bool = semantic(default=True, absent_means=True)
    """Whether the task is a mathematical one, whose answers hold equations."""


def run(parameters: CompareParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`comparison.json`: {"iterations": [...]}, as `sirev report --format json` documents it.

    Inputs, for each t: measures `t/greedy`, `t/draws`, `t/train` (accuracy) and, unless an answer is no text,
    `t/diversity`, and `t/ood/SUITE`.
    """

    def measures(name: str) -> Problems:
        return list(inputs[name].json("measures.json")["problems"])

    m1_greedy, m1_draws = measures("1/greedy"), measures("1/draws")
    orders = list(powers_of_two(max((p["n"] for p in m1_draws), default=1)))
    iterations = []
    for t in parameters.iterations:
        greedy, draws, train = measures(f"{t}/greedy"), measures(f"{t}/draws"), measures(f"{t}/train")
        gained = improvement_set(_right(m1_greedy), _right(greedy))
        iterations.append(
            {
                "t": t,
                "pass_at_1": accuracy(greedy),
                "levels": by_level(greedy),
                "pass_at_n": pass_curve(draws, orders, "no test problem"),
                "improvement_set": {
                    "size": len(gained),
                    "m1_pass_at_n": pass_curve([p for p in m1_draws if p["id"] in set(gained)], orders[1:], "IS(t) is empty"),
                },
                "lost_set": {"size": len(lost_set(_right(m1_greedy), _right(greedy)))},
                "coverage": {
                    reading: {"train": measure(train), "test": measure(draws)}
                    for reading, measure in (("mass", coverage_mass), ("solved", coverage_solved))
                },
                "diversity": {
                    group: diversity_of(measures(f"{t}/diversity") if parameters.texts else None, group, parameters.equations)
                    for group in GROUPS
                },
                "ood": {suite: suite_summary(measures(f"{t}/ood/{suite}")) for suite in parameters.suites},
            }
        )
    return Output(files={"comparison.json": canonical_json({"iterations": iterations})})


GROUPS = {"all": "an", "correct": "a correct", "incorrect": "an incorrect"}
"""The sets of answers that diversity is measured over, and how to say that there is none."""


def accuracy(greedy: Problems) -> Statistic:
    """Share of problems whose single, greedy answer is right."""
    return mean([p["correct"] / p["n"] for p in greedy], "no problem")


def by_level(greedy: Problems) -> dict[str, Statistic]:
    """Greedy accuracy of each level, easiest first."""
    levels = sorted({p["level"] for p in greedy}, key=lambda level: (len(level), level))
    return {level: accuracy([p for p in greedy if p["level"] == level]) for level in levels}


def pass_curve(draws: Problems, orders: list[int], empty: str) -> dict[str, Statistic]:
    """Mean pass@N over problems for each N of `orders`; `empty` is the reason where there is no problem."""
    return {
        str(k): mean([pass_at_n(p["n"], p["correct"], k) for p in draws], f"fewer than {k} draws" if draws else empty)
        for k in orders
    }


def coverage_mass(draws: Problems) -> Statistic:
    """Correct answer coverage read as probability mass: mean over problems of right draws / draws."""
    return mean([p["correct"] / p["n"] for p in draws], "no problem")


def coverage_solved(draws: Problems) -> Statistic:
    """Correct answer coverage read as reach: the share of problems with at least one right draw."""
    return mean([float(p["correct"] > 0) for p in draws], "no problem")


def diversity_of(problems: Problems | None, group: str, equations: bool = True) -> dict[str, Any]:
    """Distinct-N (each n, and their mean) and distinct equation lists, mean over problems with such answers.

    None stands for answers that are no text; `equations` says whether the answers are mathematical.
    """
    if problems is None:
        none = absent("an answer is an option's letter alone")
        return {"distinct_n": {**{str(n): none for n in ORDERS}, "mean": none}, "distinct_equations": none}
    empty = f"no problem has {GROUPS[group]} answer"
    having = [p[group] for p in problems if p[group]["answers"]]
    by_n = {
        str(n): mean([p["distinct_n"][str(n)] for p in having], f"no answer of {n} tokens" if having else empty) for n in ORDERS
    }
    missing = next((s for s in by_n.values() if s["value"] is None), None)
    if missing is None:
        values = [s["value"] for s in by_n.values() if s["value"] is not None]
        overall = statistic(sum(values) / len(values), min(s["n"] for s in by_n.values()))
    else:
        overall = missing
    lists = mean([p["distinct_equations"] for p in having], empty) if equations else absent("the task is no mathematical one")
    return {"distinct_n": {**by_n, "mean": overall}, "distinct_equations": lists}


def suite_summary(greedy: Problems) -> dict[str, Any]:
    """Accuracy of an OOD suite, whole and by level, and the group disparity between its easiest and hardest level."""
    levels = by_level(greedy)
    easiest, *rest = levels.values()
    disparity = absent("the suite has one level only")
    if rest and easiest["value"] is not None and rest[-1]["value"] is not None:
        value = group_disparity(easiest["value"], rest[-1]["value"])
        count = easiest["n"] + rest[-1]["n"]
        disparity = absent("the easiest level is never right", count) if value is None else statistic(value, count)
    return {"accuracy": accuracy(greedy), "levels": levels, "group_disparity": disparity}


def _right(greedy: Problems) -> dict[str, bool]:
    return {p["id"]: p["correct"] > 0 for p in greedy}


STAGE = Stage("compare", 1, CompareParameters, run)
