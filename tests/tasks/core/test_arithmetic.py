from __future__ import annotations

import random
import re

import pytest

from sirev.errors import BadInput
from sirev.grading.final_number import grade_final_number
from sirev.metrics.equations import equations
from sirev.tasks.core import arithmetic

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


def test_an_inverse_problem_tells_the_end_and_asks_for_the_start() -> None:
    story = arithmetic.Story(12, (arithmetic.Event(1, 1, 7), arithmetic.Event(1, 3, 4)))
    text = arithmetic.question(random.Random(0), story, "inverse")
    assert re.fullmatch(
        r"(\w+) has \? (\w+)\. Monday s?he (buys|finds) 7\. Tuesday s?he gets 3 (bags|boxes) of 4\. now s?he has 31\. "
        r"How many \2 first\?",
        text,
    )


def test_inverse_solutions_are_correct_in_every_equation_and_use_known_words() -> None:
    words = set(arithmetic.vocabulary())
    for i, story in enumerate(STORIES):
        rng = random.Random(i)
        text = arithmetic.inverse_solution(rng, story)
        assert grade_final_number(text, str(story.start)).correct, text
        for equation in equations(text):
            left, right = equation.split("=")
            assert eval(left) == int(right), text
        assert words.issuperset(re.findall(r"\w+|[^\w\s]+", arithmetic.question(rng, story, "inverse") + " " + text))


NORMAL = {"finds": "buys", "sells": "loses", "boxes": "bags"}


def normal_form(prompt: str) -> str:
    """A problem without its names, things, days and synonyms."""
    words = re.findall(r"\w+|[^\w\s]+", prompt)
    dropped = {*arithmetic.PERSONS, *arithmetic.PRONOUNS, *arithmetic.DAYS, *arithmetic.THINGS}
    return " ".join(NORMAL.get(word, word) for word in words if word not in dropped)


def test_with_disjoint_the_parts_of_a_recipe_share_no_problem_in_any_wording() -> None:
    levels = [1, 2, 3]
    corpus = arithmetic.corpus(6000, levels, 0, equations_share=0.1, inverse_share=0.4, disjoint=True)
    parts = [{normal_form(prompt) for prompt, _ in corpus if prompt}]
    parts += [
        {normal_form(row["prompt"]) for row in arithmetic.problems(split, n, levels, 0, {}, disjoint=True)}
        for split, n in (("train", 1500), ("test", 150), ("ood/more", 150))
    ]
    parts += [{normal_form(row["prompt"]) for row in arithmetic.problems("ood/back", 150, levels, 0, {}, "inverse", True)}]
    assert len(set().union(*parts)) == sum(map(len, parts))
    assert all(len(part) == 150 for part in parts[2:])  # nor does one come twice in what is evaluated on


def test_without_disjoint_they_do_share_some() -> None:
    corpus = {normal_form(prompt) for prompt, _ in arithmetic.corpus(6000, [1, 2, 3], 0) if prompt}
    assert corpus & {normal_form(row["prompt"]) for row in arithmetic.problems("test", 150, [1, 2, 3], 0, {})}


def test_disjoint_keeps_the_rows_of_a_smaller_set() -> None:
    small = arithmetic.problems("ood/x", 20, [1, 2], 0, {}, disjoint=True)
    assert arithmetic.problems("ood/x", 60, [1, 2], 0, {}, disjoint=True)[:20] == small


def test_more_problems_than_there_are_stories_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"no more than \d\d stories of level 1 for test; ask for fewer problems"):
        arithmetic.problems("test", 100, [1], 0, {}, disjoint=True)


def test_the_corpus_has_the_wanted_share_of_inverse_problems() -> None:
    prompts = [prompt for prompt, _ in arithmetic.corpus(2000, [1, 2], 0, 0.2, 0.3)]
    assert 0.25 < sum(prompt.endswith("first?") for prompt in prompts) / len(prompts) < 0.35
