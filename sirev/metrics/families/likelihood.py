"""Likelihood: the perplexity of M_t's answers under M_1, low where M_1 might have given them itself.

PPL_{M_1}(y | x) = exp(-1/|y| sum_i log p_{M_1}(y_i | x, y_<i)) (Yue et al. 2025, arXiv 2504.13837), over all tokens of a group's
answers together. The stage `score` gives the log-probabilities, since a model must read the answers first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sirev.metrics.families.accuracy import NO_GREEDY
from sirev.metrics.families.family import AnswerType, Compared, Draw, Family, Tree
from sirev.metrics.families.measures import MeasureRow
from sirev.metrics.families.shown import Column, Shown, ShownTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sirev.metrics.families.measures import Floats
    from sirev.metrics.sheet import Sheet, SheetCell

    Mask = NDArray[np.bool_]

OF_DRAWS = "likelihood/draws"
"""Key of the measures of a model's draws; those of its greedy answers are under the family's own name."""
NOT_SCORED = "not measured: needs M_1's weights; `sirev iterate` scores answers by any engine but `server` (evaluation.score)"
BETWEEN = "not measured: only answers of M_1 and of the last M_t are scored"
ITSELF = "M_1 is not compared with itself"
NO_GAIN = "none: M_t gains no problem over M_1"
_NO_RIGHT = "no such answer is right"
_RIGHT, _ALL = ("right",), ("right", "wrong")


def measure(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    """Totals of the right and the wrong scored answers: {"right" | "wrong": {"answers", "tokens", "logprob" (nats)}}."""
    groups = {name: [draw.score for draw in draws if draw.score and draw.right == (name == "right")] for name in _ALL}
    return {
        name: {
            "answers": len(scores),
            "tokens": sum(tokens for tokens, _ in scores),
            "logprob": float(sum(logprob for _, logprob in scores)),
        }
        for name, scores in groups.items()
    }


def statistics(compared: Compared) -> Tree:
    """Perplexity under M_1 of M_t's right greedy answers, on IS(t) and overall, and that of M_1's own answers.

    `first`: of M_1's right greedy answers, of its draws, and of its right draws on IS(t) and on W, the problems that it gets
    wrong greedily. `ratio` is IS(t)'s over that of M_1's right draws on W; below 1, M_t's new answers are likelier under M_1 than
    M_1's own answers to problems that it usually gets wrong.
    """
    import numpy as np

    sheet, first, model = compared.sheet, compared.first, compared.model
    own, own_draws, theirs = FAMILY.rows(first), first.families.get(OF_DRAWS), FAMILY.rows(model)
    none = NOT_SCORED if own is None else BETWEEN
    everywhere, wrong = np.ones(sheet.n, bool), np.zeros(sheet.n, bool)
    gained, lacking = wrong, NO_GREEDY
    if first.greedy is not None and model.greedy is not None:
        was, now = (np.array([row["correct"] > 0 for row in rows]) for rows in (first.greedy, model.greedy))
        wrong, gained, lacking = ~was, now & ~was, NO_GAIN
    lacking = ITSELF if compared.is_first else lacking
    on_gained = _Perplexity(sheet, theirs, _RIGHT, gained, none if theirs is None and not compared.is_first else lacking)
    of_draws = NOT_SCORED if own_draws is None else _NO_RIGHT
    missed = _Perplexity(sheet, own_draws, _RIGHT, wrong, of_draws)
    own_on_gained = lacking if compared.is_first or not gained.any() else of_draws
    return {
        "likelihood": {
            "gained": on_gained.cell(),
            "right": _Perplexity(sheet, theirs, _RIGHT, everywhere, none if theirs is None else _NO_RIGHT).cell(),
            "first": {
                "greedy": _Perplexity(sheet, own, _RIGHT, everywhere, NOT_SCORED if own is None else _NO_RIGHT).cell(),
                "draws": _Perplexity(sheet, own_draws, _ALL, everywhere, of_draws).cell(),
                "gained": _Perplexity(sheet, own_draws, _RIGHT, gained, own_on_gained).cell(),
                "missed": missed.cell(),
            },
            "ratio": on_gained.over(missed),
        }
    }


class _Perplexity:
    """exp(-sum logprob / sum tokens) of answers to the problems of a mask, without problems that have no such answer."""

    def __init__(self, sheet: Sheet, rows: Sequence[MeasureRow] | None, groups: Sequence[str], mask: Mask, reason: str) -> None:
        import numpy as np

        self._sheet, self._reason = sheet, reason
        sums = [_sums(rows, groups, name, mask) for name in ("logprob", "tokens")]
        self._empty = bool(np.isnan(sums[1]).all())
        # Means over problems, whose ratio equals that of the sums.
        self._parts = [sheet.mean(one, reason, binomial=False) for one in sums]

    def cell(self) -> SheetCell:
        """The perplexity."""
        return self._sheet.derived(_perplexity, self._parts, self._reason)

    def over(self, other: _Perplexity) -> SheetCell:
        """The ratio of this perplexity to another one."""
        return self._sheet.derived(
            lambda *parts: _perplexity(*parts[:2]) / _perplexity(*parts[2:]),
            [*self._parts, *other._parts],
            self._reason if self._empty else other._reason,
        )


def _perplexity(logprob: Any, tokens: Any) -> Any:
    import numpy as np

    return np.exp(-logprob / tokens)


def _sums(rows: Sequence[MeasureRow] | None, groups: Sequence[str], name: str, mask: Mask) -> Floats:
    import numpy as np

    if rows is None:
        return np.full(len(mask), np.nan)
    there = np.array([any(row[group]["tokens"] for group in groups) for row in rows], bool) & mask
    return np.where(there, [float(sum(row[group][name] for group in groups)) for row in rows], np.nan)


FAMILY = Family("likelihood", statistics, measure, version=1, of_letters=True, of_scores=True)

SHOWN = Shown(
    section="pass-n",
    fields=("likelihood",),
    tables=(
        ShownTable(
            "Perplexity under M_1 of right answers",
            (
                Column("IS(t)", ("likelihood", "gained"), "number", 2),
                Column("greedy", ("likelihood", "right"), "number", 2),
                Column("M_1's greedy", ("likelihood", "first", "greedy"), "number", 2),
                Column("M_1's, IS(t)", ("likelihood", "first", "gained"), "number", 2),
                Column("M_1's, W", ("likelihood", "first", "missed"), "number", 2),
                Column("IS(t)/W", ("likelihood", "ratio"), "number", 2),
            ),
            (
                "exp(−Σ log p / tokens), arXiv 2504.13837. IS(t), greedy: M_t's greedy answers. M_1's: its own greedy answers, "
                "its own samples on IS(t) and on W, the problems that it gets wrong greedily. Below 1, IS(t)/W says that what "
                "M_t gained is likelier under M_1 than M_1's own right samples on W.",
            ),
        ),
    ),
    units={"likelihood": "perplexity", "likelihood.ratio": "ratio"},
)
