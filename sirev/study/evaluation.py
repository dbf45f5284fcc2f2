"""The evaluation of every M_t: what is asked, and what is measured of its answers."""

from __future__ import annotations

from sirev.metrics.families import of_draws
from sirev.study.step_names import drawn_suite, suite_split
from sirev.study.steps import ModelWeights, StepResult, Steps

MeasureResults = dict[str, StepResult]
"""What was measured -> its artifact, as `sirev.stages.compare` names them."""


def evaluate(
    steps: Steps,
    t: int,
    model: ModelWeights,
    training_draws: tuple[StepResult, StepResult] | None = None,
    *,
    again: bool = False,
    like_first: bool = False,
) -> MeasureResults:
    """Greedy answers for pass@1 (also on every OOD suite, by its own grader); draws for pass@N, coverage and diversity.

    A null run's model has no training draws, and no sweep of temperatures. M_1 asked `again` answers anew. `like_first`: a null
    run's model that stands beside M_1, so that it is asked all that M_1 is.
    """
    asked = steps.recipe.evaluation
    at_an_end = like_first or t in (1, steps.recipe.T)
    greedy = steps.grade(t, "greedy", steps.greedy(t, model, again=again), asked.grader)
    draws = steps.grade(t, "draws", steps.test_draws(t, model, again=again), asked.grader)
    measures = {
        "greedy": steps.measure(t, "greedy", "accuracy", greedy),
        "draws": steps.measure(t, "draws", "accuracy", draws),
    }
    if training_draws is not None:
        train = steps.grade(t, "train", training_draws, asked.grader)
        measures["train"] = steps.measure(t, "train", "accuracy", train)
    for family in of_draws(steps.answers):
        measures[family] = steps.measure(t, family, family, draws)
    for suite in sorted(asked.ood):
        own = getattr(asked.ood[suite], "grader", asked.grader)
        answers = steps.grade(t, f"ood/{suite}", steps.greedy(t, model, suite, again=again), own)
        measures[f"ood/{suite}"] = steps.measure(t, f"ood/{suite}", "accuracy", answers)
        drawn = steps.suite_draws(t, model, suite, again=again) if at_an_end or asked.ood[suite].draws_at == "every" else None
        if drawn is not None:
            kind = suite_split(drawn_suite(suite))
            measures[f"ood_draws/{suite}"] = steps.measure(t, kind, "accuracy", steps.grade(t, kind, drawn, own))
    for temperature in asked.temperatures if training_draws is not None and t in (1, steps.recipe.T) else ():
        what = f"temperature/{temperature}"
        answers = steps.grade(t, what, steps.test_draws(t, model, temperature=temperature), asked.grader)
        measures[what] = steps.measure(t, what, "accuracy", answers)
    # Last: on a GPU another model takes the place of the one that answers.
    if (embedded := steps.embed(t, draws)) is not None:
        measures["embedding"] = embedded
    return measures
