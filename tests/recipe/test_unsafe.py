from __future__ import annotations

import pytest

from sirev.errors import BadInput
from sirev.recipe import allow_unsafe_code, load_recipe
from sirev.recipe.sections import ProgramGrader, TaskSuite


def test_every_grader_that_runs_programs_gives_way_and_nothing_else() -> None:
    recipe = load_recipe("mistral_mbpp")
    allowed = allow_unsafe_code(recipe)
    suite = allowed.evaluation.ood["humaneval"]
    assert isinstance(suite, TaskSuite)
    graders = (allowed.training.grader, allowed.evaluation.grader, suite.grader)
    assert [grader.sandbox for grader in graders if isinstance(grader, ProgramGrader)] == ["C"] * 3
    before, after = recipe.settings(), allowed.settings()
    for settings in (before, after):
        for part in ("training", "evaluation"):
            del settings[part]["grader"]["sandbox"]
        del settings["evaluation"]["ood"]["humaneval"]["grader"]["sandbox"]
    assert before == after


def test_a_recipe_without_programs_has_nothing_to_allow() -> None:
    with pytest.raises(BadInput, match="mistral_gsm8k runs no programs"):
        allow_unsafe_code(load_recipe("mistral_gsm8k"))
