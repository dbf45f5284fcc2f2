"""Hours of a plan's long stages, by the best known rate: given, seen in earlier runs, measured by a check, or from a table.

Hours are None without any of these. Start-up times of trainers and engines are added, unless the rate includes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sirev.execution.counts import WorkCounts
from sirev.execution.footprint import WIDTHS
from sirev.execution.gpus import Gpu, gpu_of_driver
from sirev.execution.history import LONG, RATED, History
from sirev.execution.measured_rates import MeasuredRate, load_rates
from sirev.execution.model_sizes import Shape, shape_of
from sirev.execution.planner import PlannedStep
from sirev.execution.rates import (
    SamplingWork,
    TrainingWork,
    sampling_rate,
    sampling_ratio,
    scoring_rate,
    training_rate,
    training_ratio,
)
from sirev.recipe import Recipe
from sirev.stages.grade import GradeParameters
from sirev.study.steps import LookedUp
from sirev.trainers.dispatch import TrainParameters
from sirev.training_kinds import KINDS

RateSource = Literal["given", "seen", "measured", "table"]

ELSEWHERE_CORES = 16
"""Assumed number of cores next to a GPU that is not in this machine."""
_TRAINER_START, _ENGINE_START, _EMBEDDER_START = 40.0, 82.0, 20.0
"""Start-up seconds of a trainer, vLLM and the embedding model, for a 7B model (judged; vLLM takes 75 to 90)."""
_LIGHT, _MATHEMATICS, _PROGRAM = 1e-4, 1 / 105, 1 / 450
"""CPU seconds per answer that is parsed, judged by Math-Verify, or run (measured: benchmarks/README.md)."""
_ENDLESS = 4 / 1457
"""Share of programs that run into the grader's time limit (measured there)."""
_FILLED = 0.8
"""Share of a micro-batch's token limit that real tokens fill (simulated: 0.7 to 0.9)."""
_ON_CPU = {"train": 48_000.0, "sample": 34_710.0, "score": 48_000.0}
"""Tokens per second and core of the embedded model (benchmarks/README.md). Measured for samplings; the others are chosen so
that a plan of `tiny` has the measured time without pretraining, 138 s on two cores."""
_EMBEDDED_ON_GPU, _EMBEDDED_PER_CORE = 3000.0, 18.0
"""Answers per second with all-MiniLM-L6-v2: on a GPU (judged), and per core (measured, with 100 tokens per answer)."""


@dataclass(frozen=True)
class Target:
    """The machine of a plan."""

    gpu: Gpu | None = None
    bytes: float | None = None
    """Memory of the GPU, if only that is known, or if it is known more exactly than from the table."""
    here: bool = True
    """Whether it is this machine."""
    assumed: bool = False
    """Whether the GPU is an assumption: none was named and this machine has none."""
    cores: int = 1


@dataclass(frozen=True)
class StageTime:
    """The time of a stage."""

    hours: float | None
    """None where no rate is known for one of its steps."""
    source: RateSource | None
    """Source of the rate; None where none is known."""


@dataclass
class StageClock:
    """Times of a plan's steps on one machine; `given` are the user's rates of "sample" and "train" in tokens/s."""

    recipe: Recipe
    target: Target
    counts: WorkCounts
    history: History
    given: Mapping[str, float]
    runs: int
    """Number of planned runs; those of a small model are concurrent."""
    assume: Callable[[str], None]
    _shape: Shape | None = field(init=False)
    _measured: list[MeasuredRate] = field(init=False)
    _ratios: dict[str, float | None] = field(default_factory=dict)
    _padding: dict[str, float] = field(default_factory=dict)
    """Kind of training -> share of padding in its tokens."""

    def __post_init__(self) -> None:
        # The arithmetic is for large models; the embedded one is dominated by kernel launches.
        self._shape = shape_of(self.recipe.model) if self.recipe.model.name else None
        gpu = self.target.gpu
        self._measured = [rate for rate in load_rates() if gpu is not None and gpu_of_driver(rate.gpu) == gpu]

    def stages(self, steps: Iterable[PlannedStep]) -> dict[str, StageTime]:
        """Long stage -> total time of its steps."""
        by_stage: dict[str, list[PlannedStep]] = defaultdict(list)
        for step in steps:
            by_stage[step.stage].append(step)
        found = {stage: self._stage(stage, by_stage[stage]) for stage in LONG if stage in by_stage}
        if any(self._padding.values()):
            shares = ", ".join(f"{share:.0%} ({kind})" for kind, share in self._padding.items())
            self.assume(f"padding {shares}")
        if self.recipe.model.name is None or self.target.gpu is None:
            return found
        engines = {_of(step.inputs["model"]) for stage in ("sample", "score") for step in by_stage[stage]}
        starts = [("train", len(by_stage["train"]), _TRAINER_START, "trainer")]
        starts += [("sample", len(engines), _ENGINE_START, "vLLM")] if self.recipe.engine.name == "vllm" else []
        # A run's answers are embedded together at its end.
        starts += [("embed", min(len(by_stage["embed"]), self.runs), _EMBEDDER_START, "embedder")]
        told = []
        for stage, times, seconds, what in starts:
            time = found.get(stage, StageTime(None, None))
            # Seen rates of trainings and embeddings include the start-up.
            if time.hours is not None and (stage == "sample" or time.source != "seen"):
                found[stage] = replace(time, hours=time.hours + times * seconds / 3600)
                told.append(f"{what} {seconds:.0f} s")
        if told:
            self.assume(f"starts: {', '.join(told)}")
        return found

    def _stage(self, stage: str, steps: list[PlannedStep]) -> StageTime:
        given = self.given.get(stage)
        gpu = self.target.gpu if stage != "grade" or not self.target.here else None
        if rate := given or self.history.rate(stage, gpu):
            amounts = [self.counts.tokens(step) if stage in RATED else self.counts.answers(step) for step in steps]
            return StageTime(sum(amounts) / rate / 3600, "given" if given else "seen")
        seconds = [self._seconds(step) for step in steps]
        known = [one for one in seconds if one is not None]
        if len(known) < len(seconds):
            return StageTime(None, None)
        return StageTime(sum(known) / 3600, "measured" if self._ratios.get(stage) else "table")

    def _seconds(self, step: PlannedStep) -> float | None:
        """Seconds of a step by a measured rate or the table; None where neither is known."""
        if isinstance(step.parameters, GradeParameters):
            return self._grading(step)
        if step.stage == "embed":
            rate = _EMBEDDED_ON_GPU if self.target.gpu or self.target.bytes else _EMBEDDED_PER_CORE * self.target.cores
            return self.counts.answers(step) / rate
        gpu, shape = self.target.gpu, self._shape
        if self.recipe.model.name is None and gpu is None and self.target.bytes is None:
            tokens = self.counts.scored_tokens(step) if step.stage == "score" else self.counts.tokens(step)
            return tokens / _ON_CPU[step.stage] / min(self.target.cores, self.runs)
        if gpu is None or shape is None:
            return None
        if isinstance(step.parameters, TrainParameters):
            return self._training(step, gpu, shape)
        if self.recipe.engine.name != "vllm":
            return None
        if step.stage == "score":
            return self.counts.scored_tokens(step) / scoring_rate(gpu, shape)
        engine = self.recipe.engine
        lora = self.recipe.training.parameters == "lora"
        work = SamplingWork(self.counts.context(step), lora, engine.gpu_memory, WIDTHS[engine.dtype])
        ratio = self._ratio("sample", lambda: sampling_ratio(gpu, shape, work, self._measured))
        rate = sampling_rate(gpu, shape, work) * (ratio or 1.0)
        return self.counts.tokens(step) / rate if rate > 0 else None

    def _training(self, step: PlannedStep, gpu: Gpu, shape: Shape) -> float:
        settings, kind = step.parameters, KINDS[step.parameters.kind]
        example = self.counts.example_tokens(step)
        usual = self.counts.trained_lengths(step)
        size, tokens = settings.micro_batch_size, settings.micro_batch_tokens
        limits = [float(size)] if size else []
        limits += [_FILLED * tokens / example] if tokens else []
        at_once, real = usual.part(kind.name, min(limits) if limits else None)
        at_once = min(at_once, settings.batch_size)
        self._padding[kind.title] = 1 - real
        work = TrainingWork(
            lora=settings.lora is not None,
            checkpointing=settings.gradient_checkpointing,
            real=real,
            micro_tokens=at_once * example / real,
            reference=kind.has_reference,
            width=4 if settings.dtype == "float32" else 2,
        )
        ratio = self._ratio("train", lambda: training_ratio(gpu, shape, work.lora, self._measured))
        return self.counts.tokens(step) / (training_rate(gpu, shape, work) * (ratio or 1.0))

    def _ratio(self, stage: str, of: Callable[[], float | None]) -> float | None:
        if stage not in self._ratios:
            self._ratios[stage] = of() if self._measured else None
        return self._ratios[stage]

    def _grading(self, step: PlannedStep) -> float | None:
        settings, answers = step.parameters, self.counts.answers(step)
        if settings.grader == "python":
            return None
        if settings.grader in ("math", "mbpp"):
            self.assume(f"{self.target.cores} cores to grade")
        each = {"math": _MATHEMATICS, "mbpp": _PROGRAM + _ENDLESS * (settings.seconds or 0.0)}.get(settings.grader, _LIGHT)
        return answers * each / (self.target.cores if settings.grader in ("math", "mbpp") else 1)


def _of(result: LookedUp) -> str:
    """Identity of a result, planned or known."""
    return getattr(result, "work", None) or result.digest  # type: ignore[union-attr]
