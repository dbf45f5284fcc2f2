"""What every engine is asked and what it gives back; the stages above know no engine by more than this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Prompt:
    """One problem as the model sees it."""

    problem_id: str
    text: str


@dataclass(frozen=True)
class Decoding:
    """How answers are drawn. Temperature 0 is greedy decoding; `top_p` then has no effect."""

    temperature: float
    top_p: float
    max_new_tokens: int


@dataclass(frozen=True)
class Cell:
    """One shard of a sampling: draws `first_draw` .. `first_draw + draws - 1` of each of its prompts."""

    prompts: tuple[Prompt, ...]
    first_draw: int
    draws: int


@dataclass(frozen=True)
class Completion:
    """One sampled answer. `token_ids` exclude the end-of-text token; `finish` is "stop" or "length"."""

    problem_id: str
    draw: int
    text: str
    token_ids: tuple[int, ...]
    finish: str


class Engine(Protocol):
    """A loaded model that answers cells. A draw depends on (seed, problem_id, draw index), never on its neighbours."""

    def sample(
        self,
        cells: Sequence[Cell],
        decoding: Decoding,
        seed: int,
        publish: Callable[[int, list[Completion]], None],
    ) -> None:
        """Answer every cell, calling `publish(cell index, completions)` once for each as soon as it is complete."""
        ...
