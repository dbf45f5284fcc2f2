from __future__ import annotations

import pytest

from sirev.reporting.papers.paragraph import Paragraph, equation, numeral


@pytest.mark.parametrize(
    ("value", "set_"),
    [(0.002, "0.002"), (5e-05, "$5 \\times 10^{-5}$"), (1e-5, "$10^{-5}$"), (1, "1"), (2.5e-05, "$2.5 \\times 10^{-5}$")],
)
def test_small_numbers_are_powers_of_ten(value: float, set_: str) -> None:
    assert numeral(value) == set_


def test_an_equation_is_one_formula() -> None:
    assert equation("\\beta", 1e-05) == "$\\beta = 10^{-5}$"


def test_texts_are_escaped_and_citations_stand() -> None:
    paragraph = Paragraph()
    paragraph.say("50 % of ", "a_b", paragraph.cite("x2020y", "", "z2021"), " and M_t ", numeral(1e-5))
    assert paragraph.text() == "50 \\% of a\\_b~\\cite{x2020y,z2021} and $M_{t}$ $10^{-5}$."
    assert paragraph.keys == ["x2020y", "z2021"]


def test_nothing_is_cited_where_no_key_is_known() -> None:
    paragraph = Paragraph()
    paragraph.say("A model", paragraph.cite(""))
    assert (paragraph.text(), paragraph.keys) == ("A model.", [])
