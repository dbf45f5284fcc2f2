"""Models made by a run: the steps of M_0, where it was pretrained here, and of each M_t."""

from __future__ import annotations

from collections.abc import Iterable

from sirev.stages import STAGES
from sirev.store.runs import Run
from sirev.study.step_names import parse_step, stage_of


def model_steps(run: Run) -> list[str]:
    """The steps with a t that made a model, in the order of their stages."""
    makers = [name for name, stage in STAGES.items() if stage.makes_model]
    steps = [step for step in run.pins if stage_of(step) in makers and parse_step(step).t is not None]
    return sorted(steps, key=lambda step: makers.index(stage_of(step)))


def model_step_at(steps: Iterable[str], t: int) -> str | None:
    """The model step of M_t: the last training at or before t, since nothing is trained where there is nothing to learn.

    None where nothing was trained by then.
    """
    # A null run with gold answers also pins the method's M_t, whose steps it copies; its own come last, and so replace them.
    own = sorted(steps, key=lambda step: parse_step(step).is_null)
    trained = {name.t: step for step in own if (name := parse_step(step)).t}
    before = [at for at in trained if at <= t]
    return trained[max(before)] if before else None
