from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.metrics import distinct
from sirev.metrics.distinct import (
    ORDERS,
    distinct_share,
    expected_distinct,
    histogram,
    histogram_of_forms,
    n_grams,
    tokens,
)
from sirev.metrics.equations import equations
from tests.grading.hostile_texts import is_linear

ANSWERS = st.lists(st.text("ab .,3\n", max_size=12), max_size=7)


def distinct_n(answers: Sequence[str]) -> list[float | None]:
    """Distinct-N for every n of ORDERS."""
    return [one.distinct / int(one.totals.sum()) if one.totals.sum() else None for one in n_grams(answers)]


def test_tokens_keep_numbers_whole_and_signs_apart() -> None:
    assert tokens("He pays 3.5*2 = 7.") == ["He", "pays", "3.5", "*", "2", "=", "7", "."]
    assert tokens("$1,000.50, 1,2 and x_1") == ["$", "1,000.50", ",", "1", ",", "2", "and", "x_1"]
    assert tokens("12,3456 v1.2.3") == ["12", ",", "3456", "v1", ".", "2.3"]


def test_a_line_end_is_a_token_however_it_is_written() -> None:
    assert tokens("3\n5") == ["3", "\n", "5"]
    assert tokens("a \r\n\n b\rc") == ["a", "\n", "\n", "b", "\n", "c"]


def test_distinct_n_worked_by_hand() -> None:
    # a b a a b; ab ba ab; aba
    assert distinct_n(["a b a", "a b"]) == [2 / 5, 2 / 3, 1.0, None, None]
    assert distinct_n([]) == [None] * 5
    assert distinct_n(["", " "]) == [None] * 5


def test_n_grams_do_not_run_from_one_answer_into_the_next() -> None:
    assert distinct_n(["a", "b"])[1] is None


def by_tuples(answers: Sequence[str], n: int) -> list[set[tuple[str, ...]]]:
    tokenised = [tokens(answer) for answer in answers]
    return [{tuple(answer[i : i + n]) for i in range(len(answer) - n + 1)} for answer in tokenised]


@given(ANSWERS, st.data())
def test_n_grams_are_those_of_tuples(answers: list[str], data: st.DataObject) -> None:
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(answers), max_size=len(answers))), bool)
    for n, found in zip(ORDERS, n_grams(answers), strict=True):
        expected = by_tuples(answers, n)
        assert found.totals.tolist() == [max(len(tokens(answer)) - n + 1, 0) for answer in answers]
        assert found.distinct == len(set().union(*expected))
        for picked in (None, chosen):
            of_them = [
                grams for grams, yes in zip(expected, chosen if picked is not None else [True] * len(answers), strict=True) if yes
            ]
            by_hand = sorted(sum(gram in grams for grams in of_them) for gram in set().union(*of_them))
            assert sorted(held for held in found.held_by(picked).tolist() if held) == by_hand


@given(ANSWERS)
def test_n_grams_too_many_for_one_number_are_sorted_another_way(answers: list[str]) -> None:
    quick = [(one.distinct, sorted(one.held_by().tolist())) for one in n_grams(answers)]
    with pytest.MonkeyPatch.context() as patch:
        ascending = distinct._ascending
        patch.setattr(distinct, "_ascending", lambda code, whole, codes: ascending(code, whole, 2**63))
        assert [(one.distinct, sorted(one.held_by().tolist())) for one in n_grams(answers)] == quick


def test_distinct_n_as_nltk_has_it() -> None:
    util = pytest.importorskip("nltk.util")
    answers = ["3 + 4 = 7\nso 7 - 2 = 5", "first 3 + 4 = 7, then 5", "3 + 4 = 7\nso 7 - 2 = 5 and 5"]
    expected = []
    for n in ORDERS:
        grams = [gram for answer in answers for gram in util.ngrams(tokens(answer), n)]
        expected.append(len(set(grams)) / len(grams))
    assert distinct_n(answers) == expected


@pytest.mark.parametrize(
    "shape",
    [lambda n, part=part: part * (n // len(part)) for part in ("1", "1+", "(", "1 ", "1,111")] + [lambda n: "1" + " " * n],
)
def test_no_text_takes_long(shape: Callable[[int], str]) -> None:
    def read(text: str) -> None:
        assert equations(text) == ()
        tokens(text)

    assert is_linear(read, shape, 50_000)


def test_distinct_equations_ignore_words_and_see_order() -> None:
    same = ["so 1 + 2 = 3, 3 + 4 = 7", "first 1+2=3 then 3 + 4 = 7 !"]
    other = "3 + 4 = 7, 1 + 2 = 3"
    assert distinct_share([*map(equations, same)]) == 0.5
    assert distinct_share([equations(text) for text in (*same, other)]) == pytest.approx(2 / 3)
    assert distinct_share([]) is None


def test_size_matched_worked_by_hand() -> None:
    # Forms a a b: of the 3 pairs of answers one has 1 form and two have 2, 5/3 on average, of 2 that there could be.
    assert expected_distinct(histogram_of_forms(["a", "a", "b"]), 3, 2, 3) == pytest.approx(5 / 6)
    assert expected_distinct(histogram_of_forms("aaaa"), 4, 4, 4) == 0.25
    assert expected_distinct(histogram_of_forms("abcd"), 4, 2, 4) == 1.0
    assert expected_distinct(histogram_of_forms("abc"), 3, 4, 3) is None
    assert expected_distinct(histogram_of_forms(""), 0, 4, 0) is None


def over_all_subsets(sets: Sequence[set[Hashable]], m: int) -> float:
    """The mean number of different items in m of the sets."""
    return sum(len(set().union(*picked)) for picked in combinations(sets, m)) / comb(len(sets), m)


@given(ANSWERS, st.integers(1, 5))
def test_size_matched_n_grams_are_the_mean_over_all_subsets(answers: list[str], m: int) -> None:
    for n, found in zip(ORDERS, n_grams(answers), strict=True):
        total = int(found.totals.sum())
        value = expected_distinct(histogram(found.held_by()), len(answers), m, total)
        if len(answers) < m or not total:
            assert value is None
        else:
            assert value == pytest.approx(over_all_subsets([*by_tuples(answers, n)], m) / (m * total / len(answers)))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=8), st.integers(1, 8))
def test_size_matched_forms_are_the_mean_over_all_subsets(forms: list[str], m: int) -> None:
    value = expected_distinct(histogram_of_forms(forms), len(forms), m, len(forms))
    assert value == (pytest.approx(over_all_subsets([{form} for form in forms], m) / m) if m <= len(forms) else None)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9))
def test_matched_to_its_own_size_a_set_is_as_distinct_as_it_is(forms: list[str]) -> None:
    size = len(forms)
    assert expected_distinct(histogram_of_forms(forms), size, size, size) == pytest.approx(distinct_share(forms))
