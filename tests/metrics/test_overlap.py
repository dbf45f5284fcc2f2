from __future__ import annotations

import pytest

from sirev.metrics.overlap import Found, Wording, overlaps, summed


def words(text: str) -> list[str]:
    return text.split()


def test_a_share_is_of_a_questions_own_n_grams() -> None:
    asked = {"test": [words("a b c d e"), words("x y z w")]}
    known = [words("q a b c q"), words("c d e"), words("w z y x")]
    assert overlaps(asked, known, 3) == {"test": [Found(False, 2 / 3), Found(False, 0.0)]}


def test_a_question_is_known_as_a_whole_only_word_by_word() -> None:
    asked = {"test": [words("a b c d"), words("d c b a")], "other": [words("a b c d")]}
    found = overlaps(asked, [words("a b c d"), words("x d c b a")], 2)
    assert [[one.whole for one in some] for some in found.values()] == [[True, False], [True]]
    assert found["test"][1].share == 1.0


def test_a_question_shorter_than_an_n_gram_is_known_as_a_whole_or_not_at_all() -> None:
    asked = {"test": [words("a b"), words("a c")]}
    assert overlaps(asked, [words("a b"), words("x a c")], 8)["test"] == [Found(True, 1.0), Found(False, 0.0)]


def test_without_n_grams_only_wholes_are_told() -> None:
    found = overlaps({"test": [words("a b"), words("a c")]}, [words("a b")], None)["test"]
    assert summed(found) == {"whole": 1, "half": None, "share": None}


def test_the_words_of_a_template_are_left_out_and_some_words_of_each_prompt_stay() -> None:
    prompts = [words("Solve this : 1 + 2 Answer :"), words("Solve this : 3 Answer :")]
    wording = Wording.of(prompts)
    assert (wording.begin, wording.end) == (("Solve", "this", ":"), ("Answer", ":"))
    assert [wording.without(prompt) for prompt in prompts] == [("1", "+", "2"), ("3",)]
    assert wording.without(words("Solve this riddle Answer :")) == ("Solve", "this", "riddle", "Answer", ":")
    same = Wording.of([words("a b c"), words("a b c")])
    assert same.without(words("a b c")) != ()
    assert Wording.of([words("a b c")]) == Wording()


@pytest.mark.parametrize(("shares", "half", "mean"), [((0.5, 0.49, 1.0), 2, 1.99 / 3), ((0.0,), 0, 0.0)])
def test_what_is_known_of_several_is_counted(shares: tuple[float, ...], half: int, mean: float) -> None:
    found = summed([Found(False, share) for share in shares])
    assert (found["whole"], found["half"], found["share"]) == (0, half, pytest.approx(mean))


def test_nothing_is_known_of_no_question() -> None:
    assert overlaps({"test": []}, [words("a b")], 8) == {"test": []}
    assert summed([]) == {"whole": 0, "half": None, "share": None}
