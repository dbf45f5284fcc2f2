"""Requests from cells, for engines that batch on their own, and cells from the answers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sirev.engines.protocol import PROGRESS_SECONDS, Cell, Completion, DecodingSettings, ended, room
from sirev.trainers.tokens import answer_text, prompt_ids


@dataclass(frozen=True)
class CellRequest:
    """Contiguous draws of one problem, from one or several cells."""

    problem_id: str
    text: str
    first_draw: int
    draws: int


def requests(cells: Sequence[Cell]) -> Iterator[CellRequest]:
    """Yield the requests in the order of the cells; contiguous draws of a problem in adjacent cells share a request."""
    waiting: list[CellRequest] = []
    for cell in cells:
        same = [request.problem_id for request in waiting] == [prompt.problem_id for prompt in cell.prompts]
        if waiting and same and waiting[0].first_draw + waiting[0].draws == cell.first_draw:
            waiting = [CellRequest(r.problem_id, r.text, r.first_draw, r.draws + cell.draws) for r in waiting]
        else:
            yield from waiting
            waiting = [CellRequest(p.problem_id, p.text, cell.first_draw, cell.draws) for p in cell.prompts]
    yield from waiting


def tokenised(
    tokenizer: Any, asked: Sequence[CellRequest], decoding: DecodingSettings, context: int | None
) -> dict[str, tuple[list[int], int]]:
    """Problem id -> the tokens of its prompt and the most new tokens; raises BadInput before anything is sampled.

    `context` None leaves the check of the length to the server.
    """
    found = {}
    for request in asked:
        if request.problem_id not in found:
            ids = prompt_ids(tokenizer, request.text, decoding.chat)
            limit = decoding.max_new_tokens if context is None else room(request.problem_id, ids, decoding, context)
            found[request.problem_id] = (ids, limit)
    return found


def request_seed(seed: int, problem_id: str) -> int:
    """The seed of a problem's draw 0; draw i has this plus i, in any request."""
    digest = hashlib.sha256(f"{seed}/{problem_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2  # room for the draws below 2^63


def sampling(request: CellRequest, decoding: DecodingSettings, seed: int, limit: int) -> dict[str, Any]:
    """Sampling parameters of a request, under the names that vLLM's SamplingParams and OpenAI's endpoint share."""
    greedy = decoding.temperature == 0
    return {
        "n": request.draws,
        "temperature": decoding.temperature,
        "top_p": 1.0 if greedy else decoding.top_p,
        "max_tokens": limit,
        "seed": None if greedy else request_seed(seed, request.problem_id) + request.first_draw,
        "stop": list(decoding.stop) or None,
    }


def completed(
    tokenizer: Any,
    request: CellRequest,
    before: Sequence[int],
    ids: Sequence[int],
    index: int,
    reason: str,
    decoding: DecodingSettings,
) -> Completion:
    """Answer `index` of a request, from its tokens after the prompt and the engine's finish reason."""
    ids = list(ids)
    if ids and ids[-1] in (tokenizer.eos_token_id, *decoding.ends):
        ids.pop()
    text, finish = answer_text(tokenizer, before, ids), "length" if reason == "length" else "stop"
    return ended(request.problem_id, request.first_draw + index, text, ids, finish, decoding.stop)


@dataclass
class Gatherer:
    """Collector of completions, which publishes a cell as soon as all its draws are present."""

    cells: Sequence[Cell]
    publish: Callable[[int, list[Completion]], None]
    progress: Callable[[int, int], None]
    """Called now and then with the answers and tokens of unpublished cells."""
    _answers: int = 0
    _tokens: int = 0
    _said: float = field(default_factory=time.monotonic)
    _cell_of: dict[tuple[str, int], int] = field(init=False)
    _found: dict[int, dict[tuple[str, int], Completion]] = field(init=False)

    def __post_init__(self) -> None:
        self._cell_of = {
            (prompt.problem_id, draw): index
            for index, cell in enumerate(self.cells)
            for prompt in cell.prompts
            for draw in range(cell.first_draw, cell.first_draw + cell.draws)
        }
        self._found = {index: {} for index in range(len(self.cells))}

    def add(self, completion: Completion) -> None:
        """Add one completion. Raises KeyError for a draw that was added before or is in no cell."""
        key = (completion.problem_id, completion.draw)
        index = self._cell_of.pop(key)
        found = self._found[index]
        found[key] = completion
        self._answers += 1
        self._tokens += len(completion.token_ids)
        cell = self.cells[index]
        if len(found) == len(cell.prompts) * cell.draws:
            del self._found[index]
            self._answers -= len(found)
            self._tokens -= sum(len(one.token_ids) for one in found.values())
            self.publish(index, [found[key] for key in sorted(found)])
        elif time.monotonic() - self._said > PROGRESS_SECONDS:
            self._said = time.monotonic()
            self.progress(self._answers, self._tokens)
