"""The recipe `tiny` shows what it is there to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.margins import MARGIN

FEWER = ["task.test=120", "evaluation.ood.longer=null"]
"""Evaluated on less; M_0 comes with sirev, and the models are those of the recipe. The inverse problems are needed, all 250."""


def value(iteration: dict[str, Any], *path: str) -> float:
    found: Any = iteration
    for key in path:
        found = found[key]
    assert found["value"] is not None
    return float(found["value"])


@pytest.mark.parametrize(
    ("methods", "overrides"),
    [
        pytest.param(["sft"], FEWER, marks=pytest.mark.slow, id="sft"),
        pytest.param(None, [], marks=pytest.mark.soak, id="all"),
    ],
)
def test_pass_at_1_rises_while_answers_grow_alike_and_other_problems_are_unlearnt(
    methods: list[str] | None, overrides: list[str], tmp_path: Path
) -> None:
    found = sirev.iterate("tiny", methods=methods, overrides=overrides, store=tmp_path / "store")
    results = {result.method: result.iterations for result in found}
    for iterations in results.values():
        first, *_, last = iterations
        assert value(last, "pass_at_1") > value(first, "pass_at_1")
        assert value(last, "diversity", "all", "distinct_n", "mean") < value(first, "diversity", "all", "distinct_n", "mean")
    first, *_, last = results["sft"]
    assert value(last, "pass_at_1") - value(first, "pass_at_1") >= 0.10
    for measure in (("diversity", "all", "distinct_n", "mean"), ("diversity", "all", "distinct_equations")):
        assert value(last, *measure) <= 0.6 * value(first, *measure)
    # What M_5 gains was mostly within reach of M_1; the curve rises from N = 2, so this is not true by itself.
    curve = last["improvement_set"]["m1_pass_at_n"]
    assert curve["2"]["value"] < 0.6 < 0.8 < curve["16"]["value"]
    # Of the other question, which post-training never asks, fewer problems are within reach than before.
    inverse = [model["ood"]["inverse"]["pass_at_n"]["16"]["value"] for model in (first, last)]
    assert inverse[1] < inverse[0] - MARGIN
