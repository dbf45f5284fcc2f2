"""Readiness of this machine for the missing steps of runs, checked before the first of them is computed.

A replay is never checked. Findings and remedies are `sirev.machine.doctor`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sirev.errors import BadInput
from sirev.execution.planner import PlannedStep, Planner
from sirev.processes.torch_gpu import forget_gpu
from sirev.recipe import Recipe
from sirev.stages import STAGES
from sirev.stages.model import REFERENCE
from sirev.store.artifacts import Artifact
from sirev.store.runs import Run, step_title
from sirev.store.store import Store
from sirev.study.remedies import verb_of
from sirev.study.step_names import BASE_MODEL, EMBEDDING_MODEL, parse_step, stage_of, suite_of
from sirev.study.steps import LookedUp, Planned

if TYPE_CHECKING:
    from sirev.explain.recorded import Recorded
    from sirev.machine.findings import Need

PlannedSteps = Mapping[str, PlannedStep]


class Readiness:
    """Refusal of steps that this machine can't compute, or whose later steps it can't; each step is checked once."""

    def __init__(
        self, recipe: Recipe, store: Store, plan: Callable[[], Iterable[Planner]], *, remote: bool, scratch: Path | None
    ) -> None:
        """`plan` looks up the steps of all runs; `remote`: a shared store may have results that this store lacks.

        `scratch` is the result of `sirev.execution.scratch.shared_scratch`.
        """
        self._recipe = recipe
        self._store = store
        self._plan = plan
        self._remote = remote
        self._scratch = scratch
        self._passed: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        forget_gpu()  # an earlier call in this process may have cached it

    def check(self, run: Run, name: str) -> None:
        """Raise BadInput, one line per missing thing, if step `name` of a run or a necessary later step can't be computed.

        Without a shared store, the later steps are all that are sure to be computed. With one, they are those that depend on
        a training or a sampling: any other step may be found there.
        """
        with self._lock:
            if (run.id, name) in self._passed or ((self._remote or self._passed) and not STAGES[stage_of(name)].needs):
                return
            planned = {planner.run.id: planner.steps for planner in self._plan()}
            concerned = {id_: self._sure(steps, name if id_ == run.id else None) for id_, steps in planned.items()}
            needs: dict[Need, list[str]] = {}
            trainings = {step.work for steps in concerned.values() for step in steps if step.stage == "train"}
            for id_, steps in concerned.items():
                for step in steps:
                    for need in _needs(planned[id_], step):
                        needs.setdefault(need, []).append(step.name)
            self._refuse(needs, self._pinned(planned.values()), len(trainings), trains=verb_of(run) != "evaluate")
            self._passed |= {(run.id, name), *((id_, step.name) for id_, steps in concerned.items() for step in steps)}

    def _sure(self, steps: PlannedSteps, name: str | None) -> list[PlannedStep]:
        """The steps of a run that are sure to be computed: step `name`, and necessary later ones.

        A step of unknown state may still turn out to be stored, as after a lost result that is recomputed.
        """
        sure = {name}
        if not self._remote:
            from sirev.explain.recorded import Recorded  # a replay has no use for it

            recorded = Recorded(self._store)
            sure |= {step.name for step in steps.values() if step.state == "run" or _is_new(step, recorded)}
        made: set[str] = set()
        found = []
        for step in steps.values():
            if STAGES[step.stage].optional and step.name != name:
                continue  # a run continues without an optional step
            follows = any(isinstance(value, Planned) and value.work in made for value in step.inputs.values())
            if step.name in sure or follows:
                found.append(step)
                if follows or STAGES[step.stage].needs_gpu:  # the result may differ, so that stored later steps no longer match
                    made.add(step.work)
        return found

    def _pinned(self, planned: Iterable[PlannedSteps]) -> Recipe:
        """The recipe with its Hub models at the commits recorded in the store, which are loaded instead of the latest."""
        recipe = self._recipe
        known = {
            name: step.artifact.json(REFERENCE).get("commit")
            for steps in planned
            for name, step in steps.items()
            if step.stage == "model" and step.artifact is not None
        }
        if commit := known.get(BASE_MODEL):
            recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"revision": commit})})
        embedding = recipe.evaluation.embedding
        if embedding is not None and (commit := known.get(EMBEDDING_MODEL)):
            embedding = embedding.model_copy(update={"revision": commit})
            recipe = recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"embedding": embedding})})
        return recipe

    def _refuse(self, needs: Mapping[Need, list[str]], recipe: Recipe, trainings: int, trains: bool) -> None:
        if not needs:
            return
        from sirev.machine.doctor import findings  # a replay has no use for it

        looked_at = findings(recipe, self._store, needs, self._scratch, trainings)
        missing = [finding for finding in looked_at if finding.missing]
        if missing:
            first = {need: step_title(steps[0]) for need, steps in needs.items()}
            if not trains:
                raise BadInput("\n".join(finding.line_without_training() for finding in missing))
            raise BadInput("\n".join(f"{first[f.need]} can't be computed here: {f.line()}" for f in missing if f.need))


def _is_new(step: PlannedStep, recorded: Recorded) -> bool:
    """Whether a step with unknown inputs has parameters that no stored step of its stage has."""
    from sirev.explain.action_diff import parts  # a replay has no use for it

    return step.state == "unknown" and parts(step.action, inputs=False) not in recorded.settings(step.stage)


def _needs(steps: PlannedSteps, step: PlannedStep) -> Iterator[Need]:
    """The needs of a step: those of its stage, adapted to the step."""
    name = parse_step(step.name)
    suite = suite_of(name.what)
    for need in STAGES[step.stage].needs:
        if need == "model" and name.t:
            continue  # a model given by the user for this t; its step comes first, and reports its own errors
        if need == "data" and suite:
            yield f"data of {suite}"
        elif need == "model" and step.name == EMBEDDING_MODEL:
            yield "embedding"
        elif need != "sandbox" or step.parameters.sandbox is not None:
            yield need
    if any(_same(value, steps.get(BASE_MODEL)) for value in step.inputs.values()):
        yield "model"


def _same(value: LookedUp, step: PlannedStep | None) -> bool:
    """Whether an input is the result of a step."""
    if step is None:
        return False
    if isinstance(value, Artifact):
        return step.artifact is not None and value.digest == step.artifact.digest
    return value.work == step.work
