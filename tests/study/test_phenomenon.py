"""The recipe `tiny` shows what it is there to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sirev


def value(iteration: dict[str, Any], *path: str) -> float:
    found: Any = iteration
    for key in path:
        found = found[key]
    assert found["value"] is not None
    return float(found["value"])


@pytest.mark.parametrize(
    "methods", [pytest.param(["sft"], marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.soak, id="all")]
)
def test_pass_at_1_rises_while_answers_grow_alike(methods: list[str] | None, tmp_path: Path) -> None:
    found = sirev.iterate("tiny", methods=methods, store=tmp_path / "store")
    results = {result.method: result.iterations for result in found}
    gains = {method: value(last, "pass_at_1") - value(first, "pass_at_1") for method, (first, *_, last) in results.items()}
    first, *_, last = results["sft"]
    assert gains["sft"] >= 0.10
    for measure in (("diversity", "all", "distinct_n", "mean"), ("diversity", "all", "distinct_equations")):
        assert value(last, *measure) <= 0.6 * value(first, *measure)
    # What M_5 gains was mostly within reach of M_1; the curve rises from N = 2, so this is not true by itself.
    curve = last["improvement_set"]["m1_pass_at_n"]
    assert curve["2"]["value"] < 0.6 < 0.9 < curve["32"]["value"]
    for method, iterations in results.items():
        assert gains[method] > 0
        assert value(iterations[-1], "diversity", "all", "distinct_n", "mean") < value(
            first, "diversity", "all", "distinct_n", "mean"
        )
