"""Algorithm 1 of "Progress or Regress?" (arXiv 2407.05013): a model trains on its own verified answers."""

from __future__ import annotations

from dataclasses import dataclass

from sirev.errors import BadInput
from sirev.recipe import Method
from sirev.store.artifacts import Artifact
from sirev.study.evaluation import Measures, evaluate
from sirev.study.steps import Known, Steps


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the comparison of its models, and why it stopped early or what it met on the way, if it did."""

    comparison: Known
    stopped: str | None
    notes: dict[int, str]


def self_improve(steps: Steps, method: Method) -> Outcome:
    """M_1 <- SFT(M_0 | D), then M_t <- F_t(M_{t-1} | D_t) with D_t from answers sampled from M_{t-1}."""
    recipe = steps.recipe
    steps.all_problems()
    m0 = steps.base_model()
    data = steps.gold_answers(m0)
    if trouble := degenerate(data):  # M_0's own rationales may all miss the answer
        raise BadInput(f"there is nothing to train M_1 on: {trouble}")
    m = steps.train(1, "sft", init=m0, data=data)  # M_1 <- SFT(M_0 | D)
    measures: dict[int, Measures] = {}
    notes: dict[int, str] = {}
    stopped = None
    learned = ("sft", data)  # what M_{t-1} was last trained on
    for t in range(2, recipe.T + 1):
        kind = recipe.steps(method)[t - 2]
        draws = steps.training_draws(t - 1, m)  # N answers y_ij per x_i from M_{t-1}
        measures[t - 1] = evaluate(steps, t - 1, m, draws)
        answers = steps.grade(t - 1, "select", draws, recipe.training.grader)
        previous = learned[1] if learned[0] == kind else None
        data = steps.select(t, kind, answers, previous)  # D_t: the correct ones, or (correct, incorrect) pairs
        if trouble := degenerate(data):
            notes[t] = trouble
            if recipe.training.on_degenerate == "stop":
                stopped = f"t = {t}: {trouble}"
                break
        if not trouble or trouble == "nothing new":  # else there is nothing to train on, and M_t is M_{t-1}
            init = m if recipe.init_from == "previous" else m0
            reference = m if kind == "dpo" else None  # always M_{t-1}, never the base model
            m = steps.train(t, kind, init=init, data=data, reference=reference)  # M_t <- F_t(M_{t-1} | D_t)
            learned = (kind, data)
    else:
        measures[recipe.T] = evaluate(steps, recipe.T, m, steps.training_draws(recipe.T, m))
    return Outcome(steps.compare(measures), stopped, notes)


def degenerate(data: Known) -> str | None:
    """Why a training set teaches nothing: "no correct answer", "no pair", "nothing new"; None if it does or is unknown."""
    if not isinstance(data, Artifact):
        return None
    outcome: str = data.json("summary.json")["outcome"]
    return None if outcome == "ok" else outcome
