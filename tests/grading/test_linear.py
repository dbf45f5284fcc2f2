"""What reads a model's text takes time in proportion to its length: it runs outside all limits, and the text may be hostile."""

from __future__ import annotations

import pytest

from tests.grading.hostile_texts import FUNCTIONS, SHAPES, growth

MOST_GROWTH = 3.5
"""For a text of twice the length; quadratic time is 4."""


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.slow
def test_twice_the_text_takes_twice_the_time(name: str) -> None:
    for told, shape in SHAPES.items():
        found = [growth(FUNCTIONS[name], shape, most=1 << 16, enough=0.005)]
        while found[-1][1] > MOST_GROWTH and len(found) < 5:  # another process may have been in the way
            found.append(growth(FUNCTIONS[name], shape, most=1 << 16, enough=0.005))
        assert found[-1][1] <= MOST_GROWTH, f"{told}: {found}"


def test_quadratic_time_would_be_noticed() -> None:
    def quadratic(text: str) -> int:
        return sum(text[:i].count("0") for i in range(0, len(text), 10))

    # As above: what another process takes may be added to the shorter text's time.
    found = (growth(quadratic, SHAPES["zeros, then a letter"], most=1 << 16, enough=0.1) for _ in range(5))
    assert any(grown > MOST_GROWTH for _, grown in found)
    assert len(SHAPES) >= 60
