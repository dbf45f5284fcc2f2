"""The interface of engines: requests and answers. Stages use engines only through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sirev.errors import BadInput

PROGRESS_SECONDS = 1.0
"""Seconds between two events of a request's progress."""


@dataclass(frozen=True)
class Prompt:
    """One problem as the model sees it."""

    problem_id: str
    text: str


@dataclass(frozen=True)
class DecodingSettings:
    """Settings of sampling. Temperature 0 is greedy decoding; `top_p` then has no effect.

    An answer ends before the first `stop` string in it, or at an end token. With `chat`, a prompt is a user's turn of the
    chat template.
    """

    temperature: float
    top_p: float
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    chat: bool = False
    ends: tuple[int, ...] = ()
    """Tokens that end an answer, in addition to the tokenizer's end of text."""


@dataclass(frozen=True)
class Cell:
    """One shard of a sampling: draws `first_draw` .. `first_draw + draws - 1` of each of its prompts."""

    prompts: tuple[Prompt, ...]
    first_draw: int
    draws: int


@dataclass(frozen=True)
class Completion:
    """One sampled answer. `token_ids` exclude the end-of-text token; `finish` is "stop" or "length".

    If a stop string ended it, `text` is cut there, while `token_ids` are all sampled tokens.
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
        """Answer every cell, calling `publish(cell index, completions)` once per cell as soon as it is complete.

        `progress(answers, tokens)` may be called meanwhile with the totals of incomplete cells.
        """
        ...


@dataclass(frozen=True)
class AnswerTokens:
    """Tokens of a prompt and of its answer, as in training; the answer includes the end of text if it reached one."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def cut(self, context: int) -> AnswerTokens:
        """The part that fits into a context, in tokens; an answer that is too long keeps its beginning."""
        return AnswerTokens(self.prompt, self.answer[: max(context - len(self.prompt), 0)])


class ScoringEngine(Protocol):
    """A loaded model that gives the log-probabilities of answers, its own or others'."""

    tokenizer: Any

    @property
    def reads(self) -> int:
        """The longest prompt and answer together, in tokens, that can be scored."""
        ...

    def log_probabilities(
        self, answers: Sequence[AnswerTokens], progress: Callable[[int], None] = lambda answers: None
    ) -> list[float]:
        """log p(answer | prompt) of each, in nats: the sum over the answer's tokens at temperature 1, 0 for an empty answer.

        No prompt with its answer is longer than the engine `reads`. `progress` is called with the number of finished answers.
        """
        ...


def ended(problem_id: str, draw: int, text: str, ids: Sequence[int], finish: str, stop: Sequence[str]) -> Completion:
    """A completion whose text is cut before the first stop string in it."""
    cuts = [place for word in stop if (place := text.find(word)) >= 0]
    if cuts:
        text, finish = text[: min(cuts)].rstrip(), "stop"
    return Completion(problem_id, draw, text, tuple(ids), finish)


def room(problem_id: str, prompt: Sequence[int], decoding: DecodingSettings, context: int) -> int:
    """The most new tokens of an answer: `decoding.max_new_tokens`, or as many as fit into the context after the prompt.

    Raises BadInput, naming the problem, if none fits. An answer that runs out of room finishes with "length".
    """
    left = context - len(prompt)
    if left < 1:
        raise BadInput(
            f"problem {problem_id}: its prompt of {len(prompt)} tokens leaves no room for an answer in the context of "
            f"{context} tokens (engine.context, or the model's own)"
        )
    return min(decoding.max_new_tokens, left)
