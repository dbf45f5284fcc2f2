"""A family of metrics: what is measured of one problem's answers, and the statistics that a comparison makes of it.

To add one, write a file beside this one and name it in the package's `FAMILIES`; `SHOWN` is for reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sirev.metrics.families.measures import MeasureRow, Measures

if TYPE_CHECKING:
    from sirev.metrics.sheet import Sheet

Tree = dict[str, Any]
"""Names to cells of a sheet, or to trees of them."""


class Draw(NamedTuple):
    """One graded completion."""

    text: str
    draw: int
    tokens: int
    """Negative where nobody knows."""
    truncated: bool
    right: bool
    in_process: bool
    """Whether it is right by what ran beside the program judged."""
    unanswered: bool
    """Whether no answer could be read from it."""
    ballot: str | None = None
    """What it votes for, as in `sirev.metrics.voting`; None where nobody can vote."""
    program: str = ""
    """The program in the text, where answers are code."""
    score: tuple[int, float] | None = None
    """Tokens and log-probability in nats, by the stage `score`; None where it was not scored."""


class AnswerType(NamedTuple):
    """What the answers of all problems measured are."""

    name: str
    """As `sirev.stages.measure.MeasureParameters.answers`."""
    readable: bool
    """Whether grades say what each draw answered: those made elsewhere may only say that it is right or wrong."""

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
    """Of the problems, in their order."""
    answers: str
    """What an answer is: "math", "code", "text", or "letters"."""
    eligible: Mapping[str, Mapping[str, Any]]
    """m -> group -> (mask over the problems that size-matched values rest on, why there are none, or "")."""
    from_draws: bool
    """Whether pass@1 is estimated from draws, no model having greedy answers."""
    k: Sequence[int] = ()
    """The k of pass@k that are asked for beside the powers of two."""


@dataclass(frozen=True)
class Family:
    """Metrics with a version of their own, which `measure` writes into artifacts; a change of it recomputes them alone."""

    name: str
    statistics: Callable[[Compared], Tree]
    """Fields of M_t in a comparison; where several families have the same field, it is a tree and holds what each says."""
    measure: Callable[[Sequence[Draw], AnswerType], dict[str, Any]] | None = None
    """What it says of one problem, from its draws; None where a stage of its own measures it, as `sirev.stages.embed` does."""
    version: int = 0
    costly: bool = False
    """Whether measuring takes so long that spreading it over the cores pays."""
    of_letters: bool = False
    """Whether it means anything where an answer is an option's letter alone."""
    only: str | None = None
    """The one kind of answers, "math" or "code", that it means anything of; None: of all kinds."""
    of_scores: bool = False
    """Whether it is measured of scored answers, and not of every model's draws."""

    def rows(self, measures: Measures) -> Sequence[MeasureRow] | None:
        """Its measures of one model."""
        return measures.families.get(self.name)
