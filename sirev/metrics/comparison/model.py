"""What is said of one model alone: accuracy, pass@N, coverage, diversity, skill out of distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sirev.metrics.comparison.measures import GROUPS, SIZES, Floats, Measures, Row, column, counts, share_of, sorted_levels
from sirev.metrics.comparison.sheet import Cell, Sheet
from sirev.metrics.disparity import group_disparity
from sirev.metrics.diversity import ORDERS
from sirev.metrics.pass_at_n import pass_at_n_table, powers_of_two
from sirev.metrics.voting import entropy

Tree = dict[str, Any]
"""Names to cells, or to trees of them."""

NO_GREEDY, NO_DRAWS, NO_TRAIN = "no greedy answers were given", "no draws were given", "no draws on training problems"
NEEDS_GREEDY = "not measured: needs greedy answers"
"""Why there is no improvement set where pass@1 is estimated from draws."""
WHY_NOT = {
    "distinct_equations": ("math", "the task is no mathematical one"),
    "distinct_programs": ("code", "the answers are no programs"),
}
"""Measure of diversity -> the kind of answers that has it, and what is said of the others."""


def accuracy(sheet: Sheet, found: Measures, levels: Sequence[str], from_draws: bool = False) -> Tree:
    """pass@1, whole and by level, and how greedy answers end.

    pass@1 is the share of greedy answers that are right; `from_draws`, the mean over problems of the share of draws that are.
    """
    rows, none = (found.draws, NO_DRAWS) if from_draws else (found.greedy, NO_GREEDY)
    right = column(rows, lambda row: row["correct"] / row["n"], sheet.n)
    return {
        "pass_at_1": sheet.mean(right, none),
        "levels": by_level(sheet, right, levels, none),
        "greedy": {
            "truncated": sheet.mean(column(found.greedy, share_of("truncated"), sheet.n), NO_GREEDY),
            "unanswered": sheet.mean(column(found.greedy, share_of("unanswered"), sheet.n), NO_GREEDY),
            "tokens": sheet.mean(column(found.greedy, share_of("tokens"), sheet.n), "no lengths were given"),
        },
    }


def by_level(sheet: Sheet, right: Floats, levels: Sequence[str], reason: str) -> dict[str, Cell]:
    """Accuracy of each level, easiest first."""
    of = np.array(levels)
    return {level: sheet.mean(np.where(of == level, right, np.nan), reason) for level in sorted_levels(levels)}


def draws(sheet: Sheet, found: Measures) -> Tree:
    """What many answers to a problem tell: pass@N, majorities, entropy, lengths, coverage of the test problems."""
    rows, n = found.draws, sheet.n
    of, _ = counts(rows, n)
    sizes = list(powers_of_two(int(of.max(initial=1))))
    votes = sorted({int(k) for row in rows or () if row.get("majority") for k in row["majority"]}) or sizes
    unvoted = NO_DRAWS if rows is None else "the answers are no single values that could be counted"
    judged = column(
        rows, lambda row: row["in_process"] / row["correct"] if row.get("in_process") is not None and row["correct"] else None, n
    )
    return {
        "pass_at_n": pass_curve(sheet, rows, sizes),
        "majority": {
            str(k): sheet.mean(column(rows, lambda row, k=k: (row.get("majority") or {}).get(str(k)), n), unvoted)  # type: ignore[misc]
            for k in votes
        },
        "mean_accuracy": sheet.mean(column(rows, share_of("correct"), n), NO_DRAWS),
        "entropy": sheet.mean(column(rows, lambda row: entropy(row["votes"]) if row.get("votes") else None, n), unvoted),
        "tokens": sheet.mean(column(rows, share_of("tokens"), n), NO_DRAWS if rows is None else "no lengths were given"),
        "truncated": sheet.mean(column(rows, share_of("truncated"), n), NO_DRAWS),
        "unanswered": sheet.mean(column(rows, share_of("unanswered"), n), NO_DRAWS),
        "in_process": sheet.mean(judged, NO_DRAWS if rows is None else "no draw is right"),
    }


def pass_curve(sheet: Sheet, rows: Sequence[Row] | None, sizes: Sequence[int], only: Any = None, none: str = NO_DRAWS) -> Tree:
    """Mean pass@N for each N of `sizes`; over the problems of the mask `only`, `none` being the reason if it is empty."""
    of, right = counts(rows, sheet.n)
    table = pass_at_n_table(of, right, sizes)
    if only is not None:
        table = np.where(only[:, None], table, np.nan)
    empty = rows is None or (only is not None and not only.any())
    return {str(k): sheet.mean(table[:, i], none if empty else f"fewer than {k} draws") for i, k in enumerate(sizes)}


def coverage(sheet: Sheet, rows: Sequence[Row] | None, reason: str) -> dict[str, Cell]:
    """Correct answer coverage in both readings: `mass`, the mean share of right draws, and `solved`, problems with one."""
    return {
        "mass": sheet.mean(column(rows, share_of("correct"), sheet.n), reason),
        "solved": sheet.mean(column(rows, lambda row: float(row["correct"] > 0) if row["n"] else None, sheet.n), reason),
    }


def diversity(sheet: Sheet, found: Measures, answers: str, eligible: Mapping[str, Mapping[str, Any]]) -> Tree:
    """Diversity of all, correct and incorrect answers, as in the paper and size-matched.

    `eligible`: m -> group -> (mask over problems, reason why there is none or None).
    """
    return {group: _of_group(sheet, found, answers, group, eligible) for group in GROUPS}


def _of_group(sheet: Sheet, found: Measures, answers: str, group: str, eligible: Mapping[str, Mapping[str, Any]]) -> Tree:
    rows = found.diversity
    none = NO_DRAWS if rows is None else f"no problem has {GROUPS[group]} answer"
    if answers == "letters":
        none = "an answer is an option's letter alone"
    several = f"no problem has two {group} answers" if group != "all" else "no problem has two answers"
    vectors = column(found.embedding, lambda row: row[group]["sentence_bert"], sheet.n)
    tree = _measures(sheet, rows, answers, none, lambda row: row[group])
    tree["sentence_bert"] = sheet.mean(
        vectors, several if found.embedding is not None else "no sentence embeddings were asked for", binomial=False
    )
    tree["matched"] = {}
    for m in map(str, SIZES):
        mask, why = eligible[m][group]
        having = [row if ok else None for row, ok in zip(rows, mask, strict=True)] if rows is not None else None
        tree["matched"][m] = _measures(
            sheet, having, answers, none if rows is None else why, lambda row, m=m: row[group]["matched"][m] if row else None
        )
    return tree


def _measures(sheet: Sheet, rows: Any, answers: str, none: str, of: Any) -> Tree:
    """Distinct-N for each n and their mean, distinct equation lists and programs, from what `of` picks of a row."""
    by_n = {
        str(n): sheet.mean(
            column(rows, lambda row, n=n: (of(row) or {"distinct_n": {}})["distinct_n"].get(str(n)), sheet.n),  # type: ignore[misc]
            none or f"no answer of {n} tokens",
            binomial=False,
        )
        for n in ORDERS
    }
    tree: Tree = {
        "distinct_n": {**by_n, "mean": sheet.derived(lambda *means: sum(means) / len(means), list(by_n.values()), none)}
    }
    for name, (kind, otherwise) in WHY_NOT.items():
        reason = none if answers in (kind, "letters") else otherwise
        tree[name] = sheet.mean(
            column(rows, lambda row, name=name: (of(row) or {}).get(name), sheet.n),  # type: ignore[misc]
            reason,
            binomial=False,
        )
    return tree


def suite(sheet: Sheet, rows: Sequence[Row]) -> Tree:
    """Accuracy of an OOD suite, whole and by level, and the group disparity between its easiest and hardest level."""
    levels = [row["level"] for row in rows]
    right = column(rows, lambda row: row["correct"] / row["n"], sheet.n)
    cells = by_level(sheet, right, levels, "no problem")
    easiest, *rest = cells.values()
    if rest:
        disparity = sheet.derived(group_disparity, [easiest, rest[-1]], "the easiest level is never right")
    else:
        disparity = sheet.mean(np.full(sheet.n, np.nan), "the suite has one level only")
    return {"accuracy": sheet.mean(right, "no problem"), "levels": cells, "group_disparity": disparity}
