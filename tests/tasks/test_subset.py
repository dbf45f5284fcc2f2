from __future__ import annotations

import pytest

from sirev.tasks.subset import hold_out, limited
from tests.tasks.conftest import refusal

PROBLEMS = [{"id": f"p-{i:03d}", "prompt": "", "target": "", "answer": "", "level": ""} for i in range(300)]


def test_a_smaller_limit_lies_inside_a_larger_one_and_keeps_the_order() -> None:
    large = limited(PROBLEMS, 200, 0)
    small = limited(PROBLEMS, 100, 0)
    assert (len(large), len(small)) == (200, 100)
    assert [p for p in large if p in small] == small
    assert [p for p in PROBLEMS if p in large] == large
    assert limited(PROBLEMS, 300, 0) == PROBLEMS


def test_the_draw_depends_on_seed_and_ids_and_not_on_order() -> None:
    drawn = limited(PROBLEMS, 100, 0)
    assert limited(PROBLEMS, 100, 1) != drawn
    assert limited(PROBLEMS[::-1], 100, 0) == drawn[::-1]
    assert drawn != PROBLEMS[:100]


def test_one_problem_more_changes_at_most_one_of_the_draw() -> None:
    before = {p["id"] for p in limited(PROBLEMS[1:], 100, 0)}
    after = {p["id"] for p in limited(PROBLEMS, 100, 0)}
    assert len(after - before) <= 1


def test_held_out_problems_are_the_rest_of_the_rest() -> None:
    rest, dev = hold_out(PROBLEMS, 50, 3)
    assert (len(rest), len(dev)) == (250, 50)
    assert sorted([*rest, *dev], key=lambda p: p["id"]) == PROBLEMS
    assert hold_out(PROBLEMS, 50, 3) == (rest, dev)


@pytest.mark.parametrize("n", [0, -1, 301])
def test_more_problems_than_there_are_is_refused(n: int) -> None:
    assert refusal(lambda: limited(PROBLEMS, n, 0)) == f"{n} problems were asked for, and only 300 are there"
    assert refusal(lambda: hold_out(PROBLEMS, n, 0)) == f"{n} problems were asked for, and only 300 are there"


def test_a_dev_split_that_leaves_no_train_split_is_refused() -> None:
    assert refusal(lambda: hold_out(PROBLEMS, 300, 0)) == "a dev split of 300 leaves nothing of the 300 problems to train on"
