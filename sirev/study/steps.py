"""The steps of one run by name: their stage, their parameters from the recipe, and the artifacts they read.

Their order is decided in `sirev.study.algorithm`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sirev.errors import BadInput
from sirev.metrics.overlap import TRAINING
from sirev.recipe import Recipe
from sirev.recipe.sections import Architecture, Decoding, Grader, LevelsSuite, Lora, Optimisation, TaskSuite
from sirev.seeds import derive_seed
from sirev.stages import (
    agree,
    compare,
    dataset,
    embed,
    grade,
    measure,
    model,
    overlap,
    pretrain,
    sample,
    score,
    select,
    source,
    train,
)
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.study import step_names
from sirev.study.inputs import (
    dataset_parameters,
    embedding_parameters,
    grading_parameters,
    model_parameters,
    require_distinct_splits,
)
from sirev.tasks.splits import FEW_SHOT, STOP
from sirev.tasks.task import Answers
from sirev.trainers.dispatch import ArchitectureParameters, LoraParameters, PretrainParameters, TrainParameters
from sirev.training_kinds import SFT, TrainingKind


@dataclass(frozen=True)
class Planned:
    """Placeholder for an artifact that a plan can't name before `work` is done."""

    work: str


class Pending(ABC):
    """Placeholder for an artifact that is being computed in parallel."""

    @abstractmethod
    def artifact(self) -> Artifact:
        """The artifact, after waiting for it; raises the error that prevented it."""


LookedUp = Artifact | Planned
"""A step's result in a plan, which computes nothing."""
StepResult = LookedUp | Pending


class Executor(Protocol):
    """Turns a named step into its artifact: looks it up, computes it, or (a plan) describes it."""

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult: ...

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        """Whether a step is in the store, or can be computed here without recomputing an input whose files were given up."""
        ...

    def provenance(self, name: str) -> Mapping[str, Any]:
        """The provenance recorded with a step's artifact; empty where there is none."""
        ...


@dataclass(frozen=True)
class ModelWeights:
    """M_t: full weights, or an adapter and its base."""

    weights: StepResult
    base: StepResult | None = None
    chat: bool | None = None
    """Whether prompts are sent as a user's turn; None: as in the recipe."""
    ends: tuple[int, ...] = ()
    """Further tokens that end an answer, next to the tokenizer's end of text."""
    drawn_as: tuple[int, int | str] | None = None
    """Seed and t for the random numbers of its draws; None: the run's own."""

    def inputs(self, name: str) -> dict[str, StepResult]:
        """The model as the input `name` of a stage."""
        return {name: self.weights} if self.base is None else {name: self.weights, f"{name}_base": self.base}


@dataclass(frozen=True)
class GradedAnswers:
    """Problems, answers to them, and their grades."""

    problems: StepResult
    completions: StepResult
    grades: StepResult

    def inputs(self) -> dict[str, StepResult]:
        """The inputs of `select` and `measure`."""
        return {"problems": self.problems, "completions": self.completions, "grades": self.grades}


class Steps:
    """The steps of a recipe with a seed, for an executor; names end in ":t" for steps of an iteration."""

    def __init__(self, recipe: Recipe, seed: int, executor: Executor, local: LocalFiles) -> None:
        self.recipe = recipe
        self.seed = seed
        self._do = executor.step
        self._at_hand = executor.at_hand
        self._provenance = executor.provenance
        self._local = local

    def problems(self, split: str) -> StepResult:
        """The problems of "train", "test", "dev" or "ood/SUITE"."""
        task = self.recipe.task
        named = step_names.suite_of(split)
        suite = self.recipe.evaluation.ood[named] if named is not None else None
        made_for = (suite.levels, suite.problems, suite.question) if isinstance(suite, LevelsSuite) else (None, None, "forward")
        if made_from := task.generated(split, *made_for):
            made = source.SourceParameters(task.name, split, **made_from)
            return self._do(step_names.problems_step("source", split), source.STAGE, made, {})
        if isinstance(suite, TaskSuite):
            words = suite.template or task.template
            key = f"evaluation.{split.replace('/', '.')}.task"
            parameters = dataset_parameters(suite.task, "test", self._local, key=key, template=words)
        else:
            if self.recipe.evaluation.split == "test":
                require_distinct_splits(task, self._local)
            parameters = dataset_parameters(task, split, self._local)
        return self._do(step_names.problems_step("dataset", split), dataset.STAGE, parameters, {})

    def all_problems(self) -> None:
        """Read all problems of the run, and the embedding model: faults show before hours of training, not after."""
        self.problems("train")
        for split in self.evaluated_splits():
            self.problems(split)
        self.embedding_model()

    def evaluated_splits(self) -> list[str]:
        """The splits for evaluating models: the evaluation's, and those of the OOD suites."""
        return [self.recipe.evaluation.split, *map(step_names.suite_split, self.recipe.evaluation.ood)]

    def overlap(self) -> StepResult:
        """Overlap of the evaluated problems with the training set, and with the corpus of an M_0 made here."""
        task, pretrained = self.recipe.task, self.recipe.model.pretrain
        corpus = None
        if pretrained is not None:
            shares = pretrained.model_dump(include={"levels", "seed", "equations_share", "inverse_share"})
            corpus = {"n": pretrained.sequences, **shares, **task.corpus_options()}
        # The embedded task has so few words that any eight of them occur somewhere in its corpus.
        n = None if task.embedded else self.recipe.evaluation.overlap_n
        inputs = {f"{overlap.PROBLEMS}{split}": self.problems(split) for split in self.evaluated_splits()}
        parameters = overlap.OverlapParameters(task.name, n, corpus)
        return self._do(step_names.OVERLAP, overlap.STAGE, parameters, {**inputs, TRAINING: self.problems("train")})

    def embedding_model(self) -> StepResult | None:
        """The model that embeds answers; None where nothing is embedded."""
        named = self.recipe.evaluation.embedding
        if named is None or self.answers == "letters":
            return None
        parameters = embedding_parameters(named, self._local)
        try:
            return self._do(step_names.EMBEDDING_MODEL, model.STAGE, parameters, {})
        except BadInput as error:
            raise BadInput(f"evaluation.embedding.{error}; or go without: --set evaluation.embedding=null") from None

    def base_model(self) -> ModelWeights:
        """M_0."""
        named = self.recipe.model
        if named.pretrain is None:
            return ModelWeights(self._do(step_names.BASE_MODEL, model.STAGE, model_parameters(named, self._local), {}))
        sizes = ArchitectureParameters(**(named.architecture or Architecture()).model_dump())
        made_from = {**named.pretrain.model_dump(), **self.recipe.task.corpus_options()}
        parameters = PretrainParameters(architecture=sizes, threads=1, **made_from)
        return ModelWeights(self._do(step_names.PRETRAINED_MODEL, pretrain.STAGE, parameters, {}))

    def gold_answers(self, m0: ModelWeights) -> StepResult:
        """D: every training problem with its gold answer, or with a rationale by M_0."""
        problems = self.problems("train")
        if draws := self.recipe.task.rationale_draws:
            return self._own_rationales(m0, problems, draws)
        return self._do(
            step_names.selection_step(1), select.STAGE, select.SelectParameters(select.GOLD_ANSWERS), {"problems": problems}
        )

    def _own_rationales(self, m0: ModelWeights, problems: StepResult, n: int) -> StepResult:
        """A few-shot rationale of M_0 that reaches the right letter, for each problem that has one.

        STaR (arXiv 2203.14465) without its second round: M_0 is never shown the gold answer.
        """
        asked = self.recipe.sampling
        decoding = Decoding(n=n, temperature=asked.temperature, top_p=asked.top_p, max_new_tokens=asked.max_new_tokens)
        examples = self._sample(0, m0, FEW_SHOT, decoding, stop=[STOP], chat=False)
        answers = self.grade(0, "rationales", examples, self.recipe.training.grader)
        parameters = select.SelectParameters(SFT.name, unique=True, max_per_problem=1, seed=derive_seed(self.seed, "select", 1))
        return self._do(step_names.selection_step(1), select.STAGE, parameters, {**answers.inputs(), "problems": problems})

    def select(self, t: int, kind: TrainingKind, answers: GradedAnswers, previous: StepResult | None) -> StepResult:
        """D_t from answers of M_{t-1}; `previous` is D_{t-1} if M_{t-1} was trained by a step of the same kind."""
        seed = derive_seed(self.seed, "select", t)
        parameters = select.SelectParameters(kind.name, **self.recipe.training.of(kind).select.model_dump(), seed=seed)
        inputs = answers.inputs() | ({"previous": previous} if previous is not None else {})
        return self._do(step_names.selection_step(t), select.STAGE, parameters, inputs)

    def train(
        self, t: int, kind: TrainingKind, init: ModelWeights, data: StepResult, reference: ModelWeights | None = None
    ) -> ModelWeights:
        """M_t, trained from `init` on `data`, with `reference` where the kind of training has one."""
        settings = self.recipe.training.initial if t == 1 else self.recipe.training.of(kind)
        inputs = init.inputs("init") | {"data": data} | (reference.inputs("reference") if reference else {})
        return self._train(step_names.training_step(t), kind, settings, derive_seed(self.seed, "train", t), init, inputs)

    def train_again(self, t: int, init: ModelWeights, data: StepResult) -> ModelWeights:
        """M_1 trained again with other random numbers; t = 2 is the first repetition of a null run."""
        seed = derive_seed(self.seed, "train", 1, "null", t - 1)
        inputs = init.inputs("init") | {"data": data}
        return self._train(step_names.training_step(t, null=True), SFT, self.recipe.training.initial, seed, init, inputs)

    def train_on_gold(
        self, t: int, init: ModelWeights, data: StepResult, instead_of: tuple[TrainingKind, ModelWeights, StepResult]
    ) -> ModelWeights:
        """A null M_t: SFT of `init` on gold answers for as many optimizer steps as the method's M_t took.

        `instead_of`: the kind of the method's step, its M_t, and the D_t of that training.
        """
        inputs = init.inputs("init") | {"data": data}
        kind, trained, its_data = instead_of
        optimizer_steps = None
        if isinstance(trained.weights, Artifact) and isinstance(its_data, Artifact):
            optimizer_steps = self._optimizer_steps(t, self.recipe.training.of(kind), its_data)
        else:  # the number of steps is unknown until these are computed
            inputs["instead_of"] = its_data if isinstance(trained.weights, Artifact) else trained.weights
        settings = self.recipe.training.of(SFT) or self.recipe.training.initial
        seed = derive_seed(self.seed, "train", t, "null")
        return self._train(step_names.training_step(t, null=True), SFT, settings, seed, init, inputs, optimizer_steps)

    def _optimizer_steps(self, t: int, settings: Optimisation, data: Artifact) -> int:
        """The number of optimizer steps in the training of M_t, over all examples except those dropped for their length."""
        rows = int(data.manifest["tables"]["examples"]["rows"])
        kept = rows - int(self._provenance(step_names.training_step(t)).get("dropped") or 0)
        return settings.epochs * -(-kept // settings.batch_size)

    def _train(
        self,
        name: str,
        kind: TrainingKind,
        settings: Optimisation,
        seed: int,
        init: ModelWeights,
        inputs: Mapping[str, StepResult],
        optimizer_steps: int | None = None,
    ) -> ModelWeights:
        training = self.recipe.training
        lora = training.lora or Lora() if training.parameters == "lora" else None
        parameters = TrainParameters(
            kind=kind.name,
            max_steps=optimizer_steps,
            seed=seed,
            lora=LoraParameters(**lora.model_dump()) if lora else None,
            optimizer=training.optimizer,
            dtype=training.dtype,
            max_prompt_tokens=training.max_prompt_tokens,
            max_completion_tokens=training.max_completion_tokens,
            chat_template=self.recipe.model.chat_template,
            checkpoint_minutes=training.checkpoint_minutes,
            gpu_required=self._gpu_required,
            **training.memory.model_dump(),
            **settings.model_dump(exclude={"select"}),
        )
        weights = self._do(name, train.STAGE, parameters, inputs)
        return ModelWeights(weights, (init.base or init.weights) if lora else None)

    def training_draws(self, t: int, model: ModelWeights) -> tuple[StepResult, StepResult]:
        """N draws of M_t per training problem: (problems, completions)."""
        return self._sample(t, model, "train", self.recipe.sampling, first=self.recipe.sampling.problems)

    def test_draws(
        self, t: int, model: ModelWeights, *, temperature: float | None = None, again: bool = False
    ) -> tuple[StepResult, StepResult]:
        """The evaluation's draws of M_t: (problems, completions); `again`: M_1's drawn with other random numbers."""
        asked = self.recipe.evaluation.draws
        if temperature is None:
            return self._sample(t, model, self.recipe.evaluation.split, asked, again=again)
        asked = asked.model_copy(update={"temperature": temperature})
        return self._sample(t, model, self.recipe.evaluation.split, asked, how=str(temperature), again=again)

    def suite_draws(
        self, t: int, model: ModelWeights, suite: str, *, again: bool = False
    ) -> tuple[StepResult, StepResult] | None:
        """The draws of M_t on an OOD suite: (problems, completions); None where the recipe asks for none."""
        own, asked = self.recipe.evaluation.ood[suite], self.recipe.evaluation.draws
        if own.draws is None:
            return None
        limit = getattr(own, "max_new_tokens", None) or asked.max_new_tokens
        decoding = asked.model_copy(update={"n": own.draws, "max_new_tokens": limit})
        return self._sample(t, model, step_names.suite_split(suite), decoding, again=again)

    def greedy(
        self, t: int, model: ModelWeights, suite: str | None = None, *, again: bool = False
    ) -> tuple[StepResult, StepResult]:
        """M_t's greedy answers to the evaluated problems, or to an OOD suite: (problems, completions); `again`: a second set."""
        asked = self.recipe.evaluation.draws
        limit = getattr(self.recipe.evaluation.ood[suite], "max_new_tokens", None) if suite else None
        decoding = Decoding(n=1, temperature=0.0, top_p=1.0, max_new_tokens=limit or asked.max_new_tokens)
        split = step_names.suite_split(suite) if suite else self.recipe.evaluation.split
        return self._sample(t, model, split, decoding, how=step_names.GREEDY_ANSWERS, again=again)

    def grade(self, t: int, what: str, answers: tuple[StepResult, StepResult], grader: Grader) -> GradedAnswers:
        """Grades of answers (problems, completions) by a grader of the recipe."""
        problems, completions = answers
        inputs = {"problems": problems, "completions": completions}
        grades = self._do(step_names.grading_step(what, t), grade.STAGE, grading_parameters(grader, self._local), inputs)
        return GradedAnswers(problems, completions, grades)

    def measure(
        self,
        t: int,
        what: str,
        family: str,
        answers: GradedAnswers,
        scores: StepResult | None = None,
        answers_are: Answers | None = None,
    ) -> StepResult:
        """One family's measures of M_t's answers, and of `scores` for a family that reads them.

        `answers_are`: the kind of answers, where it differs from the trained task's.
        """
        answers_are = answers_are or self.answers
        parameters = measure.parameters_for(family, "text" if answers_are == "letters" else answers_are)
        inputs = answers.inputs() | ({"scores": scores} if scores is not None else {})
        return self._do(step_names.measuring_step(what, t), measure.STAGE, parameters, inputs)

    def score(self, t: int, what: str, answers: GradedAnswers, by: ModelWeights, draws: int | None = None) -> StepResult | None:
        """Log-probabilities of M_t's answers, at most `draws` per problem, under the model `by`.

        None where the recipe asks for no scores, where its engine gives none, and where they can't be computed: a run finished
        before scores existed is replayed without its model's files or its engine.
        """
        engine = self.recipe.engine
        if not self.recipe.evaluation.score or not self._gives_scores:
            return None
        parameters = score.ScoreParameters(
            engine=engine.name,
            dtype=engine.dtype,
            chat_template=self._chat(by),
            draws=draws,
            end=not by.ends,  # with several end tokens, the one that ended an answer is not recorded
            batch_invariant=engine.batch_invariant,
            options=self._engine_options(),
        )
        inputs = by.inputs("model") | {"problems": answers.problems, "completions": answers.completions}
        step = (step_names.scoring_step(what, t), score.STAGE, parameters, inputs)
        return self._do(*step) if self._at_hand(*step) else None

    def embed(self, t: int, answers: GradedAnswers) -> StepResult | None:
        """Diversity of M_t's answers by the recipe's embedding model; None without one."""
        model = self.embedding_model()
        if model is None or self.recipe.evaluation.embedding is None:
            return None
        parameters = embed.EmbedParameters(self.recipe.evaluation.embedding.batch_size)
        return self._do(step_names.embedding_step(t), embed.STAGE, parameters, {**answers.inputs(), "model": model})

    def agree(self, t: int, asked: Mapping[str, tuple[StepResult, StepResult]]) -> StepResult:
        """Agreement of answers given twice; `asked`: name -> the first and the second completions."""
        first = {f"first/{what}": pair[0] for what, pair in asked.items()}
        again = {f"again/{what}": pair[1] for what, pair in asked.items()}
        return self._do(step_names.agreement_step(t), agree.STAGE, agree.AgreeParameters(), first | again)

    def compare(self, method: str, measures: Mapping[int, Mapping[str, StepResult]]) -> StepResult:
        """The comparison of a run's measures; a null run's under its own name."""
        verdict = self.recipe.evaluation.verdict
        others = {suite: kind for suite in self.recipe.evaluation.ood if (kind := self.suite_answers(suite)) != self.answers}
        parameters = compare.CompareParameters(
            runs=[{"method": method, "seed": self.seed, "iterations": sorted(measures)}],
            answers=self.answers,
            suites=sorted(self.recipe.evaluation.ood),
            suite_answers=others,
            guess=self.recipe.task.guess,
            margin=verdict.margin,
            diversity_margin=verdict.diversity_margin,
            diversity_counts=verdict.diversity_counts,
            new_margin=verdict.new_margin,
            k=sorted(set(self.recipe.evaluation.k)),
        )
        inputs = {
            f"{method}/{self.seed}/{t}/{what}": artifact for t, found in measures.items() for what, artifact in found.items()
        }
        return self._do(step_names.COMPARISON, compare.STAGE, parameters, inputs)

    @property
    def answers(self) -> Answers:
        """The kind of answers, which determines the measures of diversity."""
        return self.recipe.task.answers(self.recipe.evaluation.grader.name)

    def suite_answers(self, suite: str) -> Answers:
        """The kind of answers to an OOD suite. If the trained task asks for reasons, options come with reasons too."""
        own = self.recipe.evaluation.ood[suite]
        if not isinstance(own, TaskSuite):
            return self.answers
        kind = own.task.answers(own.grader.name)
        return "text" if kind == "letters" != self.answers else kind

    def _sample(
        self,
        t: int,
        model: ModelWeights,
        split: str,
        asked: Decoding,
        *,
        first: int | None = None,
        stop: Sequence[str] = (),
        chat: bool | None = None,
        how: str = "",
        again: bool = False,
    ) -> tuple[StepResult, StepResult]:
        greedy = asked.temperature == 0
        seed, drawn_at = model.drawn_as or (self.seed, t)
        purpose: tuple[str | int, ...] = ("sample", 1, split, "null") if again else ("sample", drawn_at, split)
        engine = self.recipe.engine
        parameters = sample.SampleParameters(
            engine=engine.name,
            n=asked.n,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_new_tokens=asked.max_new_tokens,
            seed=0 if greedy else derive_seed(seed, *purpose),
            problems=first,
            dtype=engine.dtype,
            stop=list(stop),
            chat_template=self._chat(model) if chat is None else chat,
            repeat=1 if greedy and again else 0,
            ends=list(model.ends),
            batch_invariant=engine.batch_invariant,
            options=self._engine_options(),
        )
        problems = self.problems(split)
        name = step_names.sampling_step(split, t, how)
        return problems, self._do(name, sample.STAGE, parameters, model.inputs("model") | {"problems": problems})

    def _chat(self, model: ModelWeights) -> bool:
        return self.recipe.model.chat_template if model.chat is None else model.chat

    @property
    def _gives_scores(self) -> bool:
        """Whether the recipe's engine scores texts: a server doesn't, and vLLM does so wrongly with an adapter on lm_head.

        vLLM leaves that part of the adapter out when it scores prompts (vllm-project/vllm#51594).
        """
        training = self.recipe.training
        adapted = (training.lora or Lora()).target_modules if training.parameters == "lora" else []
        on_head = any(name.endswith("lm_head") for name in adapted)
        return self.recipe.engine.name != "server" and not (self.recipe.engine.name == "vllm" and on_head)

    def _engine_options(self) -> dict[str, Any]:
        """Options of the engine alone, equal for all requests, so that it starts once."""
        own = self.recipe.engine.model_dump(exclude={"name", "dtype", "batch_invariant"})
        return {**own, "served": self.recipe.model.name, "gpu_required": self._gpu_required}

    @property
    def _gpu_required(self) -> bool:
        return self.recipe.gpu == "required"
