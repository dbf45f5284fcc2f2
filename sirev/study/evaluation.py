"""Evaluation of every M_t: the questions, and the measures of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sirev.metrics.families import diversity, likelihood, of_draws
from sirev.study.step_names import DRAWS, GREEDY_ANSWERS, drawn_suite, suite_split
from sirev.study.steps import GradedAnswers, ModelWeights, StepResult, Steps

MeasureResults = dict[str, StepResult]
"""Name of a measure, as in `sirev.stages.compare` -> its artifact."""


@dataclass
class Evaluated:
    """All measures of an M_t's answers except embeddings, and the draws to embed."""

    measures: MeasureResults
    draws: GradedAnswers


SCORED_DRAWS = 4
"""Draws of M_1 scored per problem: a perplexity is a mean over thousands of tokens, so more are not needed."""


def evaluate_model(
    steps: Steps,
    t: int,
    model: ModelWeights,
    training_draws: tuple[StepResult, StepResult] | None = None,
    *,
    first: ModelWeights | None = None,
    again: bool = False,
    like_first: bool = False,
) -> Evaluated:
    """Evaluate M_t: greedy answers for pass@1, also on OOD suites by their graders; draws for pass@N, coverage and diversity.

    `first` is M_1, under which answers of M_1 and M_T are scored. A null run's model has no training draws, no sweep of
    temperatures and no scores. `again`: M_1 answers a second time, its draws with other random numbers. `like_first`: a null
    run's model is evaluated on everything that M_1 is.
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
            graded = steps.grade(t, kind, drawn, own)
            measures[f"ood_draws/{suite}"] = steps.measure(t, kind, "accuracy", graded)
            if (answers_are := steps.suite_answers(suite)) != "letters":
                family = diversity.FAMILY.name
                measured = steps.measure(t, f"{kind}/{family}", family, graded, answers_are=answers_are)
                measures[f"ood_{family}/{suite}"] = measured
    for temperature in asked.temperatures if first is not None and t in (1, steps.recipe.T) else ():
        what = f"temperature/{temperature}"
        answers = steps.grade(t, what, steps.test_draws(t, model, temperature=temperature), asked.grader)
        measures[what] = steps.measure(t, what, "accuracy", answers)
    if first is not None and t in (1, steps.recipe.T):
        measures |= _scored(steps, t, greedy, draws, first)
    return Evaluated(measures, draws)


def with_embeddings(steps: Steps, evaluated: Mapping[int, Evaluated]) -> dict[int, MeasureResults]:
    """All measures of every M_t, including embedded draws.

    Embeddings come last, for all t together: on a GPU the embedding model replaces the one that answers, and is loaded once.
    """
    found = {}
    for t, of_model in evaluated.items():
        measured = steps.embed(t, of_model.draws)
        found[t] = of_model.measures if measured is None else {**of_model.measures, "embedding": measured}
    return found


def scored_last(steps: Steps, t: int, model: ModelWeights, first: ModelWeights) -> MeasureResults:
    """M_t's greedy answers scored under M_1, for a run that ended at this t, before T."""
    greedy = steps.grade(t, "greedy", steps.greedy(t, model), steps.recipe.evaluation.grader)
    return _scored(steps, t, greedy, None, first)


def _scored(steps: Steps, t: int, greedy: GradedAnswers, draws: GradedAnswers | None, first: ModelWeights) -> MeasureResults:
    """Likelihood of M_t's greedy answers under M_1, and at t = 1 also of some of M_1's draws."""
    measures: MeasureResults = {}
    if (scores := steps.score(t, GREEDY_ANSWERS, greedy, first)) is not None:
        name = likelihood.FAMILY.name
        measures[name] = steps.measure(t, name, name, greedy, scores)
    if t == 1 and draws is not None and (scores := steps.score(t, DRAWS, draws, first, SCORED_DRAWS)) is not None:
        measures[likelihood.OF_DRAWS] = steps.measure(t, likelihood.OF_DRAWS, likelihood.FAMILY.name, draws, scores)
    return measures
