"""Permission for unconfined programs, for one invocation instead of in the recipe."""

from __future__ import annotations

from sirev.errors import BadInput
from sirev.recipe.sections import Grader, OwnGrader, ProgramGrader, Recipe, TaskSuite


def allow_unsafe_code(recipe: Recipe) -> Recipe:
    """The recipe with `sandbox: C` for every grader that runs programs; BadInput if it has none.

    The result has other keys, so that unconfined verdicts are never taken for a sandbox's.
    """
    training, evaluation = recipe.training, recipe.evaluation
    suites = {name: suite for name, suite in evaluation.ood.items() if isinstance(suite, TaskSuite)}
    graders = [training.grader, evaluation.grader, *(suite.grader for suite in suites.values())]
    if not any(isinstance(grader, ProgramGrader | OwnGrader) for grader in graders):
        raise BadInput(f"--allow-unsafe-code: the recipe {recipe.name} runs no programs")
    ood = {name: suite.model_copy(update={"grader": _unconfined(suite.grader)}) for name, suite in suites.items()}
    return recipe.model_copy(
        update={
            "training": training.model_copy(update={"grader": _unconfined(training.grader)}),
            "evaluation": evaluation.model_copy(
                update={"grader": _unconfined(evaluation.grader), "ood": {**evaluation.ood, **ood}}
            ),
        }
    )


def _unconfined(grader: Grader) -> Grader:
    return grader.model_copy(update={"sandbox": "C"}) if isinstance(grader, ProgramGrader) else grader
