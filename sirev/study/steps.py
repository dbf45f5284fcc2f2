"""The steps of one run under their names: which stage, with which of the recipe's parameters, on which artifacts.

Nothing is decided here about order; that is `sirev.study.algorithm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sirev.recipe import Kind, Recipe
from sirev.recipe.sections import Architecture, Decoding, Grader, LevelsSuite, Lora, TaskSuite
from sirev.recipe.tasks import Arithmetic, Csqa, Mbpp
from sirev.seeds import derive_seed
from sirev.stages import compare, dataset, grade, measure, model, pretrain, sample, select, source, train
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.study.sources import dataset_parameters, model_parameters, template_of
from sirev.tasks.files import FEW_SHOT, STOP


@dataclass(frozen=True)
class Unknown:
    """Stands for an artifact that a plan can't name, because it would first have to be computed, by `work`."""

    work: str


Known = Artifact | Unknown


class Executor(Protocol):
    """Turns a named step into its artifact: by looking it up, by computing it, or (a plan) by saying which."""

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Known]) -> Known: ...


@dataclass(frozen=True)
class Model:
    """M_t: full weights, or an adapter and the base it sits on."""

    weights: Known
    base: Known | None = None

    def inputs(self, name: str) -> dict[str, Known]:
        """This model as the input `name` of a stage."""
        return {name: self.weights} if self.base is None else {name: self.weights, f"{name}_base": self.base}


@dataclass(frozen=True)
class Graded:
    """Answers and their verdicts, with the problems they answer."""

    problems: Known
    completions: Known
    grades: Known

    def inputs(self) -> dict[str, Known]:
        """As inputs of `select` and `measure`."""
        return {"problems": self.problems, "completions": self.completions, "grades": self.grades}


class Steps:
    """The steps of one (recipe, seed) for an executor; a name ends in ":t" where it belongs to an iteration."""

    def __init__(self, recipe: Recipe, seed: int, executor: Executor, local: LocalFiles) -> None:
        self.recipe = recipe
        self.seed = seed
        self._do = executor.step
        self._local = local

    def problems(self, split: str) -> Known:
        """The problems of "train", "test", "dev" or "ood/SUITE"."""
        task = self.recipe.task
        if isinstance(task, Arithmetic):
            return self._embedded_problems(task, split)
        suite = self.recipe.evaluation.ood[split.removeprefix("ood/")] if split.startswith("ood/") else None
        if isinstance(suite, TaskSuite):
            words = suite.template or template_of(task)
            key = f"evaluation.{split.replace('/', '.')}.task"
            parameters = dataset_parameters(suite.task, "test", self._local, key=key, template=words)
        else:
            parameters = dataset_parameters(task, split, self._local)
        return self._do(f"dataset/{split}", dataset.STAGE, parameters, {})

    def all_problems(self) -> None:
        """All that the run will read: what is missing or broken shows before hours of training, not after."""
        for split in ("train", self.recipe.evaluation.split, *(f"ood/{name}" for name in self.recipe.evaluation.ood)):
            self.problems(split)

    def _embedded_problems(self, task: Arithmetic, split: str) -> Known:
        levels, n = task.levels, task.train if split == "train" else task.test
        if split.startswith("ood/"):
            suite = self.recipe.evaluation.ood[split.removeprefix("ood/")]
            assert isinstance(suite, LevelsSuite)
            levels, n = suite.levels, suite.problems
        weights = task.style_weights.model_dump() if split == "train" else {}
        parameters = source.SourceParameters(task.name, split, n, levels, task.data_seed, weights)
        return self._do(f"source/{split}", source.STAGE, parameters, {})

    def base_model(self) -> Model:
        """M_0."""
        named = self.recipe.model
        if named.pretrain is None:
            return Model(self._do("model:0", model.STAGE, model_parameters(named, self._local), {}))
        sizes = pretrain.ArchitectureParameters(**(named.architecture or Architecture()).model_dump())
        parameters = pretrain.PretrainParameters(architecture=sizes, threads=2, **named.pretrain.model_dump())
        return Model(self._do("pretrain:0", pretrain.STAGE, parameters, {}))

    def gold_answers(self, m0: Model) -> Known:
        """D: every training problem with its gold answer; for CommonsenseQA possibly with a rationale of M_0's own."""
        problems = self.problems("train")
        if isinstance(self.recipe.task, Csqa) and self.recipe.task.rationales == "self":
            return self._own_rationales(m0, problems, self.recipe.task.bootstrap)
        return self._do("select:1", select.STAGE, select.SelectParameters("gold"), {"problems": problems})

    def _own_rationales(self, m0: Model, problems: Known, n: int) -> Known:
        """One rationale of M_0, few-shot, that reaches the right letter, for each problem where there is one.

        STaR (arXiv 2203.14465) without its second round: M_0 is never shown the gold answer.
        """
        asked = self.recipe.sampling
        decoding = Decoding(n=n, temperature=asked.temperature, top_p=asked.top_p, max_new_tokens=asked.max_new_tokens)
        examples = self._sample(0, m0, FEW_SHOT, decoding, stop=[STOP], chat=False)
        answers = self.grade(0, "rationales", examples, self.recipe.training.grader)
        parameters = select.SelectParameters("sft", unique=True, max_per_problem=1, seed=derive_seed(self.seed, "select", 1))
        return self._do("select:1", select.STAGE, parameters, {**answers.inputs(), "problems": problems})

    def select(self, t: int, kind: Kind, answers: Graded, previous: Known | None) -> Known:
        """D_t from answers of M_{t-1}; `previous` is D_{t-1} if M_{t-1} was trained by the same kind of step."""
        wanted = self._settings(kind).select
        parameters = select.SelectParameters(kind, wanted.unique, wanted.max_per_problem, derive_seed(self.seed, "select", t))
        inputs = answers.inputs() | ({"previous": previous} if previous is not None else {})
        return self._do(f"select:{t}", select.STAGE, parameters, inputs)

    def train(self, t: int, kind: Kind, init: Model, data: Known, reference: Model | None = None) -> Model:
        """M_t, trained from `init` on `data`; for DPO against `reference`."""
        training = self.recipe.training
        settings = training.initial if t == 1 else self._settings(kind)
        lora = training.lora or Lora() if training.parameters == "lora" else None
        parameters = train.TrainParameters(
            kind=kind,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            warmup=settings.warmup,
            seed=derive_seed(self.seed, "train", t),
            beta=getattr(settings, "beta", None),
            nll_weight=getattr(settings, "nll_weight", 0.0),
            lora=train.LoraParameters(**lora.model_dump()) if lora else None,
            optimizer=training.optimizer,
            dtype=training.dtype,
            max_prompt_tokens=training.max_prompt_tokens,
            max_completion_tokens=training.max_completion_tokens,
            chat_template=self.recipe.model.chat_template,
            checkpoint_minutes=training.checkpoint_minutes,
            **training.memory.model_dump(),
        )
        inputs = init.inputs("init") | {"data": data} | (reference.inputs("reference") if reference else {})
        weights = self._do(f"train:{t}", train.STAGE, parameters, inputs)
        return Model(weights, (init.base or init.weights) if lora else None)

    def training_draws(self, t: int, model: Model) -> tuple[Known, Known]:
        """N draws of M_t on the training problems: (problems, completions)."""
        return self._sample(t, model, "train", self.recipe.sampling, first=self.recipe.sampling.problems)

    def test_draws(self, t: int, model: Model) -> tuple[Known, Known]:
        """The evaluation's draws of M_t on the problems it is evaluated on."""
        return self._sample(t, model, self.recipe.evaluation.split, self.recipe.evaluation.draws)

    def greedy(self, t: int, model: Model, suite: str | None = None) -> tuple[Known, Known]:
        """M_t's greedy answers to the problems it is evaluated on, or to an OOD suite's."""
        asked = self.recipe.evaluation.draws
        limit = getattr(self.recipe.evaluation.ood[suite], "max_new_tokens", None) if suite else None
        decoding = Decoding(n=1, temperature=0.0, top_p=1.0, max_new_tokens=limit or asked.max_new_tokens)
        return self._sample(t, model, f"ood/{suite}" if suite else self.recipe.evaluation.split, decoding)

    def grade(self, t: int, what: str, answers: tuple[Known, Known], grader: Grader) -> Graded:
        """Verdicts on answers by a grader of the recipe."""
        problems, completions = answers
        inputs = {"problems": problems, "completions": completions}
        grades = self._do(f"grade/{what}:{t}", grade.STAGE, grade.parameters_for(grader), inputs)
        return Graded(problems, completions, grades)

    def measure(self, t: int, what: str, family: str, answers: Graded) -> Known:
        """One family of statistics of M_t's answers."""
        return self._do(f"measure/{what}:{t}", measure.STAGE, measure.parameters_for(family), answers.inputs())

    def compare(self, measures: Mapping[int, Mapping[str, Known]]) -> Known:
        """All of a run's measures against each other."""
        parameters = compare.CompareParameters(
            iterations=sorted(measures),
            suites=sorted(self.recipe.evaluation.ood),
            texts=self.answers_are_texts,
            equations=not isinstance(self.recipe.task, Mbpp | Csqa),
        )
        inputs = {f"{t}/{what}": artifact for t, found in measures.items() for what, artifact in found.items()}
        return self._do("compare", compare.STAGE, parameters, inputs)

    @property
    def answers_are_texts(self) -> bool:
        """Whether an answer says more than an option's letter."""
        return not (isinstance(self.recipe.task, Csqa) and self.recipe.task.rationales == "none")

    def _settings(self, kind: Kind) -> Any:
        return self.recipe.training.sft if kind == "sft" else self.recipe.training.dpo

    def _sample(
        self,
        t: int,
        model: Model,
        split: str,
        asked: Decoding,
        *,
        first: int | None = None,
        stop: Sequence[str] = (),
        chat: bool | None = None,
    ) -> tuple[Known, Known]:
        greedy = asked.temperature == 0
        engine = self.recipe.engine
        parameters = sample.SampleParameters(
            engine=engine.name,
            n=asked.n,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_new_tokens=asked.max_new_tokens,
            seed=0 if greedy else derive_seed(self.seed, "sample", t, split),
            problems=first,
            dtype=engine.dtype,
            stop=list(stop),
            chat_template=self.recipe.model.chat_template if chat is None else chat,
            options={**engine.model_dump(exclude={"name", "dtype"}), "served": self.recipe.model.name},
        )
        problems = self.problems(split)
        name = f"sample/{split}{'/greedy' if greedy else ''}:{t}"
        return problems, self._do(name, sample.STAGE, parameters, model.inputs("model") | {"problems": problems})
