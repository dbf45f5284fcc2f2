from __future__ import annotations

from sirev.grading.unread import unread, unread_in_words

READ, NONE = "right", "no answer found"


def test_a_tenth_may_go_unread() -> None:
    assert unread(["x"] * 10, [NONE] + [READ] * 9, "math") is None
    found = unread(["x"] * 10, [NONE] * 2 + [READ] * 8, "math")
    assert found is not None
    assert (found["unread"], found["of"]) == (2, 10)


def test_the_reader_that_reads_most_is_named() -> None:
    texts = [f"So the answer is \\boxed{{{i}}}." for i in range(30)]
    found = unread(texts, [NONE] * 30, "letter")
    assert found is not None
    named = {name: (count, right) for name, count, right in found["readers"]}
    assert named["math"] == (30, None)
    assert "letter" not in named
    assert f"{found['readers'][0][0]} would read 30 of 30" in unread_in_words(found)


def test_of_readers_the_one_goes_first_that_reads_what_the_gold_answers_are() -> None:
    texts = [f"It is \\boxed{{x + {i}}}, of degree {i}." for i in range(20)]
    found = unread(texts, [NONE] * 20, "letter", [f"x + {i}" for i in range(20)])
    assert found is not None
    assert found["readers"][0] == ["math", 20, 20]
    assert "math would read 20 of 20 of them, 20 as the gold answer" in unread_in_words(found)


def test_where_no_reader_finds_anything_that_is_said() -> None:
    found = unread(["dunno"] * 3, [NONE] * 3, "gsm8k_strict")
    assert found is not None
    assert "no other grader reads one either" in unread_in_words(found)


def test_programs_are_not_tried_on_readers_of_texts() -> None:
    found = unread(["The answer is 4."] * 3, ["no code found"] * 3, "mbpp")
    assert found is not None
    assert found["readers"] == []
