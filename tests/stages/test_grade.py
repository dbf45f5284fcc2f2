from __future__ import annotations

from pathlib import Path

import sirev
from sirev.stages.grade import parameters_for
from sirev.stages.stage import keyed_parameters
from tests.conftest import Study


def test_another_grader_of_the_evaluation_regrades_and_never_trains_or_samples(smoke: Study, smoke_copy: Path) -> None:
    # A heavy grader, so it also runs in a child; it reads the same numbers, so what follows is cut off.
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.grader=gsm8k_strict"], store=smoke_copy)
    assert {step.partition("/")[0].partition(":")[0] for step in result.computed} <= {"grade", "measure", "compare"}
    assert any(step.startswith("grade/draws") for step in result.computed)
    assert [i["pass_at_1"] for i in result.iterations] == [i["pass_at_1"] for i in smoke.of("sft").iterations]


def test_another_grader_of_the_training_leaves_the_evaluations_grades_alone(smoke_copy: Path) -> None:
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["training.grader=gsm8k_strict"], store=smoke_copy)
    assert {step for step in result.computed if step.startswith("grade/")} == {f"grade/select:{t}" for t in (1, 2)}


def test_the_limit_of_a_grader_that_takes_no_time_is_in_no_key() -> None:
    assert keyed_parameters(parameters_for("letter", 3.0)) == keyed_parameters(parameters_for("letter", 10.0))
    assert keyed_parameters(parameters_for("math", 3.0)) != keyed_parameters(parameters_for("math", 10.0))
