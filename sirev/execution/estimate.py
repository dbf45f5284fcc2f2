"""Estimates of a plan: answers and tokens, hours, memory, disk; each number with what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sirev.execution.counts import WorkCounts
from sirev.execution.footprint import Footprint, footprint
from sirev.execution.history import History
from sirev.execution.hours import StageClock, StageTime, Target
from sirev.execution.planner import PlannedStep, StepState
from sirev.recipe import Recipe
from sirev.shipped import model_archive
from sirev.stages import STAGES
from sirev.stages.sample import SampleParameters
from sirev.store.runs import step_title
from sirev.store.store import Store
from sirev.trainers.dispatch import TrainParameters

BYTES_A_TOKEN = 2.0  # of a completion in the store, compressed


@dataclass
class Estimate:
    """Sums over the steps still to run, each shared step once."""

    steps: dict[str, int] = field(default_factory=dict)
    """Stage -> steps still to run."""
    states: dict[str, dict[StepState, int]] = field(default_factory=dict)
    """Stage -> how many of its steps are hits, are to run, or are not known yet; in the order of the algorithm."""
    answers: int = 0
    sampled_tokens: int = 0
    examples: int = 0
    trained_tokens: int = 0
    """Over all epochs; a DPO pair's prompt counts twice."""
    times: dict[str, StageTime] = field(default_factory=dict)
    """Each long stage that is still to run -> what it takes."""
    disk_bytes: int = 0
    footprint: Footprint | None = None
    """What the model takes; None where its sizes are not known."""
    assumptions: list[str] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """Hours of all long stages together whose rates are known; grades are made beside the others (`Stage.beside`)."""
        lanes = [
            [time.hours or 0.0 for stage, time in self.times.items() if STAGES[stage].beside is lane] for lane in (False, True)
        ]
        return max(map(sum, lanes))

    def assume(self, what: str) -> None:
        """Note, once, what a number rests on."""
        if what not in self.assumptions:
            self.assumptions.append(what)


def estimate(
    recipe: Recipe, plans: Iterable[Mapping[str, PlannedStep]], store: Store, rates: Mapping[str, float], target: Target
) -> Estimate:
    """What `plans` (one per run: step -> planned step) still take on a machine.

    `rates` are the user's own tokens/s of "sample" and "train".
    """
    found = Estimate()
    runs = list(plans)
    work = {step.work: step for plan in runs for step in plan.values()}
    history = History(store, recipe)
    counts = WorkCounts(work, history, found.assume)
    left: list[PlannedStep] = []
    found.footprint = footprint(recipe)
    if found.footprint is None:
        found.assume(f"the sizes of {recipe.model.name} are not known here: memory and checkpoints are left out")
    for step in work.values():
        of_stage = found.states.setdefault(step.stage, {"hit": 0, "run": 0, "unknown": 0})
        of_stage[step.state] += 1
        if step.state == "hit":
            continue
        if step.key is not None and model_archive(step.key) is not None:
            found.assume(f"{step_title(step.name)} comes with sirev: it is imported, not computed")
            continue
        left.append(step)
        found.steps[step.stage] = found.steps.get(step.stage, 0) + 1
        if isinstance(step.parameters, SampleParameters):
            found.answers += counts.asked(step) * step.parameters.n
            found.sampled_tokens += round(counts.tokens(step))
        elif isinstance(step.parameters, TrainParameters):
            found.examples += counts.examples(step)
            found.trained_tokens += round(counts.tokens(step))
            found.disk_bytes += found.footprint.model if found.footprint else 0
    found.disk_bytes += round(found.sampled_tokens * BYTES_A_TOKEN)
    found.times = StageClock(recipe, target, counts, history, rates, len(runs), found.assume).stages(left)
    return found


@dataclass(frozen=True)
class Sizes:
    """What the samplings and trainings among planned steps take.

    `tokens` has them by `PlannedStep.work`; `rates` are tokens/s of "sample" and "train" in earlier runs of the recipe on
    hardware like this, without those that there is none of.
    """

    tokens: Mapping[str, float]
    rates: Mapping[str, float]


def sizes(recipe: Recipe, plans: Iterable[Mapping[str, PlannedStep]], store: Store) -> Sizes:
    """How much each sampling and training of `plans` has to do."""
    work = {step.work: step for plan in plans for step in plan.values()}
    history = History(store, recipe)
    counts = WorkCounts(work, history, lambda what: None)
    tokens = {name: counts.tokens(step) for name, step in work.items() if step.stage in ("sample", "train")}
    return Sizes(tokens, {stage: rate for stage in ("sample", "train") if (rate := history.rate(stage))})
