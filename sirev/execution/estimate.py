"""Estimates of a plan: answers and tokens, hours, memory, disk, and the assumptions behind them."""

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

BYTES_A_TOKEN = 2.0  # compressed, of completions in the store


@dataclass
class Estimate:
    """Estimate of the steps still to run, each shared step counted once."""

    steps: dict[str, int] = field(default_factory=dict)
    """Stage -> number of steps still to run."""
    states: dict[str, dict[StepState, int]] = field(default_factory=dict)
    """Stage -> number of its steps that are hits, to run, or still unknown; in the order of the algorithm."""
    answers: int = 0
    sampled_tokens: int = 0
    examples: int = 0
    trained_tokens: int = 0
    """Tokens over all epochs; a DPO pair's prompt counts twice."""
    times: dict[str, StageTime] = field(default_factory=dict)
    """Long stage that is still to run -> its time."""
    disk_bytes: int = 0
    footprint: Footprint | None = None
    """Memory and disk of the model; None where its sizes are not known."""
    assumptions: list[str] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """Hours of all long stages with known rates; grading is concurrent with the others (`Stage.beside`)."""
        lanes = [
            [time.hours or 0.0 for stage, time in self.times.items() if STAGES[stage].beside is lane] for lane in (False, True)
        ]
        return max(map(sum, lanes))

    def assume(self, what: str) -> None:
        """Note an assumption, once."""
        if what not in self.assumptions:
            self.assumptions.append(what)


def estimate(
    recipe: Recipe, plans: Iterable[Mapping[str, PlannedStep]], store: Store, rates: Mapping[str, float], target: Target
) -> Estimate:
    """Estimate of the steps still to run in `plans` (one per run: step -> planned step) on the machine `target`.

    `rates` are the user's values for "sample" and "train", in tokens/s.
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
    elif not any(step.stage == "train" for step in work.values()):
        found.footprint = found.footprint.untrained()
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
    """Sizes of the samplings and trainings among planned steps.

    `tokens` are by `PlannedStep.work`. `rates` are those of "sample" and "train" in earlier runs of the recipe on such
    hardware, in tokens/s, without unknown ones.
    """

    tokens: Mapping[str, float]
    rates: Mapping[str, float]


def sizes(recipe: Recipe, plans: Iterable[Mapping[str, PlannedStep]], store: Store) -> Sizes:
    """The sizes of each sampling and training in `plans`."""
    work = {step.work: step for plan in plans for step in plan.values()}
    history = History(store, recipe)
    counts = WorkCounts(work, history, lambda what: None)
    tokens = {name: counts.tokens(step) for name, step in work.items() if step.stage in ("sample", "train")}
    return Sizes(tokens, {stage: rate for stage in ("sample", "train") if (rate := history.rate(stage))})
