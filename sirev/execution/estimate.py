"""Estimates of a plan: answers and tokens, memory, disk, hours; each number with what it rests on.

Counts come from the recipe; lengths, sizes of training sets and rates from earlier runs of the recipe in this store
where there are any, else from assumptions that are named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from sirev.errors import BadInput
from sirev.execution.footprint import PROMPT_TOKENS, Footprint, footprint
from sirev.execution.planner import PlannedStep, StepState
from sirev.parameters import keyed_parameters
from sirev.recipe import Recipe
from sirev.shipped import model_archive
from sirev.stages.sample import SampleParameters
from sirev.stages.select import GOLD_ANSWERS, SelectParameters
from sirev.stages.source import SourceParameters
from sirev.store.artifacts import Artifact
from sirev.store.digests import canonical_json
from sirev.store.provenance import hardware
from sirev.store.records import Record
from sirev.store.runs import step_title
from sirev.store.store import Store
from sirev.study.step_names import StepName, parse_step, stage_of, training_step
from sirev.study.steps import StepResult
from sirev.tasks.load import DatasetParameters, ProblemsRequest, load_problems
from sirev.tasks.registry import TASKS
from sirev.trainers.dispatch import TrainParameters
from sirev.training_kinds import KINDS

ANSWER_SHARE = 0.4  # of max_new_tokens
_RIGHT = 0.5  # of the draws
ASSUMED = 1000  # problems of a split that is neither published nor here
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
    hours: dict[str, float | None] = field(default_factory=dict)
    """"sample" and "train" -> hours, None where no rate is known."""
    disk_bytes: int = 0
    footprint: Footprint | None = None
    """What the model takes; None where its sizes are not known."""
    assumptions: list[str] = field(default_factory=list)

    def assume(self, what: str) -> None:
        """Note, once, what a number rests on."""
        if what not in self.assumptions:
            self.assumptions.append(what)


def estimate(recipe: Recipe, plans: Iterable[Mapping[str, PlannedStep]], store: Store, rates: Mapping[str, float]) -> Estimate:
    """What `plans` (one a run: step -> planned step) still take; `rates` are the user's tokens/s of "sample" and "train"."""
    found = Estimate()
    work = {step.work: step for plan in plans for step in plan.values()}
    counts = _Counts(work, _History(store, recipe), found)
    found.footprint = footprint(recipe)
    if found.footprint is None:
        found.assume(f"the sizes of {recipe.model.name} are not known here: memory and checkpoints are left out")
    for step in work.values():
        of_stage = found.states.setdefault(step.stage, {"hit": 0, "run": 0, "unknown": 0})
        of_stage[step.state] += 1
        if step.state == "hit":
            continue
        if step.key is not None and model_archive(step.key) is not None:
            found.assume(f"{step_title(step.name)} comes with sirev: it is taken in, not computed")
            continue
        found.steps[step.stage] = found.steps.get(step.stage, 0) + 1
        if isinstance(step.parameters, SampleParameters):
            found.answers += counts.asked(step) * step.parameters.n
            found.sampled_tokens += round(counts.tokens(step))
        elif isinstance(step.parameters, TrainParameters):
            found.examples += counts.examples(step)
            found.trained_tokens += round(counts.tokens(step))
            found.disk_bytes += found.footprint.model if found.footprint else 0
    found.disk_bytes += round(found.sampled_tokens * BYTES_A_TOKEN)
    for stage, tokens in (("sample", found.sampled_tokens), ("train", found.trained_tokens)):
        rate = rates.get(stage) or counts.history.rate(stage)
        found.hours[stage] = tokens / rate / 3600 if rate else None
        if rate and stage not in rates:
            found.assume(f"{rate:,.0f} tokens/s to {stage}, as in earlier runs here")
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
    history = _History(store, recipe)
    counts = _Counts(work, history, Estimate())
    tokens = {name: counts.tokens(step) for name, step in work.items() if step.stage in ("sample", "train")}
    return Sizes(tokens, {stage: rate for stage in ("sample", "train") if (rate := history.rate(stage))})


class _History:
    """What earlier runs of the recipe with the same model tell, by step."""

    def __init__(self, store: Store, recipe: Recipe) -> None:
        settings = recipe.settings()
        pins: dict[tuple[str, str], str] = {}
        self._same_size: set[str] = set()
        """Keys of trainings in runs that asked as many problems as often: a short trial tells nothing of numbers."""
        for run in store.runs.all():
            measured = "samples" in run.settings  # completions made elsewhere, under the recipe's name
            if measured or run.recipe != recipe.name or _model(run.settings) != _model(settings):
                continue
            there = {(pin.key, pin.artifact): step for step, pin in run.pins.items() if _is_work(parse_step(step))}
            pins |= there
            if _size(run.settings) == _size(settings):
                self._same_size.update(key for key, _ in there)
        self._steps: list[tuple[str, Record]] = []
        for (key, artifact), name in pins.items():
            if record := store.records.get(key, artifact):
                self._steps.append((name, record))

    def answer_tokens(self, what: str) -> float | None:
        """Mean tokens of an answer in the samplings of a name without its t."""
        noted = [r.provenance for name, r in self._steps if parse_step(name).without_t == what and r.provenance.get("answers")]
        return sum(p["tokens"] for p in noted) / sum(p["answers"] for p in noted) if noted else None

    def trainings(self, kind: str, first: bool) -> list[Mapping[str, Any]]:
        """Parameters and provenance of the trainings of a kind: those of M_1, or those of later models."""
        return [
            {**r.provenance, "epochs": r.action["parameters"]["epochs"], "same_size": r.key in self._same_size}
            for name, r in self._steps
            if stage_of(name) == "train"
            and (name == training_step(1)) == first
            and r.action["parameters"]["kind"] == kind
            and r.provenance.get("tokens")
        ]

    def rate(self, stage: str) -> float | None:
        """Median tokens/s of a stage's steps on hardware like this."""
        noted = [
            r.provenance for name, r in self._steps if stage_of(name) == stage and r.provenance.get("hardware") == hardware()
        ]
        rates = [rate for p in noted if (rate := _rate(p))]
        return median(rates) if rates else None


def _is_work(step: StepName) -> bool:
    """A sampling, or a training of a method's own."""
    return step.stage in ("sample", "train") and not step.is_null


def _model(settings: Mapping[str, Any]) -> Any:
    return settings["model"].get("name"), settings["model"].get("architecture")


def _size(settings: Mapping[str, Any]) -> Any:
    """What decides how many examples a training has."""
    asked = {field: settings["sampling"].get(field) for field in ("n", "problems")}
    return [settings["task"].get(field) for field in ("limit", "dev", "train", "data")], asked


def _rate(noted: Mapping[str, Any]) -> float | None:
    """Tokens/s of the attempt that finished a step: without what earlier attempts had done, or starting the engine."""
    if "tokens_now" in noted:
        return noted["tokens_now"] / noted["seconds_now"] if noted["tokens_now"] and noted["seconds_now"] else None
    if not noted.get("tokens") or not noted.get("seconds"):
        return None
    done = 1 - (noted.get("resumed") or 0) / noted["steps"] if noted.get("steps") else 1.0
    return float(noted["tokens"] * done / noted["seconds"])


@dataclass
class _Counts:
    """How many problems, examples and tokens the planned steps have."""

    work: Mapping[str, PlannedStep]
    history: _History
    found: Estimate
    _local: dict[str, int | None] = field(default_factory=dict)

    def tokens(self, step: PlannedStep) -> float:
        """Expected tokens of all answers of a sampling, or of all examples of a training over its epochs."""
        if isinstance(step.parameters, SampleParameters):
            return self.asked(step) * step.parameters.n * self.answer_tokens(step)
        optimizer_steps, epochs = step.parameters.max_steps, step.parameters.epochs
        seen = self.examples(step) * epochs if optimizer_steps is None else optimizer_steps * step.parameters.batch_size
        return float(seen * self.example_tokens(step))

    def asked(self, step: PlannedStep) -> int:
        """Problems that a sampling asks."""
        count = self._problems(step.inputs["problems"])
        assert isinstance(step.parameters, SampleParameters)
        return min(count, step.parameters.problems or count)

    def answer_tokens(self, step: PlannedStep) -> float:
        """Expected tokens of an answer."""
        if (tokens := self.history.answer_tokens(parse_step(step.name).without_t)) is not None:
            self.found.assume("lengths of answers and sizes of training sets as in earlier runs here")
            return tokens
        self.found.assume(f"an answer takes {ANSWER_SHARE:.0%} of max_new_tokens")
        return float(ANSWER_SHARE * step.parameters.max_new_tokens)

    def examples(self, step: PlannedStep) -> int:
        """Examples (DPO: pairs) of a training."""
        data = step.inputs["data"]
        if isinstance(data, Artifact):
            return int(data.manifest["tables"]["examples"]["rows"])
        past = self.history.trainings(step.parameters.kind, step.name == training_step(1))
        if examples := [float(p["examples"]) for p in past if p["same_size"]]:
            return round(mean(examples))
        chosen = self.work[data.work]
        problems = self._problems(chosen.inputs["problems"])
        parameters = chosen.parameters
        assert isinstance(parameters, SelectParameters)
        if parameters.kind == GOLD_ANSWERS:
            return problems
        sampled = chosen.inputs["completions"]
        if isinstance(sampled, Artifact):
            n = float(sampled.manifest["tables"]["completions"]["rows"]) / problems
        else:
            sampling = self.work[sampled.work]
            n, problems = sampling.parameters.n, self.asked(sampling)
        self.found.assume(f"{_RIGHT:.0%} of the draws on training problems are right")
        each = KINDS[parameters.kind].expected(n * _RIGHT, n * (1 - _RIGHT))
        return round(problems * min(each, parameters.max_per_problem or each))

    def example_tokens(self, step: PlannedStep) -> float:
        """Expected tokens of an example, prompt and answer; of a DPO pair, both."""
        if past := self.history.trainings(step.parameters.kind, step.name == training_step(1)):
            self.found.assume("lengths of answers and sizes of training sets as in earlier runs here")
            kept = [(p, max(p["examples"] - (p.get("dropped") or 0), 1)) for p in past]
            return float(mean(p["tokens"] / p["epochs"] / examples for p, examples in kept))
        limit = step.parameters.max_completion_tokens or 2 * PROMPT_TOKENS
        self.found.assume(f"a prompt takes {PROMPT_TOKENS} tokens")
        return float((PROMPT_TOKENS + ANSWER_SHARE * limit) * KINDS[step.parameters.kind].sequences)

    def _problems(self, problems: StepResult) -> int:
        if isinstance(problems, Artifact):
            return int(problems.manifest["tables"]["problems"]["rows"])
        parameters = self.work[problems.work].parameters
        if isinstance(parameters, SourceParameters):
            return parameters.n
        assert isinstance(parameters, DatasetParameters)
        split = parameters.split.partition("/")[0]
        if "rows" in parameters.files:
            return self._local_problems(parameters) or ASSUMED
        if parameters.limit is not None:
            return parameters.limit
        if split == "dev" and parameters.dev is not None:
            return parameters.dev
        count = TASKS[parameters.task].size(split, parameters.options)
        if count is None:
            self.found.assume(f"{ASSUMED:,} problems in {parameters.split}, which is not read yet")
            return ASSUMED
        return count - (parameters.dev or 0 if split == "train" else 0)

    def _local_problems(self, parameters: DatasetParameters) -> int | None:
        """Problems that a split has in local files, read as the stage `dataset` reads them; None if they can't be read."""
        name = canonical_json(keyed_parameters(parameters)).decode()
        if name not in self._local:
            try:
                with tempfile.NamedTemporaryFile(prefix="sirev-plan-") as out:
                    self._local[name] = load_problems(ProblemsRequest(parameters, Path(out.name)), lambda event: None)
            except BadInput as error:
                self.found.assume(f"{ASSUMED:,} problems in {parameters.split}, which can't be read: {error}")
                self._local[name] = None
        return self._local[name]
