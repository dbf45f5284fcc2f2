from __future__ import annotations

import random
import re

import pytest

from sirev.grading.final_number import grade_final_number
from sirev.metrics.diversity import equations
from sirev.tasks import arithmetic

STORIES = [arithmetic.draw_story(random.Random(i), 1 + i % 6) for i in range(300)]


def test_stories_have_their_level_and_stay_in_bounds() -> None:
    for i, story in enumerate(STORIES):
        assert len(story.events) == 1 + i % 6
        total = story.start
        for event in story.events:
            total += event.sign * event.amount
            assert 0 <= total <= arithmetic.LARGEST_TOTAL
        assert story.answer == total


@pytest.mark.parametrize("style", arithmetic.STYLES)
def test_every_style_is_correct_in_every_equation_and_uses_known_words(style: str) -> None:
    words = set(arithmetic.vocabulary())
    for i, story in enumerate(STORIES):
        rng = random.Random(i)
        text = arithmetic.solution(rng, story, style)
        assert grade_final_number(text, str(story.answer)).correct, text
        for equation in equations(text):
            left, right = equation.split("=")
            assert eval(left) == int(right), text
        for word in re.findall(r"\w+|[^\w\s]+", arithmetic.question(rng, story) + " " + text):
            assert word in words, word


def test_one_problem_can_be_solved_in_many_ways() -> None:
    story = next(s for s in STORIES if len(s.events) == 4)
    texts = {arithmetic.solution(random.Random(i), story, arithmetic.STYLES[i % 6]) for i in range(200)}
    assert len(texts) > 100


def test_a_larger_set_keeps_the_rows_of_a_smaller_one() -> None:
    small = arithmetic.problems("train", 20, [2, 3], 0, {})
    assert arithmetic.problems("train", 50, [2, 3], 0, {})[:20] == small
    assert arithmetic.problems("train", 20, [2, 3], 1, {}) != small


def test_splits_share_no_problem() -> None:
    train = {row["prompt"] for row in arithmetic.problems("train", 1500, [2, 3, 4], 0, {})}
    test = {row["prompt"] for row in arithmetic.problems("test", 200, [2, 3, 4], 0, {})}
    assert not train & test


def test_style_weights_decide_the_styles_of_the_gold_answers() -> None:
    rows = arithmetic.problems("train", 200, [3], 0, {"verbal": 1.0})
    assert all("starts with" in row["target"] for row in rows)


def test_the_corpus_has_the_wanted_share_of_bare_equations() -> None:
    pairs = list(arithmetic.corpus(2000, [1, 2], 0, 0.2))
    bare = [completion for prompt, completion in pairs if not prompt]
    assert 0.15 < len(bare) / len(pairs) < 0.25
    for text in bare:
        left, right = text.split("=")
        assert eval(left) == int(right)
