from __future__ import annotations

import pytest

from sirev.engines.protocol import Cell, Completion, Prompt
from sirev.engines.requests import CellRequest, Gatherer, request_seed, requests

PROMPTS = tuple(Prompt(name, f"What is {name}?") for name in "abc")


def completion(problem_id: str, draw: int) -> Completion:
    return Completion(problem_id, draw, "text", (1, 2), "stop")


def test_draws_that_lie_side_by_side_are_one_request_a_problem() -> None:
    cells = [Cell(PROMPTS, 0, 8), Cell(PROMPTS, 8, 8), Cell(PROMPTS, 16, 4)]
    assert list(requests(cells)) == [CellRequest(p.problem_id, p.text, 0, 20) for p in PROMPTS]


def test_draws_with_a_gap_between_them_are_requests_of_their_own() -> None:
    cells = [Cell(PROMPTS, 0, 8), Cell(PROMPTS, 16, 8)]
    assert [(r.problem_id, r.first_draw, r.draws) for r in requests(cells)] == [
        *(("abc"[i], 0, 8) for i in range(3)),
        *(("abc"[i], 16, 8) for i in range(3)),
    ]


def test_other_problems_are_other_requests() -> None:
    cells = [Cell(PROMPTS[:2], 0, 8), Cell(PROMPTS[2:], 0, 8), Cell(PROMPTS[2:], 8, 8)]
    assert [(r.problem_id, r.draws) for r in requests(cells)] == [("a", 8), ("b", 8), ("c", 16)]
    assert list(requests([])) == []


def test_a_draws_seed_is_the_same_in_whatever_request_it_is_asked() -> None:
    assert request_seed(1, "a") + 50 == request_seed(1, "a") + 16 + 34
    seeds = {request_seed(seed, problem) for seed in range(20) for problem in ("a", "b", "c")}
    assert len(seeds) == 60
    assert all(0 <= seed < 2**62 for seed in seeds)


def test_a_cell_is_handed_on_once_it_is_complete_in_the_order_of_problems_and_draws() -> None:
    published: list[tuple[int, list[Completion]]] = []
    gatherer = Gatherer([Cell(PROMPTS[:1], 0, 2), Cell(PROMPTS[:1], 2, 1)], lambda i, found: published.append((i, found)), print)
    gatherer.add(completion("a", 2))
    assert [i for i, _ in published] == [1]
    gatherer.add(completion("a", 1))
    gatherer.add(completion("a", 0))
    assert published[1] == (0, [completion("a", 0), completion("a", 1)])


def test_a_draw_that_comes_twice_is_noticed() -> None:
    gatherer = Gatherer([Cell(PROMPTS, 0, 2)], lambda i, found: None, print)
    gatherer.add(completion("a", 0))
    with pytest.raises(KeyError):
        gatherer.add(completion("a", 0))
    with pytest.raises(KeyError):
        gatherer.add(completion("z", 0))
