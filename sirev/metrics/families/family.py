"""Interface of a family of metrics: measures of one problem's answers, and the statistics of a comparison.

To add one, write a file in this package and name it in the package's `FAMILIES`; `SHOWN` is for reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sirev.metrics.families.measures import MeasureRow, Measures

if TYPE_CHECKING:
    from sirev.metrics.sheet import Sheet

Tree = dict[str, Any]
"""Names -> cells of a sheet, or trees of them."""


class Draw(NamedTuple):
    """One graded completion."""

    text: str
    draw: int
    tokens: int
    """Negative where unknown."""
    truncated: bool
    right: bool
    in_process: bool
    """Whether it is right only by a judgement made inside the program's process."""
    unanswered: bool
    """Whether no answer could be read from it."""
    ballot: str | None = None
    """Its ballot, as in `sirev.metrics.voting`; None where nothing can be voted on."""
    program: str = ""
    """The program in the text, where answers are code."""
    score: tuple[int, float] | None = None
    """Tokens and log-probability in nats, from the stage `score`; None where it was not scored."""


class AnswerType(NamedTuple):
    """The kind of the answers measured, the same for all problems."""

    name: str
    """As `sirev.stages.measure.MeasureParameters.answers`."""
    readable: bool
    """Whether grades hold each draw's answer: verdicts made elsewhere may only be right or wrong."""

    @property
    def can_vote(self) -> bool:
        """Whether answers are single values that can be counted; programs are not."""
        return self.readable and self.name != "code"


@dataclass(frozen=True)
class Compared:
    """M_t in a comparison, as `Family.statistics` reads it: its measures and M_1's, and the sheet that takes their columns."""

    sheet: Sheet
    model: Measures
    first: Measures
    is_first: bool
    levels: Sequence[str]
    """The level of each problem, in order."""
    answers: str
    """The kind of answers: "math", "code", "text", or "letters"."""
    eligible: Mapping[str, Mapping[str, Any]]
    """m -> group -> (mask over the problems for size-matched values, the reason for an empty one or "")."""
    from_draws: bool
    """Whether pass@1 is estimated from draws, since no model has greedy answers."""
    k: Sequence[int] = ()
    """Further k of pass@k, next to the powers of two."""


@dataclass(frozen=True)
class Family:
    """Metrics with a version of their own, which `measure` writes into artifacts; raising it recomputes this family alone."""

    name: str
    statistics: Callable[[Compared], Tree]
    """Fields of M_t in a comparison. Families may share a field: it is then a tree with the entries of each."""
    measure: Callable[[Sequence[Draw], AnswerType], dict[str, Any]] | None = None
    """The measures of one problem, from its draws; None where a separate stage measures, such as `sirev.stages.embed`."""
    version: int = 0
    costly: bool = False
    """Whether measuring takes so long that using several cores pays."""
    of_letters: bool = False
    """Whether it has a meaning where an answer is an option's letter alone."""
    only: str | None = None
    """The one kind of answers, "math" or "code", for which it has a meaning; None: all kinds."""
    of_scores: bool = False
    """Whether it is measured only of scored answers, and so not of every model's draws."""

    def rows(self, measures: Measures) -> Sequence[MeasureRow] | None:
        """The family's measures of one model."""
        return measures.families.get(self.name)
