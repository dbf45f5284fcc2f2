from __future__ import annotations

import pytest

from sirev.grading.extract import number_in
from sirev.grading.extract_number import flexible, last_number, strict
from tests.grading.conftest import Published


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("12 + 7 = 19\n#### 19", "19"),
        ("#### 18\nno, wait\n#### 19", "19"),
        ("#### -1,234.50.", "-1234.50"),
        ("#### 19\n####", "19"),
        ("####19", "19"),
        ("####\n19", "19"),
        ("#### $19", "19"),
        ("#### __19__ apples", "19"),
        (r"#### \(19\)", "19"),
        (r"#### \boxed{19}", "19"),
        ("#### 2 * 8 = 16", "16"),
        ("#### 7/2", "3.5"),
        ("#### 7/3", "7/3"),
        ("#### 12:45", None),
        ("#### 3 - 4", None),
        ("#### 6 or 7", None),
        ("#### 1.2.3", None),
        ("#### .", None),
        ("#### Step 2: add", None),
        ("#### 2. Add them", None),
        ("#### 8<|endoftext|>#### 9", "8"),
        ("#### 8\n\nQuestion: Tom has 3\n#### 9", "8"),
        ("the answer is 19", None),
        ("", None),
    ],
)
def test_strict_is_the_number_after_the_last_mark(text: str, answer: str | None) -> None:
    assert strict(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{4} in 6 weeks", "4"),
        (r"\boxed{4}, so 5. #### 6", "6"),
        (r"The answer is 7. \boxed{4}", "4"),
        (r"\boxed{} The answer is 7. Day 2.", "7"),
        ("The answer is 7 cups (see line 3).", "7"),
        ("The final answer to the problem is: **$7.25** a day, 4 days a week.", "7.25"),
        ("The answer is 5 * 7 = 35 km in 4 hours. It took 6 days.", "35"),
        ("**Answer:** about 7 km on day 3", "7"),
        ("Final answer\n\n7 on day 3", "7"),
        ("A: 7 on day 3", "7"),
        ("Answer: She eats 7", "7"),  # named in a sentence: the last number
        ("The answer is not 5 but 7", "7"),
        ("The answer is 7. This answer is right, by rule 3.", "7"),
        ("the answer is negative 7 degrees on day 3", "-7"),
        ("#### Step 1\n3 + 4 = 7", "7"),
        ("<think>\\boxed{3}</think>It is 7.", "7"),
        ("It is 7.\n\nQuestion: Tom has 3", "7"),
        ("no number at all", None),
        ("", None),
    ],
)
def test_flexible_is_the_marked_boxed_or_named_number_before_the_last(text: str, answer: str | None) -> None:
    assert flexible(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She makes $18.", "18"),
        ("A: 28,800", "28800"),
        ("over 1{,}250{,}000 of them", "1250000"),
        (r"over 45\,600 of them", "45600"),
        (r"over 45,\!600 of them", "45600"),
        ("over 45\u202f600 of them", "45600"),
        ("over 45\u00a0600 of them", "45600"),
        ("over 45 600 of them", "45600"),
        ("over 45'600 of them", "45600"),
        ("over 12,34,567 of them", "1234567"),
        ("of 45, 600", "600"),
        ("the pair 7,8", "8"),
        ("1,000, 2,000, and so on", "2000"),
        ("so -$3.50 is left", "-3.50"),
        ("so $-5 is left", "-5"),
        ("it fell to −12", "-12"),
        ("it fell to –12", "-12"),
        ("half of it, .5", ".5"),
        ("25%", "25"),
        ("it is 72...", "72"),
        ("a share of 3/4", "0.75"),
        ("a share of 2 / 3", "2/3"),
        (r"a share of \frac{3}{4}", "0.75"),
        (r"it takes 1\frac12 hours", "1.5"),
        ("it takes 1 3/4 hours", "1.75"),
        ("it takes 2¾ hours", "2.75"),
        ("that is 2.5e4 grams", "25000"),
        (r"that is 2.5 \times 10^{4} grams", "25000"),
        ("that is 3*10**-2 grams", "0.03"),
        ("<<2*9=18>>18 per day", "18"),
        ("$10$20", "20"),
        ("４０ apples", "40"),
        # What is no whole number is passed over.
        ("it takes 9 minutes, until 5:45", "9"),
        ("9 on 12/25/2020", "9"),
        ("9, in 3-4 hours", "9"),
        ("9, as 4 + 5", "9"),
        ("9, not 3^2", "9"),
        ("9, not 3²", "9"),
        (r"9, not 2^{10}", "9"),
        ("9, not 3k", "9"),
        ("it fell to negative 12", "-12"),
        ("So:\n- 12 pens", "12"),
        ("9 in version 1.2.3", "9"),
        ("at 5:30", None),
        ("15-10", None),
        (r"\frac{x}{2}", None),
        ("... , $", None),
        ("9" * 5000, "9" * 5000),
        ("9" * 5000 + "/7", None),
    ],
)
def test_a_number_is_read_as_a_whole(text: str, answer: str | None) -> None:
    assert flexible(text) == answer


@pytest.mark.parametrize(
    ("box", "answer"),
    [
        ("7", "7"),
        (r"\$1{,}250", "1250"),
        (r"7\text{ cups}", "7"),
        (r"7 \text{ m}^2", "7"),
        (r"x = 7", "7"),
        (r"\frac{1}{4}", "0.25"),
        (r"50\%", "50"),
        (r"-7", "-7"),
        (r"2 \cdot 9", r"2 \cdot 9"),  # arithmetic is left to the judge
        ("7 or 8", None),
        ("7, 8", None),
        (r"7 \text{ cups}, 8 \text{ pots}", None),
        (r"\text{none}", None),
        ("n + 7", None),
    ],
)
def test_a_box_is_one_number_or_none(box: str, answer: str | None) -> None:
    assert flexible(f"So 3, or $\\boxed{{{box}}}$ in all.") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She has 3 and makes $18.", "18"),
        ("A: 28,800", "28800"),
        ("A: -3", "-3"),
        ("so -$3.50 is left.", "-3.50"),
        ("$-5", "-5"),
        ("half of it, .5", ".5"),
        ("25% of 8", "8"),
        ("25%", "25"),
        ("A: 72...", "72"),
        ("it is 72 ...", "72"),
        ("15-10", "10"),
        ("3-4 hours", "4"),
        ("$10$20", "20"),
        ("A: 1/5", "5"),
        (r"\boxed{4} on day 2", "2"),
        ("<<2*9=18>>18 per day", "18"),
        ("1,000, 2,000, and so on", "2000"),
        ("no number at all", None),
        ("... , $", None),
        ("", None),
    ],
)
def test_the_last_number_is_the_harness_reading(text: str, answer: str | None) -> None:
    assert last_number(text) == answer


def test_every_gsm8k_answer_is_read_in_every_way(published: Published) -> None:
    rows = published("gsm8k_train.jsonl.gz") + published("gsm8k_test.jsonl")
    assert len(rows) == 8792
    for row in rows:
        gold = number_in(row["answer"].rpartition("#### ")[2])
        assert gold is not None
        assert strict(row["answer"]) == flexible(row["answer"]) == last_number(row["answer"]) == gold
