from __future__ import annotations

import pytest

from sirev.grading.extract_option import option, shown_options

OPTIONS = {"A": "lamp", "B": "oven", "C": "The garden shed", "D": "oven glove", "E": "a kite"}


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Birds fly. Answer: B", "B"),
        ("Answer : C", "C"),
        ("Answer:\n(E) lamp", "E"),
        ("Answer: B. lamp", "B"),
        ("**Answer:** B", "B"),
        ("**Final Answer**: (D)", "D"),
        ("### Answer\n\nC", "C"),
        ("answer: **D**.", "D"),
        ("Answer: `E`", "E"),
        ("Answer: 'E'", "E"),
        ("Answer：Ｅ", "E"),
        ("Answer - D", "D"),
        (r"Answer: $\boxed{\text{D}}$", "D"),
        (r"So we get \boxed{(c)}.", "C"),
        (r"\boxed{\textbf{(A)}\ lamp}", "A"),
        ("Answer: option D", "D"),
        ("Answer: the correct option is D", "D"),
        ("Answer choice: D", "D"),
        ("The answer is probably E.", "E"),
        ("The answer must be (a).", "A"),
        ("So the answer is C, since A is too heavy.", "C"),
        ("The answer is C. This answer is right, A is not.", "C"),
        ("Answer: D because lamps are hot", "D"),
        ("Answer: e", "E"),
        ("Answer: e. kite", "E"),
        ("Answer: A is bright", "A"),
        ("Answer: A\nNo.\nAnswer: (C)", "C"),
        ("Answer: E\n\nQuestion: Why?\nAnswer: A", "E"),
        ("<think>Answer: A</think>Answer: B", "B"),
        ("Answer: B</s>", "B"),
        ("The best choice is (d).", "D"),
        ("<answer>D</answer>", "D"),
        ("Correct option: D", "D"),
        ("Answer: __D__", "D"),
        ("Therefore (D).", "D"),
        ("We should choose D.", "D"),
        ("B is too small. So D is the correct answer.", "D"),
        ("It can't fly, therefore option D.", "D"),
        ("B", "B"),
        (" (B). ", "B"),
        ("b", "B"),
        ("C) garden shed", "C"),
        ("C\n\nIt is where tools are.", "C"),
    ],
)
def test_an_option_may_be_named_in_many_ways(text: str, letter: str) -> None:
    assert option(text) == letter


@pytest.mark.parametrize(
    "text",
    [
        "Answer: A lamp",
        "Answer: a lamp",
        "The answer is a lamp",
        "Answer: A good lamp may help",
        "So it is A lamp that helps.",
        "A lamp is the best answer to that.",
        "Vitamin D is the best for bones",
        "I think B",
    ],
)
def test_the_article_and_other_single_letters_are_no_option(text: str) -> None:
    assert option(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Answer: B or C",
        "Answer: B and C",
        "Answer: (B), (C)",
        "Answer: C/E",
        "Answer: b / c",
        "Answer: B & D",
        "Answer: B, or maybe C",
        "(b) or (c)",
        "The answer is either B or C",
        r"\boxed{B, C}",
        "B is correct. C is correct.",
        "A. lamp\nB. oven",
    ],
)
def test_two_options_named_are_no_answer(text: str) -> None:
    assert option(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Answer: Bulb",
        "Answer: A's",
        "Answer: D-day",
        "Answer: C++",
        "Answer: E=mc^2",
        "Answer: A.M.",
        "Answer: F",
        "Answer: none of these",
        "Answer: Let me think.",
        "The answer is not B",
        "Answer: B\nAnswer:",
        "Option B is wrong.",
        "<think>Answer: B",
        "",
    ],
)
def test_words_and_other_letters_are_no_option(text: str) -> None:
    assert option(text) is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Answer: oven", "B"),
        ("Answer: the Oven.", "B"),
        ("The answer is garden shed.", "C"),
        ("Answer: A kite", "E"),
        ("Answer: A lamp", "A"),
        (r"\boxed{\text{oven glove}}", "D"),
        ("oven glove", "D"),
        ("Answer: D. oven glove", "D"),
        ("Answer: oven or lamp", None),
        ("Answer: not the oven", None),
        ("Answer: stove", None),
    ],
)
def test_where_the_options_are_known_their_words_name_them(text: str, letter: str | None) -> None:
    assert option(text, OPTIONS) == letter


def test_the_options_of_a_prompt_are_those_of_its_last_question() -> None:
    prompt = "Question: Hot?\nA. ice\nB. fire\nAnswer: B\n\nQuestion: Wet?\nA. rain\nB. sand\nC. a brick\nAnswer:\n"
    assert shown_options(prompt) == {"A": "rain", "B": "sand", "C": "a brick"}
    assert shown_options("Wet?\n(A) rain\n(B) sand") == {"A": "rain", "B": "sand"}
    assert shown_options("What is 3 + 4?\nA. nswer") == {}
    assert shown_options("") == {}
