"""Null runs: controls for a method's gains and losses, in which no method is at work.

Each is a run of its own. It gets M_0, M_1 and a method's M_t from the store, with the steps of that method's run, and its first
iteration is M_1 itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast, get_args

from sirev.errors import BadInput
from sirev.metrics.comparison.nulls import GOLD, NULL, RESAMPLE, RETRAIN
from sirev.recipe import Method
from sirev.store.artifacts import Artifact
from sirev.store.runs import Run
from sirev.study.algorithm import RunOutcome, early_end, first_models, iterations, self_improve
from sirev.study.evaluation import Evaluated, evaluate_model, with_embeddings
from sirev.study.step_names import GREEDY_ANSWERS, parse_step, suite_split
from sirev.study.steps import Steps
from sirev.suggest import suggest

Null = Literal["resample", "retrain", "gold"]
_NULLS: tuple[Null, ...] = get_args(Null)
RETRAINED = 3
"""Least and default number of repeated trainings of M_1."""


def follow(steps: Steps, method: str, retrained: int = RETRAINED) -> RunOutcome:
    """Follow a run to its end: a method's, or a null run's."""
    if method == RESAMPLE:
        return resample(steps)
    if method == RETRAIN:
        return retrain(steps, retrained)
    if method.startswith(GOLD):
        return gold(steps, cast(Method, method.removeprefix(GOLD)))
    return self_improve(steps, cast(Method, method))


def null_methods(nulls: Iterable[str], methods: Sequence[str], retrained: int) -> list[str]:
    """The null runs requested in addition to the methods; BadInput for an unknown null run or a wrong count."""
    found: list[str] = []
    named = list(nulls)
    for null in named:
        if null not in _NULLS:
            raise BadInput(f"--null {null}: unknown null run{suggest(null, list(_NULLS))}")
        found += [f"{GOLD}{method}" for method in methods] if null == "gold" else [f"{NULL}{null}"]
    if retrained < RETRAINED:
        raise BadInput(f"--null-count {retrained}: a noise floor needs at least {RETRAINED} trainings")
    if retrained != RETRAINED and "retrain" not in named:
        raise BadInput(f"--null-count {retrained}: only --null retrain reads it")
    return list(dict.fromkeys(found))


def retrained_in(run: Run) -> int:
    """The number of models trained by a run of null-retrain; RETRAINED if it has pinned none."""
    return sum(parse_step(step).is_null for step in run.pins) or RETRAINED


def resample(steps: Steps) -> RunOutcome:
    """Evaluate M_1 twice. Its draws show the noise of sampling, its greedy answers the effect of the engine's rounding.

    On a GPU the last bits of a sum depend on the rest of the batch, unless the recipe sets `engine.batch_invariant`.
    """
    _, _, m1 = first_models(steps)
    evaluated = {1: evaluate_model(steps, 1, m1), 2: evaluate_model(steps, 2, m1, again=True, like_first=True)}
    suites: list[str | None] = [None, *sorted(steps.recipe.evaluation.ood)]
    asked = {
        suite_split(suite) if suite else GREEDY_ANSWERS: (
            steps.greedy(1, m1, suite)[1],
            steps.greedy(2, m1, suite, again=True)[1],
        )
        for suite in suites
    }
    agreement = steps.agree(1, asked)
    said = said_of(agreement) if isinstance(agreement, Artifact) else None
    return RunOutcome(steps.compare(RESAMPLE, with_embeddings(steps, evaluated)), None, {1: said} if said else {}, said)


def said_of(agreement: Artifact) -> str:
    """The result of the stage `agree`, from a null-resample run's step "agree:1", in one line about the engine."""
    counts = agreement.json("agreement.json")
    differ, answers = counts["differ"], counts["answers"]
    found = f"{differ} of {answers} differ ({differ / answers:.1%})" if differ else "identical"
    return f"greedy answers of M_1 asked twice: {found}"


def retrain(steps: Steps, count: int) -> RunOutcome:
    """Train M_1 `count` times more from M_0 with other random numbers, to show how much equal trainings differ."""
    m0, data, m1 = first_models(steps)
    evaluated = {1: evaluate_model(steps, 1, m1)}
    for t in range(2, count + 2):
        evaluated[t] = evaluate_model(steps, t, steps.train_again(t, init=m0, data=data), like_first=True)
    return RunOutcome(steps.compare(RETRAIN, with_embeddings(steps, evaluated)), None, {})


def gold(steps: Steps, method: Method) -> RunOutcome:
    """M'_1 = M_1, then SFT of M'_{t-1} on gold answers for as many optimizer steps as the method's M_t: training alone.

    Where the method had nothing to train on, this run trains nothing either: it ends, or continues with the same model, as the
    method did.
    """
    notes: dict[int, str] = {}
    evaluated: dict[int, Evaluated] = {}
    for m in iterations(steps, method, notes):
        if m.t == 1:
            null = m.model
            assert m.data is not None
            answers = m.data  # D
        elif m.data is not None:
            init = null if steps.recipe.init_from == "previous" else steps.base_model()
            null = steps.train_on_gold(m.t, init, answers, instead_of=(m.kind, m.model, m.data))
        evaluated[m.t] = evaluate_model(steps, m.t, null)
    return RunOutcome(steps.compare(f"{GOLD}{method}", with_embeddings(steps, evaluated)), early_end(steps, m.t, notes), notes)
