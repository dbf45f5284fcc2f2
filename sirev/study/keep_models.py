"""The choice of models to keep: they are the large files, and what was measured of them stays without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from sirev.errors import BadInput
from sirev.stages import STAGES
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.step_names import COMPARISON, parse_step, stage_of
from sirev.suggest import suggest

KeepModels = Literal["all", "last", "best", "none"]


def keep_choice(text: str | None) -> KeepModels:
    """The choice that `--keep-models` names, "all" where it is not given; BadInput for anything else."""
    for choice in get_args(KeepModels):
        if text in (choice, None):
            return "all" if text is None else choice
    raise BadInput(f"--keep-models {text}: expected last, best, none or all{suggest(str(text), list(get_args(KeepModels)))}")


def models_to_drop(store: Store, runs: Sequence[Run], keep: KeepModels) -> set[str]:
    """Manifest digests of the models that `runs` trained (or pretrained) and that are not to be kept.

    "last" keeps M_T, "best" the M_t with the highest greedy pass@1, the earliest of equals, and each the M_0 that it was
    trained from. What one of the runs keeps, all keep. A run that is not finished keeps all of its models.
    """
    if keep == "all":
        return set()
    made: set[str] = set()
    kept: set[str] = set()
    for run in runs:
        models = {step: run.pins[step].artifact for step in _models(run)}
        made.update(models.values())
        if run.status == "running":
            kept.update(models.values())
        elif keep != "none" and models:
            wanted = _last(run) if keep == "last" else _best(store, run)
            kept.update(artifact for step, artifact in models.items() if parse_step(step).t == 0)
            kept.update(_model_at(models, wanted))
    return made - kept


def _models(run: Run) -> list[str]:
    """The steps of one t that made a model, in the order of their stages."""
    makers = [name for name, stage in STAGES.items() if stage.makes_model]
    steps = [step for step in run.pins if stage_of(step) in makers and parse_step(step).t is not None]
    return sorted(steps, key=lambda step: makers.index(stage_of(step)))


def _model_at(models: dict[str, str], t: int) -> list[str]:
    """M_t, which is the model trained last at or before t: nothing is trained where there is nothing to learn."""
    # A null run with gold answers pins the method's M_t too, whose steps it copies: its own come last, and count.
    own = sorted(models, key=lambda step: parse_step(step).is_null)
    trained = {name.t: models[step] for step in own if (name := parse_step(step)).t}
    before = [at for at in trained if at <= t]
    return [trained[max(before)]] if before else []


def _last(run: Run) -> int:
    return max((parse_step(step).t or 0 for step in _models(run)), default=0)


def _best(store: Store, run: Run) -> int:
    """The t of the best model by what the run's own comparison says; the last where nothing can be said."""
    try:
        compared = store.artifact(run.pins[COMPARISON].artifact).json("comparison.json")["runs"][0]["iterations"]
        scores = {int(one["t"]): (one.get("pass_at_1") or {}).get("value") for one in compared}
    except (LookupError, TypeError, ValueError, AttributeError, DamagedObject):
        return _last(run)
    known = {t: value for t, value in scores.items() if value is not None}
    return max(known, key=lambda t: (known[t], -t)) if known else _last(run)
