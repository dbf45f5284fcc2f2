from __future__ import annotations

import json
from typing import Any, get_args

import numpy as np
import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.contents import Comparison, Field, Iteration
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.measures import Measures
from sirev.store.digests import canonical_json
from tests.conftest import Study
from tests.metrics.comparison.studies import draws, study
from tests.typed import misfits


def written(comparison: Any) -> Any:
    return json.loads(canonical_json(comparison))


def test_a_comparison_is_what_its_types_say_it_is() -> None:
    runs = study(np.random.default_rng(0), 60, later=0.1, methods=("sft", "dpo"), seeds=(0, 1))
    again = RunMeasures("null-retrain", 0, {1: runs[0].models[1], 2: runs[2].models[2], 3: runs[3].models[2]})
    found = written(compare([*runs, again], "math", None, ComparisonSettings(replicates=100)))
    assert list(misfits(found, Comparison)) == []
    assert found["verdicts"][0]["noise"] is not None


@pytest.mark.parametrize("answers", ["code", "letters"])
def test_so_is_one_of_draws_alone(answers: str) -> None:
    models = {t: Measures(None, draws(8, {"a": t, "b": 2})) for t in (1, 2)}
    runs = [RunMeasures("samples", 0, models)]
    found = written(compare(runs, answers, 0.2, ComparisonSettings(replicates=100, from_draws=True)))
    assert list(misfits(found, Comparison)) == []
    assert "pass_at_1_from" in found["runs"][0]


def test_so_is_that_of_a_run(smoke: Study) -> None:
    found = smoke.artifact("dpo", "compare").json("comparison.json")
    assert list(misfits(found, Comparison)) == []


def test_a_wrong_field_is_seen() -> None:
    runs = study(np.random.default_rng(0), 40)
    found = written(compare(runs, "math", None, ComparisonSettings(replicates=100)))
    first = found["runs"][0]["iterations"][0]
    first["pass_at_one"] = first.pop("pass_at_1")
    first["reach"]["p"] = "0.1"
    assert sorted(misfits(found, Comparison)) == [
        ".runs[].iterations[].pass_at_1 is missing",
        ".runs[].iterations[].pass_at_one is not in Iteration",
        ".runs[].iterations[].reach.p: '0.1' is no <class 'float'>",
    ]


def test_every_field_of_an_iteration_can_be_named() -> None:
    assert {*get_args(Field)} == Iteration.__annotations__.keys() - {"t"}
