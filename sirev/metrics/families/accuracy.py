"""Accuracy: shares of right answers, ends of answers, and votes. All else in a comparison builds on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sirev.metrics.families.family import AnswerType, Compared, Draw, Family, Tree
from sirev.metrics.families.measures import MeasureRow, column, counts, share_of, sorted_levels
from sirev.metrics.families.shown import LARGEST_K, Column, Remark, Shown, ShownTable
from sirev.metrics.pass_at_n import pass_at_n_table, powers_of_two
from sirev.metrics.voting import entropy, majority, votes

if TYPE_CHECKING:
    from sirev.metrics.families.measures import Floats
    from sirev.metrics.sheet import Sheet, SheetCell

NO_GREEDY, NO_DRAWS = "no greedy answers were given", "no draws were given"


def measure(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    """Counts of a problem's draws: all, right ones, their ends and their votes.

    {"n", "correct", "in_process": right draws judged in process, "tokens": their sum, null where one is unknown, "truncated",
    "unanswered", "votes": see `sirev.metrics.voting.votes`, "majority": {N: share of blocks}}. The last two are null where no
    grade of any problem holds a readable answer, and for programs, which can't vote.
    """
    ballots = [draw.ballot for draw in draws]
    return {
        "n": len(draws),
        "correct": sum(draw.right for draw in draws),
        "in_process": sum(draw.in_process for draw in draws),
        "tokens": None if any(draw.tokens < 0 for draw in draws) else sum(draw.tokens for draw in draws),
        "truncated": sum(draw.truncated for draw in draws),
        "unanswered": sum(draw.unanswered for draw in draws),
        "votes": votes(ballots) if kind.can_vote else None,
        "majority": majority(ballots) if kind.can_vote else None,
    }


def statistics(compared: Compared) -> Tree:
    """pass@1, overall and by level, the ends of greedy answers, and statistics of draws.

    pass@1 is the share of greedy answers that are right or, with `from_draws`, the mean over problems of the share of right
    draws.
    """
    sheet, model = compared.sheet, compared.model
    rows, none = (model.draws, NO_DRAWS) if compared.from_draws else (model.greedy, NO_GREEDY)
    right = column(rows, lambda row: row["correct"] / row["n"], sheet.n)
    return {
        "pass_at_1": sheet.mean(right, none),
        "levels": by_level(sheet, right, compared.levels, none),
        "greedy": {
            "truncated": sheet.mean(column(model.greedy, share_of("truncated"), sheet.n), NO_GREEDY),
            "unanswered": sheet.mean(column(model.greedy, share_of("unanswered"), sheet.n), NO_GREEDY),
            "tokens": sheet.mean(column(model.greedy, share_of("tokens"), sheet.n), "no lengths were given"),
        },
        **_of_draws(sheet, model.draws, compared.k),
        "voting": _voting(compared, right),
    }


def _voting(compared: Compared, right: Floats) -> Tree:
    """The accuracy of M_1's vote of all its draws, and its share of M_t's gain; `right` is M_t's pass@1 per problem."""
    import numpy as np

    sheet, first = compared.sheet, compared.first
    none = NO_DRAWS if first.draws is None else "the answers are no single values that could be counted"
    sizes = [max(map(int, row["majority"])) for row in first.draws or () if row.get("majority")]
    n = min(sizes, default=0)
    voted = sheet.mean(column(first.draws, lambda row: (row.get("majority") or {}).get(str(n)), sheet.n), none)
    if n < 2 or compared.is_first:
        why = none if not sizes else "a vote takes several draws" if n < 2 else "M_1 is not compared with itself"
        return {"N": n if n > 1 else None, "first": voted, "share": sheet.mean(np.full(sheet.n, np.nan), why)}
    rows = first.draws if compared.from_draws else first.greedy
    before = sheet.mean(column(rows, lambda row: row["correct"] / row["n"], sheet.n), NO_GREEDY)

    def share(vote: Any, was: Any, now: Any) -> Any:
        return np.where(now > was, (vote - was) / (now - was), np.nan)

    parts = [voted, before, sheet.mean(right, NO_GREEDY)]
    return {"N": n, "first": voted, "share": sheet.derived(share, parts, "pass@1 did not rise")}


def by_level(sheet: Sheet, right: Floats, levels: Sequence[str], reason: str) -> dict[str, SheetCell]:
    """Accuracy per level, easiest first."""
    import numpy as np

    of = np.array(levels)
    return {level: sheet.mean(np.where(of == level, right, np.nan), reason) for level in sorted_levels(levels)}


def _of_draws(sheet: Sheet, rows: Sequence[MeasureRow] | None, ks: Sequence[int] = ()) -> Tree:
    """pass@N, also at `ks`, majorities, mean accuracy, entropy, lengths and ends of draws."""
    n = sheet.n
    of, _ = counts(rows, n)
    sizes = list(powers_of_two(int(of.max(initial=1))))
    voted = sorted({int(k) for row in rows or () if row.get("majority") for k in row["majority"]}) or sizes
    unvoted = NO_DRAWS if rows is None else "the answers are no single values that could be counted"
    judged = column(
        rows, lambda row: row["in_process"] / row["correct"] if row.get("in_process") is not None and row["correct"] else None, n
    )
    return {
        "pass_at_n": pass_curve(sheet, rows, sorted({*sizes, *ks})),
        "majority": {
            str(k): sheet.mean(column(rows, lambda row, k=k: (row.get("majority") or {}).get(str(k)), n), unvoted)  # type: ignore[misc]
            for k in voted
        },
        "mean_accuracy": sheet.mean(column(rows, share_of("correct"), n), NO_DRAWS),
        "entropy": sheet.mean(column(rows, lambda row: entropy(row["votes"]) if row.get("votes") else None, n), unvoted),
        "tokens": sheet.mean(column(rows, share_of("tokens"), n), NO_DRAWS if rows is None else "no lengths were given"),
        "truncated": sheet.mean(column(rows, share_of("truncated"), n), NO_DRAWS),
        "unanswered": sheet.mean(column(rows, share_of("unanswered"), n), NO_DRAWS),
        "in_process": sheet.mean(judged, NO_DRAWS if rows is None else "no draw is right"),
    }


def pass_curve(
    sheet: Sheet, rows: Sequence[MeasureRow] | None, sizes: Sequence[int], only: Any = None, none: str = NO_DRAWS
) -> Tree:
    """Mean pass@N for each N of `sizes`, over the problems of the mask `only`; `none` is the reason if that is empty."""
    import numpy as np

    of, right = counts(rows, sheet.n)
    table = pass_at_n_table(of, right, sizes)
    if only is not None:
        table = np.where(only[:, None], table, np.nan)
    empty = rows is None or (only is not None and not only.any())
    return {str(k): sheet.mean(table[:, i], none if empty else f"fewer than {k} draws") for i, k in enumerate(sizes)}


FAMILY = Family("accuracy", statistics, measure, version=2, of_letters=True)

SHOWN = Shown(
    section="accuracy",
    fields=(
        *("pass_at_1", "levels", "greedy", "mean_accuracy", "majority", "voting", "entropy"),
        *("tokens", "truncated", "unanswered", "in_process"),
    ),
    tables=(
        ShownTable(
            "Test samples",
            (
                Column("mean %", ("mean_accuracy",)),
                Column("maj@{} %", ("majority", LARGEST_K)),
                Column("entropy, bits", ("entropy",), "number", 2),
                Column("tokens", ("tokens",), "number", 1),
                Column("cut off %", ("truncated",)),
                Column("no answer %", ("unanswered",)),
            ),
            ("mean: correct samples. maj@N: the most frequent of N answers is correct. entropy: of the answers to one problem.",),
            (
                Remark(
                    ("in_process",),
                    "{}% of the correct programs were judged in their own process, which a program could deceive.",
                ),
            ),
        ),
    ),
    units={"entropy": "bits", "tokens": "tokens"},
)
