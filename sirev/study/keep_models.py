"""Which of a run's models to keep: they are the large files, and what was measured of them stays without them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from sirev.errors import BadInput
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.comparing import STEP
from sirev.suggest import suggest

Keep = Literal["all", "last", "best", "none"]
_MODEL = re.compile(r"(?:pretrain|train(?:/null)?):(\d+)")


def keep_choice(text: str | None) -> Keep:
    """The choice that `--keep-models` names, "all" where it is not given; BadInput for anything else."""
    for choice in get_args(Keep):
        if text in (choice, None):
            return "all" if text is None else choice
    raise BadInput(f"--keep-models {text}: expected last, best, none or all{suggest(str(text), list(get_args(Keep)))}")


def models_to_drop(store: Store, runs: Sequence[Run], keep: Keep) -> set[str]:
    """Manifest digests of the models that `runs` trained (or pretrained) and that are not to be kept.

    "last" keeps M_T, "best" the M_t with the highest greedy pass@1, the earliest of equals, and each the M_0 that it was
    trained from. What one of the runs keeps, all keep. A run that is not finished keeps all of its models.
    """
    if keep == "all":
        return set()
    made: set[str] = set()
    kept: set[str] = set()
    for run in runs:
        models = {step: pin.artifact for step, pin in run.pins.items() if _MODEL.fullmatch(step)}
        made.update(models.values())
        if run.status == "running":
            kept.update(models.values())
        elif keep != "none" and models:
            wanted = _last(run) if keep == "last" else _best(store, run)
            kept.update(artifact for step, artifact in models.items() if step.startswith("pretrain"))
            kept.update(_model_at(models, wanted))
    return made - kept


def _model_at(models: dict[str, str], t: int) -> list[str]:
    """M_t, which is the model trained last at or before t: nothing is trained where there is nothing to learn."""
    # A null run with gold answers pins the method's M_t too, whose steps it copies: its own come last, and count.
    own = sorted((step for step in models if step.startswith("train")), key=lambda step: step.startswith("train/null"))
    trained = {int(step.rpartition(":")[2]): models[step] for step in own}
    before = [at for at in trained if at <= t]
    return [trained[max(before)]] if before else []


def _last(run: Run) -> int:
    return max((int(found[1]) for step in run.pins if (found := _MODEL.fullmatch(step))), default=0)


def _best(store: Store, run: Run) -> int:
    """The t of the best model by what the run's own comparison says; the last where nothing can be said."""
    try:
        compared = store.artifact(run.pins[STEP].artifact).json("comparison.json")["runs"][0]["iterations"]
        scores = {int(one["t"]): (one.get("pass_at_1") or {}).get("value") for one in compared}
    except (LookupError, TypeError, ValueError, AttributeError, DamagedObject):
        return _last(run)
    known = {t: value for t, value in scores.items() if value is not None}
    return max(known, key=lambda t: (known[t], -t)) if known else _last(run)
