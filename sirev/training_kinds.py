"""The kinds of training F_t of Algorithm 1: their examples, and whether they need a reference model.

Imports nothing heavy, because shell completion reads it. Each kind has two more parts, under its name: its settings, in
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
    """One kind of training, without the parts that need a library."""

    name: Kind
    answers: tuple[str, ...]
    """The columns of an example of D_t other than its prompt; each goes through the model after the prompt."""
    examples: Callable[[Sequence[str], Sequence[str]], Iterable[tuple[str, ...]]]
    """A problem's right and wrong answers -> its examples, as tuples of `answers`."""
    expected: Callable[[float, float], float]
    """Numbers of right and of wrong answers -> the number of examples."""
    nothing: str
    """The outcome of a selection without any example."""
    has_reference: bool = False
    """Whether the loss compares the model with a frozen reference, M_{t-1}."""

    @property
    def sequences(self) -> int:
        """Sequences per example that go through the model."""
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
IN_TURN: tuple[Kind, ...] = ("dpo", "sft")
"""The steps that `sft-dpo` takes in turn: the paper's, read off its figures, and those of a recipe without a schedule."""


def kinds_of(method: str, T: int, in_turn: Sequence[str] | None = None) -> list[str]:
    """The names of F_2 .. F_T of a method; `in_turn` replaces `IN_TURN`."""
    cycle = (in_turn or IN_TURN) if method == "sft-dpo" else (method,)
    return [cycle[i % len(cycle)] for i in range(T - 1)]
