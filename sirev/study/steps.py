"""The steps of one run under their names: which stage, with which of the recipe's parameters, on which artifacts.

Nothing is decided here about order; that is `sirev.study.algorithm`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sirev.recipe import Kind, LevelsSuite, Lora, Recipe
from sirev.seeds import derive_seed
from sirev.stages import compare, grade, measure, pretrain, sample, select, source, train
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact


class Unknown:
    """Stands for an artifact that a plan can't name, because it would first have to be computed."""


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

    def __init__(self, recipe: Recipe, seed: int, executor: Executor) -> None:
        self.recipe = recipe
        self.seed = seed
        self._do = executor.step

    def problems(self, split: str) -> Known:
        """The problems of "train", "test" or "ood/SUITE"."""
        task = self.recipe.task
        levels, n = task.levels, task.train if split == "train" else task.test
        if split.startswith("ood/"):
            suite: LevelsSuite = self.recipe.evaluation.ood[split.removeprefix("ood/")]
            levels, n = suite.levels, suite.problems
        weights = task.style_weights.model_dump() if split == "train" else {}
        parameters = source.SourceParameters(task.name, split, n, levels, task.data_seed, weights)
        return self._do(f"source/{split}", source.STAGE, parameters, {})

    def base_model(self) -> Model:
        """M_0."""
        made, learning = self.recipe.model.architecture, self.recipe.model.pretrain
        parameters = pretrain.PretrainParameters(
            architecture=pretrain.ArchitectureParameters(**made.model_dump()), threads=2, **learning.model_dump()
        )
        return Model(self._do("pretrain:0", pretrain.STAGE, parameters, {}))

    def gold_answers(self) -> Known:
        """D: every training problem with its gold answer."""
        return self._do("select:1", select.STAGE, select.SelectParameters("gold"), {"problems": self.problems("train")})

    def select(self, t: int, kind: Kind, answers: Graded, previous: Known | None) -> Known:
        """D_t from answers of M_{t-1}; `previous` is D_{t-1} if M_{t-1} was trained by the same kind of step."""
        wanted = self._settings(kind).select
        parameters = select.SelectParameters(kind, wanted.unique, wanted.max_per_problem, derive_seed(self.seed, "select", t))
        inputs = answers.inputs() | ({"previous": previous} if previous is not None else {})
        return self._do(f"select:{t}", select.STAGE, parameters, inputs)

    def train(self, t: int, kind: Kind, init: Model, data: Known, reference: Model | None = None) -> Model:
        """M_t, trained from `init` on `data`; for DPO against `reference`."""
        settings = self.recipe.training.initial if t == 1 else self._settings(kind)
        lora = self.recipe.training.lora or Lora() if self.recipe.training.parameters == "lora" else None
        parameters = train.TrainParameters(
            kind=kind,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            warmup=settings.warmup,
            seed=derive_seed(self.seed, "train", t),
            beta=getattr(settings, "beta", None),
            lora=train.LoraParameters(**lora.model_dump()) if lora else None,
        )
        inputs = init.inputs("init") | {"data": data} | (reference.inputs("reference") if reference else {})
        weights = self._do(f"train:{t}", train.STAGE, parameters, inputs)
        return Model(weights, (init.base or init.weights) if lora else None)

    def training_draws(self, t: int, model: Model) -> tuple[Known, Known]:
        """N draws of M_t on the training problems: (problems, completions)."""
        asked = self.recipe.sampling
        return self._sample(t, model, "train", asked.n, asked.temperature, asked.top_p, asked.max_new_tokens, asked.problems)

    def test_draws(self, t: int, model: Model) -> tuple[Known, Known]:
        """The evaluation's draws of M_t on the test problems."""
        asked = self.recipe.evaluation.draws
        return self._sample(t, model, "test", asked.n, asked.temperature, asked.top_p, asked.max_new_tokens)

    def greedy(self, t: int, model: Model, split: str) -> tuple[Known, Known]:
        """M_t's greedy answers."""
        return self._sample(t, model, split, 1, 0.0, 1.0, self.recipe.evaluation.draws.max_new_tokens)

    def grade(self, t: int, what: str, answers: tuple[Known, Known], grader: str) -> Graded:
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
        parameters = compare.CompareParameters(sorted(measures), sorted(self.recipe.evaluation.ood))
        inputs = {f"{t}/{what}": artifact for t, found in measures.items() for what, artifact in found.items()}
        return self._do("compare", compare.STAGE, parameters, inputs)

    def _settings(self, kind: Kind) -> Any:
        return self.recipe.training.sft if kind == "sft" else self.recipe.training.dpo

    def _sample(
        self, t: int, model: Model, split: str, n: int, temperature: float, top_p: float, limit: int, first: int | None = None
    ) -> tuple[Known, Known]:
        greedy = temperature == 0
        parameters = sample.SampleParameters(
            engine=self.recipe.engine,
            n=n,
            temperature=temperature,
            top_p=top_p,
            max_new_tokens=limit,
            seed=0 if greedy else derive_seed(self.seed, "sample", t, split),
            problems=first,
        )
        problems = self.problems(split)
        name = f"sample/{split}{'/greedy' if greedy else ''}:{t}"
        return problems, self._do(name, sample.STAGE, parameters, model.inputs("model") | {"problems": problems})
