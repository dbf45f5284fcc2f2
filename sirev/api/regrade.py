"""Regrading: a run's stored answers, graded by other graders. Nothing is sampled or trained."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sirev.api.regrade_measured import graded_answers, is_measured, measured_grader, require_golds
from sirev.errors import BadInput, StageFailed
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner, os_reason
from sirev.explain.lookup import run_named
from sirev.grading.sandbox.confine import CONFINED
from sirev.recipe import Overrides, Recipe, allow_unsafe_code, load_recipe, override_list
from sirev.recipe.sections import Grader, OwnGrader
from sirev.recipe.yaml_reading import parse_yaml
from sirev.stages import dataset, grade, sample, source
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.external.evaluated_models import evaluate_models
from sirev.study.inputs import grading_parameters
from sirev.study.nulls import follow, retrained_in
from sirev.study.remedies import rerun, verb_of
from sirev.study.step_names import grading_step, problems_step, stage_of
from sirev.study.steps import GradedAnswers, ModelWeights, Planned, StepResult, Steps
from sirev.suggest import suggest

ASKED = (source.STAGE, dataset.STAGE, sample.STAGE)
"""The stages of problems and answers, the inputs of grading."""


@dataclass(frozen=True)
class Flip:
    """An answer, by problem and draw, whose verdict changed, with the reasons before and after."""

    problem: str
    draw: int
    before: str
    after: str


@dataclass(frozen=True)
class Regraded:
    """Counts of one grade step: all answers, right ones before and after, and the flips."""

    step: str
    answers: int
    right_before: int
    right_after: int
    right_to_wrong: int
    wrong_to_right: int
    other_reasons: int
    """Answers with the same verdict for another reason."""
    flips: list[Flip]


@dataclass(frozen=True)
class Regrading:
    """Result of regrading a run, step by step in the order of the algorithm.

    `missing`: step -> why it could not be regraded; `computed`: the steps whose new grades were not in the store.
    """

    run: str
    steps: list[Regraded]
    missing: dict[str, str]
    computed: tuple[str, ...]

    def __repr__(self) -> str:
        flips = sum(len(step.flips) for step in self.steps)
        return f"Regrading({self.run}: {len(self.steps)} steps, {flips:,} flips, {len(self.missing)} steps not regraded)"


def regrade(
    run: str,
    *,
    overrides: Overrides = (),
    store: Store | str | Path | None = None,
    unsafe_code: bool = False,
    listener: Listener | None = None,
) -> Regrading:
    """Grade all answers of a run by its recipe's graders with `overrides`, and return the changed verdicts.

    `run` is an id or its beginning. `overrides` are "key.sub=value" below the graders of training, evaluation and OOD suites; for
    measured completions, below `evaluation.grader`, which compares with their gold answers. `unsafe_code` lets programs run
    unconfined (`sirev.recipe.allow_unsafe_code`) and functions run that the run's recipe names as graders; functions named by
    `overrides` always run. Models, answers and the run itself stay unchanged. The new grades are stored, and an `iterate` with
    the same overrides finds them. Raises BadInput for a run that can't be regraded, StageFailed if a grader fails.
    """
    opened = store if isinstance(store, Store) else Store(store)
    found = run_named(opened, run)
    named = override_list(overrides)
    try:
        if is_measured(found):
            return _measured(opened, found, measured_grader(found, named, unsafe_code=unsafe_code), listener or Listener())
        recipe = _recipe_of(found, named)
        trusted = None if unsafe_code else _functions_named_by(named)
        return _regraded(opened, found, allow_unsafe_code(recipe) if unsafe_code else recipe, trusted, listener or Listener())
    except OSError as error:  # such as a full disk
        raise StageFailed(f"{found.id}: {os_reason(error)}") from error


def _measured(store: Store, run: Run, grader: Grader, listener: Listener) -> Regrading:
    """Regrade a run of imported completions by one grader, with the gold answers of its problems."""
    answers, missing = graded_answers(store, run)
    require_golds(run, answers)
    crew = Crew(f"regrade-{run.id}", embedded=False)
    runner = GradeRunner(store, replace(run, status="complete", redo=[]), crew, listener)
    parameters = grading_parameters(grader, LocalFiles(store.objects))
    steps = []
    try:
        with crew.turn, store.leasing():
            for name, there in answers.items():
                asked = {what: there[what] for what in ("problems", "completions")}
                steps.append(_compared(name, there["grades"], runner.step(name, grade.STAGE, parameters, asked)))
    finally:  # also on Ctrl-C
        crew.close()
    return Regrading(run.id, steps, missing, tuple(runner.computed))


def _regraded(store: Store, run: Run, recipe: Recipe, trusted: frozenset[str] | None, listener: Listener) -> Regrading:
    if not any(stage_of(step) == "grade" for step in run.pins):
        again = rerun(run, store)
        raise BadInput(f"the run {run.id} has graded nothing yet; continue with: {again.command} ({again.note})")
    crew = Crew(f"regrade-{run.id}", embedded=recipe.model.pretrain is not None)
    regrader = Regrader(store, run, recipe, crew, listener)
    try:
        with crew.turn, store.leasing():
            steps = PinnedSteps(recipe, run.seed, regrader, LocalFiles(store.objects), trusted)
            if verb_of(run) == "evaluate":
                evaluate_models(steps, {t: ModelWeights(Planned(f"M_{t}")) for t in range(1, recipe.T + 1)})
            else:
                follow(steps, run.method, retrained_in(run))
    finally:  # also on Ctrl-C
        crew.close()
    return Regrading(run.id, regrader.steps, regrader.missing, tuple(regrader.runner.computed))


class PinnedSteps(Steps):
    """Steps of a run whose problems and M_0 are taken as given, since their sources may be gone.

    Of the user's own grading functions only those in `trusted` run; None trusts all.
    """

    def __init__(self, recipe: Recipe, seed: int, regrader: Regrader, local: LocalFiles, trusted: frozenset[str] | None) -> None:
        super().__init__(recipe, seed, regrader, local)
        self._regrader = regrader
        self._trusted = trusted

    def grade(self, t: int, what: str, answers: tuple[StepResult, StepResult], grader: Grader) -> GradedAnswers:
        if not isinstance(grader, OwnGrader) or self._trusted is None or grader.function in self._trusted:
            return super().grade(t, what, answers, grader)
        name = grading_step(what, t)
        self._regrader.leave(name, "its grader is a function that the run names, whose code runs only with --allow-unsafe-code")
        return GradedAnswers(*answers, Planned(name))

    def problems(self, split: str) -> StepResult:
        stage = source.STAGE if self.recipe.task.embedded else dataset.STAGE
        return self._do(problems_step(stage.name, split), stage, None, {})

    def base_model(self) -> ModelWeights:
        return ModelWeights(Planned("M_0"))

    def embedding_model(self) -> StepResult | None:
        return None


class GradeRunner(Runner):
    """A runner that does not save its run."""

    def _save(self, run: Run) -> None:
        pass


class Regrader:
    """Executor of a run's pinned grade steps, on the pinned answers.

    All else stays unknown, including D_t, so that no training set ends the algorithm early and every grade step is reached.
    """

    def __init__(self, store: Store, run: Run, recipe: Recipe, crew: Crew, listener: Listener) -> None:
        self.store = store
        self.run = run
        # An unfinished `--redo grade` is not continued here.
        graded = replace(run, settings=recipe.settings(), status="complete", redo=[])
        self.runner = GradeRunner(store, graded, crew, listener)
        self.steps: list[Regraded] = []
        self.missing: dict[str, str] = {}

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult:
        """The pinned result for problems and answers; grades are recomputed and compared with the pinned ones."""
        if stage in ASKED:
            return self._pinned(name) or Planned(name)
        if stage.name == "grade" and name in self.run.pins:
            answers = {what: artifact for what, artifact in inputs.items() if isinstance(artifact, Artifact)}
            before = self._pinned(name)
            lost = [what for what in inputs if what not in answers] or ([] if before else ["grades"])
            if lost or before is None:
                self.missing[name] = f"its {' and '.join(lost)} are no longer in the store"
            elif self._graded(name) != {what: artifact.semantic for what, artifact in answers.items()}:
                verb = verb_of(self.run)
                self.missing[name] = f"its grades are of other answers: `sirev {verb}` was interrupted before it graded these"
            else:
                self._regrade(name, stage, parameters, answers, before)
        return Planned(name)

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        """True: only grades are computed."""
        return True

    def leave(self, name: str, why: str) -> None:
        """Note why a graded step is not regraded."""
        if name in self.run.pins:
            self.missing[name] = why

    def provenance(self, name: str) -> Mapping[str, Any]:
        """Empty: no training is executed."""
        return {}

    def _regrade(self, name: str, stage: Stage, parameters: Any, answers: Mapping[str, Artifact], before: Artifact) -> None:
        try:
            self.steps.append(_compared(name, before, self.runner.step(name, stage, parameters, answers)))
        except DamagedObject as error:
            self.missing[name] = f"{str(error).partition(';')[0]}; `sirev {verb_of(self.run)}` recomputes it"

    def _pinned(self, name: str) -> Artifact | None:
        pin = self.run.pins.get(name)
        return self.store.lookup(pin.key, pin.artifact) if pin else None

    def _graded(self, name: str) -> dict[str, str]:
        """Input -> digest, for the run's own grades of a step."""
        pin = self.run.pins[name]
        record = self.store.records.get(pin.key, pin.artifact)
        return dict(record.action["inputs"]) if record else {}


def _compared(step: str, before: Artifact, after: Artifact) -> Regraded:
    """Compare two gradings of the same answers, whose rows have the same order."""
    old = before.rows("grades")
    new = old if after.semantic == before.semantic else after.rows("grades")
    pairs = list(zip(old, new, strict=True))
    flipped = [(b, a) for b, a in pairs if b["correct"] != a["correct"]]
    return Regraded(
        step=step,
        answers=len(pairs),
        right_before=sum(b["correct"] for b, _ in pairs),
        right_after=sum(a["correct"] for _, a in pairs),
        right_to_wrong=sum(b["correct"] for b, _ in flipped),
        wrong_to_right=sum(a["correct"] for _, a in flipped),
        other_reasons=sum(b["correct"] == a["correct"] and b["reason"] != a["reason"] for b, a in pairs),
        flips=[Flip(b["problem_id"], b["draw"], b["reason"], a["reason"]) for b, a in flipped],
    )


def _recipe_of(run: Run, overrides: Sequence[str]) -> Recipe:
    """The recipe of a run, with other graders."""
    for override in overrides:
        _check_override(override, list(_suites(run.settings)))
    with tempfile.TemporaryDirectory(prefix="sirev-regrade-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "settings.yaml"
        file.write_text(json.dumps(_of_a_recipe(run)), encoding="utf-8")  # JSON is YAML
        try:
            trains = verb_of(run) == "iterate"
            return load_recipe(file, overrides, trains=trains).model_copy(update={"T": run.settings["T"]})
        except BadInput as error:  # an older sirev may have had fields and graders that this one lacks
            raise BadInput(str(error).replace(str(file), f"the settings of the run {run.id}")) from None


def _of_a_recipe(run: Run) -> dict[str, Any]:
    """The recipe settings of a run, confined, without those that only an evaluation has."""
    settings = _confined(run.settings)
    if verb_of(run) != "evaluate":
        return settings
    left = {key: value for key, value in settings.items() if key not in ("steps", "models", "chat", "seed")}
    return {**left, "T": max(int(left["T"]), 2), "training": {**left["training"], "parameters": "full"}}


def _functions_named_by(overrides: Sequence[str]) -> frozenset[str]:
    """The functions that overrides name as graders: these are the user's choice, not the store's."""
    values = [parse_yaml(override.partition("=")[2]) for override in overrides]
    named = [value.get("function") if isinstance(value, dict) else value for value in values]
    return frozenset(one for one in named if isinstance(one, str))


def _confined(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with a sandbox for every grader: a run may be untrusted, so its own `sandbox: C` does not count."""
    confined: dict[str, Any] = json.loads(json.dumps(settings))
    sections = [confined.get("training"), confined.get("evaluation"), *_suites(confined).values()]
    for grader in (section.get("grader") for section in sections if isinstance(section, dict)):
        if isinstance(grader, dict) and grader.get("sandbox", "B") not in CONFINED:
            grader["sandbox"] = "B"
    return confined


def _suites(settings: Mapping[str, Any]) -> dict[str, Any]:
    evaluation = settings.get("evaluation")
    suites = evaluation.get("ood") if isinstance(evaluation, dict) else None
    return suites if isinstance(suites, dict) else {}


def _check_override(override: str, suites: list[str]) -> None:
    keys = override.partition("=")[0].split(".")
    if keys[:2] in (["training", "grader"], ["evaluation", "grader"]):
        return
    if keys[:2] != ["evaluation", "ood"] or keys[3:4] != ["grader"]:
        raise BadInput(
            f"--set {override}: models and answers are held fixed; what can change is training.grader, evaluation.grader "
            "and evaluation.ood.SUITE.grader"
        )
    if keys[2] not in suites:
        raise BadInput(f"--set {override}: the run has no suite {keys[2]!r}{suggest(keys[2], suites)}")
