"""The interface of engines: requests, answers, and no more; the stages above know an engine by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sirev.errors import BadInput

PROGRESS_SECONDS = 1.0
"""Time between two words about how far a request is."""


@dataclass(frozen=True)
class Prompt:
    """One problem as the model sees it."""

    problem_id: str
    text: str


@dataclass(frozen=True)
class DecodingSettings:
    """How answers are drawn. Temperature 0 is greedy decoding; `top_p` then has no effect.

    An answer ends before the first of the `stop` strings that it holds, if it does not end by itself. With `chat` a
    prompt is put to the model as a user's turn.
    """

    temperature: float
    top_p: float
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    chat: bool = False
    ends: tuple[int, ...] = ()
    """Tokens that end an answer beside the tokenizer's end of text."""


@dataclass(frozen=True)
class Cell:
    """One shard of a sampling: draws `first_draw` .. `first_draw + draws - 1` of each of its prompts."""

    prompts: tuple[Prompt, ...]
    first_draw: int
    draws: int


@dataclass(frozen=True)
class Completion:
    """One sampled answer. `token_ids` exclude the end-of-text token; `finish` is "stop" or "length".

    Where a stop string ended it, `text` is cut there, while `token_ids` are all that was sampled.
    """

    problem_id: str
    draw: int
    text: str
    token_ids: tuple[int, ...]
    finish: str


class SamplingEngine(Protocol):
    """A loaded model that answers cells. A draw depends on (seed, problem_id, draw index), never on its neighbours."""

    def sample(
        self,
        cells: Sequence[Cell],
        decoding: DecodingSettings,
        seed: int,
        publish: Callable[[int, list[Completion]], None],
        progress: Callable[[int, int], None] = lambda answers, tokens: None,
    ) -> None:
        """Answer every cell, calling `publish(cell index, completions)` once for each as soon as it is complete.

        `progress(answers, tokens)` may be told meanwhile what there is of the cells that are not.
        """
        ...


@dataclass(frozen=True)
class AnswerTokens:
    """An answer as a model is trained on it: the tokens of its prompt, and its own, with the end of text where it came to one."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def cut(self, context: int) -> AnswerTokens:
        """As much of it as a model of this context reads; of an answer that is too long, the beginning."""
        return AnswerTokens(self.prompt, self.answer[: max(context - len(self.prompt), 0)])


class ScoringEngine(Protocol):
    """A loaded model that says how likely answers are under it, whoever wrote them."""

    tokenizer: Any

    @property
    def reads(self) -> int:
        """The longest prompt and answer together that it scores, in tokens."""
        ...

    def log_probabilities(
        self, answers: Sequence[AnswerTokens], progress: Callable[[int], None] = lambda answers: None
    ) -> list[float]:
        """log p(answer | prompt) of each, in nats: the sum over the answer's tokens at temperature 1, 0 for an empty answer.

        No answer is longer than the engine `reads`. `progress` is told how many are done.
        """
        ...


def ended(problem_id: str, draw: int, text: str, ids: Sequence[int], finish: str, stop: Sequence[str]) -> Completion:
    """A completion whose text ends before the first stop string in it."""
    cuts = [place for word in stop if (place := text.find(word)) >= 0]
    if cuts:
        text, finish = text[: min(cuts)].rstrip(), "stop"
    return Completion(problem_id, draw, text, tuple(ids), finish)


def room(problem_id: str, prompt: Sequence[int], decoding: DecodingSettings, context: int) -> int:
    """New tokens that an answer may have: as many as asked for, or as still fit into the context beside the prompt.

    Raises BadInput, naming the problem, where none fits. An answer that ends for want of room is cut off, "length".
    """
    left = context - len(prompt)
    if left < 1:
        raise BadInput(
            f"problem {problem_id}: its prompt of {len(prompt)} tokens leaves no room for an answer in the context of "
            f"{context} tokens (engine.context, or the model's own)"
        )
    return min(decoding.max_new_tokens, left)
