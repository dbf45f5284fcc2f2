from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sirev.grading import comparison, extract
from sirev.grading.algebra import equal_formulas
from sirev.grading.equivalence import LONGEST, Pair, at_a_glance, canonical, judge
from sirev.grading.grade import Reason
from sirev.grading.notation import notation
from tests.grading.conftest import Published
from tests.grading.mutations import mutants


def reasons(*pairs: Pair, seconds: float = 5, workers: int = 2) -> list[Reason]:
    return judge(pairs, seconds=seconds, workers=workers, progress=lambda done: None)


@pytest.mark.parametrize(
    ("gold", "answer", "reason"),
    [
        ("18", "18.00", "right"),
        ("018", "18", "right"),
        (".5", "0.5", "right"),
        ("5.", "5", "right"),
        ("-0", "0.0", "right"),
        ("18", "-18", "wrong"),
        ("0.333333", "0.3333333", "wrong"),
        ("1" + "0" * 10_000, "1" + "0" * 10_000 + ".0", "right"),
        ("1" + "0" * 10_000, "1" + "0" * 9_999 + "1", "wrong"),
        (r"\frac{", r" \frac{ ", "right"),
        ("", "", "right"),
        ("5", "", "wrong"),
        ("5", ".", "wrong"),
        ("0.5", r"\frac{1}{2}", "right"),
        ("1,000", "1000", "right"),
        (r"\sqrt{2}", r"\dfrac{2}{\sqrt2}", None),
        ("1, x^2", "x^2, 1", "right"),
        ("1, x^2", "x*x, 1", None),
        ("1, x^2", "x*x, 1, 2", "wrong"),
        ("5", "5" + " " * LONGEST, "right"),
        ("5", "5 apples" + "!" * LONGEST, "wrong"),
        (r"30^\circ.", r"30^\circ", "right"),
        (r"\left\{1\right.", r"\left\{1\right", "right"),
        (".", "0", "wrong"),
        ("-", "0", None),
    ],
)
def test_equal_texts_and_plain_decimals_need_no_algebra(gold: str, answer: str, reason: Reason | None) -> None:
    assert at_a_glance((gold, answer)) == reason


@settings(max_examples=3000, deadline=None)
@given(st.text("-.0019 x", max_size=12))
def test_a_plain_decimal_is_read_as_by_the_pattern_that_takes_cubic_time(text: str) -> None:
    found = re.fullmatch(r"(-?)0*([0-9]*)(?:\.([0-9]*?)0*)?", text)
    if found is None or not any(character.isdigit() for character in text):
        assert canonical(text) is None
    else:
        sign, whole, fraction = found.group(1), found.group(2), found.group(3) or ""
        assert canonical(text) == (bool(sign and (whole or fraction)), whole, fraction)


def test_different_writings_of_one_value_are_right() -> None:
    pairs = [
        (r"\frac{1}{2}", "1/2"),
        (r"\frac{1}{2}", r"\dfrac12"),
        ("0.5", r"\frac{1}{2}"),
        ("1,000", "1000"),
        (r"10\text{ units}", "10"),
        (r"\$10", "10"),
        (r"10\%", "10"),
        (r"x^2-4", r"(x-2)(x+2)"),
        (r"10\sqrt{3}+2", r"10\sqrt3 + \sqrt{4}"),
        (r"\text{(B)}", r"\text{B}"),
        ("x=5", "5"),
        (r"\frac{7}{5} + \frac{1}{5} i.", r"\frac{7+i}{5}"),
        (r"32,\!000", r"32{,}000"),
        ("1<x<2", "(1,2)"),
        (r"(-\infty, 3]", r"(-\infty,3]"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    ]
    assert reasons(*pairs) == ["right"] * len(pairs)


def test_other_values_are_wrong() -> None:
    pairs = [
        (r"\frac{1}{2}", "1/3"),
        ("5", "5,6"),
        ("5", "x"),
        ("(1,2)", "(2,1)"),
        ("[1,2]", "(1,2)"),
        (r"\text{Monday}", r"\text{Tuesday}"),
        ("x+1", "x-1"),
    ]
    assert reasons(*pairs) == ["wrong"] * len(pairs)


def test_equal_pairs_are_judged_once_and_all_counted() -> None:
    told: list[int] = []
    pairs = [(r"\sqrt{12}", r"2\sqrt{3}"), ("3", "3")] * 500
    assert judge(pairs, seconds=5, workers=2, progress=told.append) == ["right"] * 1000
    assert told == [500, 1000]


def test_malformed_and_huge_answers_are_wrong() -> None:
    answers = [
        "}{",
        r"\frac{",
        r"\frac{1}{0}",
        "1/0",
        r"\begin{pmatrix} 1",
        r"\left(",
        "x^{",
        "\x00",
        "\ud800",
        "$" * 5000,
        "{" * 100,
        "\\sqrt{" * 300 + "2" + "}" * 300,
        "2" * 50_000,
        "2" + "+2" * 500,
        r"\text{" + "ha " * 5000 + "}",
    ]
    pairs = [*((r"\frac{1}{2}", answer) for answer in answers), (r"\frac{1}{2}", "1/2")]
    assert reasons(*pairs, seconds=20) == ["wrong"] * len(answers) + ["right"]


def test_an_answer_that_takes_for_ever_is_a_timeout_and_its_neighbours_are_not() -> None:
    hostile = [r"9^{9^{9^{9^{9}}}}", r"\sin(10^{10^{10}})", "(" * 500]
    easy = [(r"\frac{1}{2}", f"{n}/{2 * n}") for n in range(1, 30)]
    pairs = [*easy[:10], *(("5", answer) for answer in hostile), *easy[10:]]
    assert reasons(*pairs, seconds=1) == ["right"] * 10 + ["timeout"] * len(hostile) + ["right"] * 19


def test_agreement_with_the_labelled_pairs_of_hendrycks(published: Published) -> None:
    rows = published("labelled/equiv_hendrycks_math.jsonl")
    found = reasons(*((row["a"], row["b"]) for row in rows))
    apart = {row["test"] for row, reason in zip(rows, found, strict=True) if (reason == "right") != row["expected"]}
    assert len(rows) == 16
    assert apart == {"test_order", "test_decimals"}  # a list without brackets is a set to Math-Verify, a tuple to the label


def golds(published: Published) -> list[str]:
    rows = published("math_train.jsonl.gz") + published("math_test.jsonl.gz")
    return list(dict.fromkeys(extract.boxed(row["solution"]) or "" for row in rows))


UNREAD = [r"-80\leq g(x)\leq 82", r"\frac{1}{7}\triangle ABC", "f(2) < f(1) < f(4)"]
"""Golds that equal only what is written as they are."""


def apart_from_themselves(some: list[str], patch: pytest.MonkeyPatch) -> list[str]:
    """Golds that don't equal themselves where no two answers are equal for being written alike."""
    patch.setattr(comparison, "_bare", lambda tokens: [object()])
    return [gold for gold in some if not comparison.same(notation(gold), notation(gold), equal_formulas)]


def test_golds_equal_themselves_by_what_is_read_of_them(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    some = random.Random(0).sample([gold for gold in golds(published) if gold], 300)
    assert not set(apart_from_themselves(some, monkeypatch)) - set(UNREAD)


def test_no_gold_that_is_changed_in_one_place_is_right(published: Published) -> None:
    some = random.Random(2).sample([gold for gold in golds(published) if gold], 150)
    assert_no_mutant_is_right(some)


def assert_no_mutant_is_right(some: list[str]) -> None:
    pairs = [(gold, mutant) for gold in some for _, mutant in mutants(gold)]
    assert len(pairs) > 3 * len(some)
    found = reasons(*pairs, seconds=20)
    assert [pair for pair, reason in zip(pairs, found, strict=True) if reason != "wrong"] == []


def test_another_way_to_write_a_fraction_changes_no_verdict(published: Published) -> None:
    fractions = [gold for gold in golds(published) if r"\frac" in gold]
    some = random.Random(1).sample(fractions, 150)
    pairs = [(gold, gold.replace(r"\frac", r"\dfrac").replace(" ", "  ")) for gold in some]
    assert reasons(*pairs, seconds=20) == ["right"] * len(some)


@pytest.mark.slow
def test_every_gold_of_math_equals_itself_by_what_is_read_of_it(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    every = golds(published)
    assert len(every) == 4329
    assert apart_from_themselves([gold for gold in every if gold], monkeypatch) == UNREAD


@pytest.mark.slow
def test_no_test_gold_of_math_that_is_changed_in_one_place_is_right(published: Published) -> None:
    rows = published("math_test.jsonl.gz")
    assert len(rows) == 5000
    assert_no_mutant_is_right(list(dict.fromkeys(extract.boxed(row["solution"]) or "" for row in rows)))
