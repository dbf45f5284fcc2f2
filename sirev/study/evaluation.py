"""What is asked of every M_t, and what is measured of its answers."""

from __future__ import annotations

from sirev.study.steps import Known, Model, Steps

Measures = dict[str, Known]
"""What was measured -> its artifact, as `sirev.stages.compare` names them."""


def evaluate(steps: Steps, t: int, model: Model, training_draws: tuple[Known, Known]) -> Measures:
    """Greedy answers for pass@1 (also on every OOD suite, by its own grader); draws for pass@N, coverage and diversity."""
    grader = steps.recipe.evaluation.grader
    greedy = steps.grade(t, "greedy", steps.greedy(t, model), grader)
    draws = steps.grade(t, "draws", steps.test_draws(t, model), grader)
    train = steps.grade(t, "train", training_draws, grader)
    measures = {
        "greedy": steps.measure(t, "greedy", "accuracy", greedy),
        "draws": steps.measure(t, "draws", "accuracy", draws),
        "train": steps.measure(t, "train", "accuracy", train),
    }
    if steps.answers_are_texts:
        measures["diversity"] = steps.measure(t, "diversity", "diversity", draws)
    for suite in sorted(steps.recipe.evaluation.ood):
        own = getattr(steps.recipe.evaluation.ood[suite], "grader", grader)
        answers = steps.grade(t, f"ood/{suite}", steps.greedy(t, model, suite), own)
        measures[f"ood/{suite}"] = steps.measure(t, f"ood/{suite}", "accuracy", answers)
    return measures
