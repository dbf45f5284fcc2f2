"""Evaluation of models trained elsewhere, in place of a loop's M_t; all else is as in a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

from sirev.api.answers import shown_result
from sirev.api.iterate import RunResult, execute
from sirev.api.plan import Plans, plans
from sirev.api.pushing import shared_store_answers
from sirev.api.request import Request
from sirev.errors import BadInput
from sirev.execution.listener import Listener
from sirev.execution.run_ids import settings_digits
from sirev.recipe import Overlays, Overrides, Recipe, allow_unsafe_code, override_list
from sirev.recipe.sections import Model
from sirev.stages.model import ModelParameters
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.algorithm import RunOutcome
from sirev.study.external.asked_recipe import READ, asked_recipe
from sirev.study.external.evaluated_models import EVALUATED, Chat, ModelSteps, evaluate_models
from sirev.study.external.given_models import GivenModel, contents, given_models
from sirev.study.external.given_names import check_comparison, check_unused, require_mapping
from sirev.study.external.loop_models import LoopModel, loops_of
from sirev.study.step_names import given_model_step
from sirev.study.steps import Executor
from sirev.suggest import suggest

CHAT: tuple[Chat, ...] = get_args(Chat)


@dataclass(frozen=True, repr=False)
class EvaluatedRun(RunResult):
    """Result of an evaluation: that of a run, and the names of its models, `steps`."""

    steps: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return shown_result(self.id, self.iterations, len(self.computed), names=self.steps)


def evaluate(
    name: str,
    *,
    steps: Mapping[str, str | os.PathLike[str]],
    revisions: Sequence[str] = (),
    task: str | None = None,
    recipe: Recipe | str | Path | None = None,
    overrides: Overrides = (),
    overlays: Overlays = (),
    chat: Chat = "auto",
    seed: int = 0,
    store: Store | str | Path | None = None,
    unsafe_code: bool = False,
    remote: str | None = None,
    listener: Listener | None = None,
) -> EvaluatedRun:
    """Evaluate models trained elsewhere as a loop's M_t are evaluated, and compare them with the first one.

    `steps` maps names to models: "ORG/NAME", "ORG/NAME@REVISION" or a folder; an adapter is followed by "@BASE" unless it names
    its base. `revisions` adds more, "ORG/NAME@PATTERN", each named by its branch or tag, in natural order. The evaluation is that
    of a `task`'s recipe or of any `recipe`, with `overlays` and `overrides` as for `iterate`. `chat`: "auto" makes prompts a
    user's turn for models with a chat template, "always" for all models, "never" for none. `seed` is the draws' seed, `remote`
    the URL of a shared store. Stored answers of a model are reused, also those of a loop. Raises BadInput for a request that
    can't be evaluated, StageFailed if a stage fails.
    """
    request = EvaluationRequest.named(
        name,
        steps,
        revisions,
        task=task,
        recipe=recipe,
        overrides=overrides,
        overlays=overlays,
        chat=chat,
        seed=seed,
        store=store,
        unsafe_code=unsafe_code,
    )
    return evaluated(request, remote, listener)


def evaluated(request: EvaluationRequest, remote: str | None = None, listener: Listener | None = None) -> EvaluatedRun:
    """Carry out a checked evaluation."""
    listener = listener or Listener()
    (run,) = request.runs()
    for line in request.notes:
        listener.note(run, line)
    answering = shared_store_answers(remote, False, run, listener)
    (done,) = execute(request, remote, listener, answering=answering)
    values = {one.name: getattr(done, one.name) for one in fields(RunResult)}
    return EvaluatedRun(**values, steps=tuple(model.step for model in request.given))


def planned(request: EvaluationRequest) -> Plans:
    """The plan of a checked evaluation, for models of the size of the first one or, if that is an adapter, of its base."""
    return replace(plans(request), recipe=request.recipe.model_copy(update={"model": request.given[0].sized_by}))


@dataclass(frozen=True)
class EvaluationRequest(Request):
    """A checked evaluation; `loops` are the stored loops whose models are among the given ones, by t.

    `notes` are lines about how the models were found.
    """

    given: tuple[GivenModel, ...] = ()
    chat: Chat = "auto"
    loops: Mapping[int, LoopModel] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def named(
        cls,
        name: str,
        steps: Mapping[str, str | os.PathLike[str]],
        revisions: Iterable[str] = (),
        *,
        task: str | None = None,
        recipe: Recipe | str | Path | None = None,
        overrides: Overrides = (),
        overlays: Overlays = (),
        chat: Chat = "auto",
        seed: int = 0,
        store: Store | str | Path | None = None,
        unsafe_code: bool = False,
    ) -> EvaluationRequest:
        """Check the arguments of `evaluate`; BadInput names the fault."""
        check_comparison(name)
        require_mapping("steps", steps, '{"base": "ORG/NAME", "tuned": "FOLDER"}')
        if chat not in CHAT:
            raise BadInput(f"--chat: unknown {chat!r}{suggest(str(chat), list(CHAT))}")
        notes: list[str] = []
        given = given_models(steps, list(revisions), notes.append)
        asked = asked_recipe(given[0].weights, task, recipe, override_list(overrides), overlays)
        if asked.engine.name == "server":
            raise BadInput("engine.name: server: a server answers for one model; use vllm or transformers")
        if unsafe_code:
            asked = allow_unsafe_code(asked)
        # Nothing is trained, so the section is not read.
        training = asked.training.model_copy(update={"parameters": "full", "lora": None})
        model = Model(name=given[0].weights.name, revision=given[0].weights.revision)
        asked = asked.model_copy(update={"name": name, "T": len(given), "model": model, "training": training})
        request = Request.of(asked, methods=asked.methods[:1], seeds=[seed], store=store)
        check_unused(name, "evaluate", request.store)
        local = LocalFiles(request.store.objects)
        loops = loops_of(given, request.store, local)
        return cls(
            asked,
            (EVALUATED,),
            request.seeds,
            request.store,
            given=tuple(given),
            chat=chat,
            loops=loops,
            notes=tuple(notes),
        )

    def follow(self, run: Run, executor: Executor) -> RunOutcome:
        """Do the steps of the run by an executor."""
        known = {t: (loop, made) for t, loop in self.loops.items() if (made := loop.model(self.store)) is not None}
        steps = ModelSteps(self.recipe, run.seed, executor, LocalFiles(self.store.objects), self.chat, known)
        models = steps.models(self.given)
        for t in steps.from_loops:  # from now on this run needs these models as well
            loop = self.loops[t]
            run.pins[given_model_step(t)] = loop.weights
            if loop.base is not None:
                run.pins.setdefault(given_model_step(t, base=True), loop.base)
            run.settings["models"][t - 1]["loop"] = {"run": loop.run, "t": loop.t}
        return evaluate_models(steps, models)

    def _first_id(self, method: str, seed: int) -> str:
        settings = {section: value for section, value in self.recipe.settings().items() if section in READ}
        local = LocalFiles(self.store.objects)
        models = [[_said(one) for one in contents(given, local)] for given in self.given]
        # Seeds don't make repetitions here: the models and their greedy answers are the same.
        settings |= {"steps": [given.step for given in self.given], "models": models, "chat": self.chat, "seed": seed}
        return f"{self.recipe.name}-{method}-s{seed}-{settings_digits(settings)}"

    def _settings(self) -> dict[str, Any]:
        settings = self.recipe.settings()
        settings["training"]["parameters"] = "none"
        models = [given.settings() for given in self.given]
        steps = [given.step for given in self.given]
        return {**settings, "steps": steps, "models": models, "chat": self.chat, "seed": self.seeds[0]}


def _said(model: ModelParameters) -> dict[str, Any]:
    return {name: value for name, value in asdict(model).items() if value is not None}
