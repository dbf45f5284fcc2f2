"""Steps of a run that evaluates models trained elsewhere: each is found, then evaluated like the M_t of a loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from sirev.errors import BadInput
from sirev.hub import is_local
from sirev.recipe import Recipe
from sirev.recipe.sections import Model
from sirev.stages import describe, model
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.study.algorithm import RunOutcome
from sirev.study.evaluation import evaluate_model, with_embeddings
from sirev.study.external.given_models import GivenModel, complaints_of, without_key
from sirev.study.external.loop_models import LoopModel
from sirev.study.inputs import given_model_parameters
from sirev.study.step_names import description_step, given_model_step
from sirev.study.steps import Executor, GradedAnswers, ModelWeights, StepResult, Steps
from sirev.trainers.description import Description

EVALUATED = "models"
"""The method of such a run, as the origin of its models is unknown."""
Chat = Literal["auto", "always", "never"]
"""When prompts are sent as a user's turn: "auto", if a model has a chat template; else the same for all models."""


class ModelSteps(Steps):
    """The steps of such a run; `known` are models whose files a loop in the store made, by their t.

    `from_loops` are the t of those taken from the loop, without adapters that a user puts on another base.
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        executor: Executor,
        local: LocalFiles,
        chat: Chat,
        known: Mapping[int, tuple[LoopModel, ModelWeights]],
    ) -> None:
        super().__init__(recipe, seed, executor, local)
        self._when = chat
        self._known = known
        self.from_loops: set[int] = set()
        self._on_head: set[str] = set()

    def models(self, given: Sequence[GivenModel]) -> dict[int, ModelWeights]:
        """All models by their t, after the problems: missing or broken ones show before any evaluation."""
        for split in self.evaluated_splits():
            self.problems(split)
        self.embedding_model()
        return {t: self._model(t, one) for t, one in enumerate(given, 1)}

    def _model(self, t: int, given: GivenModel) -> ModelWeights:
        """M_t as a user named it. Raises BadInput, naming its step, if it can't be read."""
        with complaints_of(given.step):
            return self._of_loop(t, given) or self._found(t, given)

    def _of_loop(self, t: int, given: GivenModel) -> ModelWeights | None:
        """The model of a loop, None for others; with the loop's random numbers if its seed is this run's, except for M_0."""
        if t not in self._known:
            return None
        loop, made = self._known[t]
        if given.base is not None:
            named = self._given(t, given.base, base=True) if made.base is not None else None
            if not (isinstance(named, Artifact) and isinstance(made.base, Artifact) and named.semantic == made.base.semantic):
                return None
        if self._when == "always":
            said = self._said(t, made.weights)
            if said is not None and not said.tokenizer and made.base is not None:
                said = self._said(t, made.base, base=True)
            self._require_template(said, given)
        self.from_loops.add(t)
        chat = loop.chat if self._when == "auto" else self._when == "always"
        return replace(
            made, chat=chat, drawn_as=(loop.seed, loop.t) if loop.t and loop.seed == self.seed else self._numbers(made)
        )

    def _found(self, t: int, given: GivenModel) -> ModelWeights:
        weights, said = self._described(t, given.weights)
        if said is None:  # planned, and never described before
            return ModelWeights(weights)
        if not said.adapter:
            if given.base is not None:
                raise BadInput(f"{given.weights.name} is not an adapter, and has no base; leave out @{given.base.name}")
            return self._asked(ModelWeights(weights), said, said.ends, given)
        named = given.base or _base_of(said)
        if named is None:
            raise BadInput(f"{given.weights.name} is an adapter that names no base: use {given.weights.name}@BASE")
        try:
            base, of_base = self._described(t, named, base=True)
        except BadInput as error:
            told = "" if given.base else f"; {given.weights.name} names this base; name another with {given.weights.name}@BASE"
            raise BadInput(f"its base: {without_key(error)}{told}") from None
        if of_base is None:
            return ModelWeights(weights, base)
        if of_base.adapter:
            raise BadInput(f"the base {named.name} is an adapter itself")
        if not said.plain and self.recipe.engine.name == "vllm":
            raise BadInput("an adapter that is more than LoRA, which vLLM does not serve; add --set engine=transformers")
        if said.on_head and isinstance(weights, Artifact):
            self._on_head.add(weights.semantic)
        return self._asked(ModelWeights(weights, base), said if said.tokenizer else of_base, of_base.ends, given)

    def _described(self, t: int, named: Model, *, base: bool = False) -> tuple[StepResult, Description | None]:
        """A model, or an adapter's base, and its description."""
        weights = self._given(t, named, base=base)
        return weights, self._said(t, weights, base=base)

    def _given(self, t: int, named: Model, *, base: bool = False) -> StepResult:
        return self._do(given_model_step(t, base=base), model.STAGE, given_model_parameters(named, self._local), {})

    def _said(self, t: int, weights: StepResult, *, base: bool = False) -> Description | None:
        said = self._do(description_step(t, base=base), describe.STAGE, describe.DescribeParameters(), {"model": weights})
        return describe.description(said) if isinstance(said, Artifact) else None

    def _require_template(self, tokenizer: Description | None, given: GivenModel) -> None:
        """Raise BadInput where every model must use a chat template and this one has none."""
        if self._when == "always" and tokenizer is not None and not tokenizer.chat_template:
            raise BadInput(f"{given.weights.name} has no chat template, as --chat always needs")

    def _numbers(self, found: ModelWeights) -> tuple[int, str]:
        """The seed and content that determine a model's random numbers for draws, independent of its place among the models."""
        return self.seed, "+".join(one.semantic for one in (found.weights, found.base) if isinstance(one, Artifact))

    def _asked(self, found: ModelWeights, tokenizer: Description, ends: Sequence[int], given: GivenModel) -> ModelWeights:
        """The model with its form of prompts, end tokens and random numbers. Raises BadInput for a missing tokenizer or template.

        `tokenizer` describes the files with its tokenizer; `ends` are the tokens that end an answer by its own settings.
        """
        if not tokenizer.tokenizer:
            raise BadInput(f"{given.weights.name} has no tokenizer; save one next to its weights")
        self._require_template(tokenizer, given)
        chat = tokenizer.chat_template if self._when == "auto" else self._when == "always"
        others = tuple(sorted({*ends} - {tokenizer.end}))
        return replace(found, chat=chat, ends=others, drawn_as=self._numbers(found))

    def score(self, t: int, what: str, answers: GradedAnswers, by: ModelWeights, draws: int | None = None) -> StepResult | None:
        """As in a loop; None by an adapter on the output layer, which vLLM leaves out (`Steps._gives_scores`)."""
        on_head = isinstance(by.weights, Artifact) and by.weights.semantic in self._on_head
        return None if on_head and self.recipe.engine.name == "vllm" else super().score(t, what, answers, by, draws)


def _base_of(adapter: Description) -> Model | None:
    """The base that an adapter names; a folder has no revision."""
    if adapter.base is None:
        return None
    return Model(name=adapter.base, revision=None if is_local(adapter.base) else adapter.base_revision)


def evaluate_models(steps: Steps, models: Mapping[int, ModelWeights]) -> RunOutcome:
    """Evaluate all models, by their t, and compare the others with the first."""
    evaluated = {t: evaluate_model(steps, t, model, first=models[1]) for t, model in models.items()}
    return RunOutcome(steps.compare(EVALUATED, with_embeddings(steps, evaluated)), None, {})
