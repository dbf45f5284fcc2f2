"""Choice of the models to keep: they are large, and their measures stay without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from sirev.errors import BadInput
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.step_names import COMPARISON, parse_step
from sirev.study.trained_models import model_step_at, model_steps
from sirev.suggest import suggest

KeepModels = Literal["all", "last", "best", "none"]


def keep_choice(text: str | None) -> KeepModels:
    """The value of `--keep-models`, "all" if it is not given; BadInput for anything else."""
    for choice in get_args(KeepModels):
        if text in (choice, None):
            return "all" if text is None else choice
    raise BadInput(f"--keep-models {text}: expected last, best, none or all{suggest(str(text), list(get_args(KeepModels)))}")


def models_to_drop(store: Store, runs: Sequence[Run], keep: KeepModels) -> set[str]:
    """Manifest digests of the models that `runs` trained (or pretrained) and that are to be dropped.

    "last" keeps M_T, "best" the M_t with the highest pass@1 (the earliest of equals), both with the M_0 that they were trained
    from. A model kept by one of the runs is kept. A run that is not finished keeps all its models.
    """
    if keep == "all":
        return set()
    made: set[str] = set()
    kept: set[str] = set()
    for run in runs:
        models = {step: run.pins[step].artifact for step in model_steps(run)}
        made.update(models.values())
        if run.status == "running":
            kept.update(models.values())
        elif keep != "none" and models:
            wanted = _last(run) if keep == "last" else _best(store, run)
            kept.update(artifact for step, artifact in models.items() if parse_step(step).t == 0)
            kept.update([models[step]] if (step := model_step_at(models, wanted)) else [])
    return made - kept


def _last(run: Run) -> int:
    return max((parse_step(step).t or 0 for step in model_steps(run)), default=0)


def _best(store: Store, run: Run) -> int:
    """The t of the best model by the run's own comparison; the last where there are no values."""
    try:
        compared = store.artifact(run.pins[COMPARISON].artifact).json("comparison.json")["runs"][0]["iterations"]
        scores = {int(one["t"]): (one.get("pass_at_1") or {}).get("value") for one in compared}
    except (LookupError, TypeError, ValueError, AttributeError, DamagedObject):
        return _last(run)
    known = {t: value for t, value in scores.items() if value is not None}
    return max(known, key=lambda t: (known[t], -t)) if known else _last(run)
