"""The kinds of training F_t of Algorithm 1: what an example of each is, and whether it needs a reference model.

Light, because the commands' completion reads it. Each kind has two more parts, under its name: its settings, in
`sirev.recipe.sections.Training`, and its trainer, in `sirev.trainers.trl_steps.TRAINERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["sft", "dpo"]
Method = Literal[Kind, "sft-dpo"]
"""A schedule F_2 .. F_T: one kind throughout, or SFT and DPO in turn."""
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class TrainingKind:
    """One kind of training, in so far as it needs no library."""

    name: Kind
    answers: tuple[str, ...]
    """The columns of an example of D_t that stand beside its prompt; each goes through the model behind it."""
    examples: Callable[[Sequence[str], Sequence[str]], Iterable[tuple[str, ...]]]
    """The examples, as `answers`, that a problem's right and wrong answers make."""
    expected: Callable[[float, float], float]
    """How many examples so many right and so many wrong answers make."""
    nothing: str
    """The outcome of a selection without any example."""
    has_reference: bool = False
    """The loss compares the model with a frozen reference, M_{t-1}."""

    @property
    def sequences(self) -> int:
        """How many sequences go through the model for one example."""
        return len(self.answers)

    @property
    def title(self) -> str:
        """The name as it is written in a sentence."""
        return self.name.upper()


SFT = TrainingKind(
    name="sft",
    answers=("completion",),
    examples=lambda right, wrong: ((answer,) for answer in right),
    expected=lambda right, wrong: right,
    nothing="no correct answer",
)
DPO = TrainingKind(
    name="dpo",
    answers=("chosen", "rejected"),
    examples=lambda right, wrong: zip(right, wrong, strict=False),  # each answer in one pair at most
    expected=min,
    nothing="no pair",
    has_reference=True,
)
KINDS: dict[str, TrainingKind] = {kind.name: kind for kind in (SFT, DPO)}
