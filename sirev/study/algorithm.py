"""Algorithm 1 of "Progress or Regress?" (arXiv 2407.05013): a model trains on its own verified answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sirev.errors import BadInput
from sirev.recipe import Method
from sirev.store.artifacts import Artifact
from sirev.study.evaluation import Evaluated, evaluate_model, scored_last, with_embeddings
from sirev.study.steps import GradedAnswers, ModelWeights, StepResult, Steps
from sirev.training_kinds import SFT, TrainingKind


@dataclass(frozen=True)
class RunOutcome:
    """The end of a run: the comparison of its models, the reason if it stopped early, and notes by t.

    `remark` goes into the file of a run that was completed.
    """

    comparison: StepResult
    stopped: str | None
    notes: dict[int, str]
    remark: str | None = None


@dataclass(frozen=True)
class LoopIteration:
    """M_t, its draws for D_{t+1}, and the D_t on which a step of `kind` trained it, if there was one."""

    t: int
    model: ModelWeights
    draws: tuple[StepResult, StepResult]
    kind: TrainingKind
    data: StepResult | None


def self_improve(steps: Steps, method: Method) -> RunOutcome:
    """Run Algorithm 1, and evaluate every M_t."""
    notes: dict[int, str] = {}
    evaluated: dict[int, Evaluated] = {}
    first: ModelWeights | None = None
    for m in iterations(steps, method, notes):
        first = first or m.model
        evaluated[m.t] = evaluate_model(steps, m.t, m.model, m.draws, first=first)
    assert first is not None
    if 1 < m.t < steps.recipe.T:  # the run ended early
        evaluated[m.t].measures |= scored_last(steps, m.t, m.model, first)
    return RunOutcome(steps.compare(method, with_embeddings(steps, evaluated)), early_end(steps, m.t, notes), notes)


def iterations(steps: Steps, method: Method, notes: dict[int, str]) -> Iterator[LoopIteration]:
    """M_1 <- SFT(M_0 | D), then M_t <- F_t(M_{t-1} | D_t) with D_t from answers sampled from M_{t-1}.

    `notes` receives, by t, why a D_t has nothing to teach.
    """
    recipe = steps.recipe
    m0, data, m = first_models(steps)
    draws, answers = _drawn(steps, 1, m)
    yield LoopIteration(1, m, draws, SFT, data)
    learned = (SFT, data)  # the last training set of M_{t-1}
    for t in range(2, recipe.T + 1):
        kind = recipe.schedule_of(method)[t - 2]
        assert answers is not None
        previous = learned[1] if learned[0] == kind else None
        data = steps.select(t, kind, answers, previous)  # D_t: the correct ones, or (correct, incorrect) pairs
        if trouble := degenerate(data):
            notes[t] = trouble
            if recipe.training.on_degenerate == "stop":
                return
        new = not trouble or trouble == "nothing new"  # else there is nothing to train on, and M_t is M_{t-1}
        if new:
            init = m if recipe.init_from == "previous" else m0
            reference = m if kind.has_reference else None  # DPO's is always M_{t-1}, never the base model
            m = steps.train(t, kind, init=init, data=data, reference=reference)  # M_t <- F_t(M_{t-1} | D_t)
            learned = (kind, data)
        draws, answers = _drawn(steps, t, m)  # N answers y_ij per x_i from M_t
        yield LoopIteration(t, m, draws, kind, data if new else None)


def _drawn(steps: Steps, t: int, m: ModelWeights) -> tuple[tuple[StepResult, StepResult], GradedAnswers | None]:
    """The training draws of M_t, and before M_T their grades, ahead of all other steps because D_{t+1} waits for them."""
    draws = steps.training_draws(t, m)
    return draws, steps.grade(t, "select", draws, steps.recipe.training.grader) if t < steps.recipe.T else None


def first_models(steps: Steps) -> tuple[ModelWeights, StepResult, ModelWeights]:
    """M_0, D, and M_1 <- SFT(M_0 | D). Raises BadInput where D has nothing to teach."""
    steps.all_problems()
    steps.overlap()
    m0 = steps.base_model()
    data = steps.gold_answers(m0)
    if trouble := degenerate(data):  # M_0's own rationales may all miss the answer
        raise BadInput(f"there is nothing to train M_1 on: {trouble}")
    return m0, data, steps.train(1, SFT, init=m0, data=data)


def early_end(steps: Steps, last: int, notes: dict[int, str]) -> str | None:
    """Why the run ended after `last`; None if that is T."""
    return f"t = {last + 1}: {notes[last + 1]}" if last < steps.recipe.T else None


def degenerate(data: StepResult) -> str | None:
    """Why a training set has nothing to teach: "no correct answer", "no pair", "nothing new"; None if it has, or if unknown."""
    if not isinstance(data, Artifact):
        return None
    outcome: str = data.json("summary.json")["outcome"]
    return None if outcome == "ok" else outcome
