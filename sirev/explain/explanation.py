"""Explanations of the steps of a plan: cached, or the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sirev.explain.action_diff import ComponentChange, changes_in_words, moment
from sirev.listing import listed
from sirev.store.runs import run_address, step_title

_SCHEMA = 1
"""Version of the JSON form."""

CacheState = Literal["hit", "miss", "unknown"]
Cause = Literal["changed", "first", "new", "damaged", "redo", "shipped"]


@dataclass(frozen=True)
class Nearest:
    """The recorded action that a step is compared with. `run` and `step` are None if no run has pinned it."""

    key: str
    artifact: str
    recorded: str
    run: str | None
    step: str | None

    def words(self) -> str:
        """The action in words: "tiny-sft-s0-1dcc2f30:2:train, made 2026-11-25 07:09"."""
        what = run_address(self.run, self.step) if self.run and self.step else f"the action {self.key[:12]}, which no run has"
        return f"{what}, made {moment(self.recorded)}"


@dataclass(frozen=True)
class Explanation:
    """The explanation of one step, which one or several of the runs share.

    `state` is "unknown" if earlier steps (`waits_for`) have to run first and may give a result that is cached; a step with a
    change of its own is a "miss" even then. `dependents` counts the later steps that are unknown until this one has run.

    `nearest` is the recorded action with the fewest differing components: among those of the same step in runs of this recipe,
    else among all of its stage. Ties go to a run of the same method, then of the same seed, then to the latest.

    `cause` of a miss:

    - "changed": it differs from `nearest` by `changes`.
    - "first": the recipe has runs, but none with this step, or none of this method.
    - "new": nothing of its stage is stored yet.
    - "damaged": `troubles` say how.
    - "redo": another realisation is wanted.
    - "shipped": it comes with sirev, and is imported, not computed.

    A hit has `artifact`, `recorded`, `seconds` (None if not noted), `here` (False if it came from another store: pulled, or
    `shipped` with sirev), and `hollow` (its files were given up, its digest is kept). On request it also has `changes`: the
    differences from the nearest action at the time of computing.
    """

    step: str
    stage: str
    state: CacheState
    runs: tuple[str, ...]
    key: str | None
    dependents: int = 0
    cause: Cause | None = None
    changes: tuple[ComponentChange, ...] = ()
    nearest: Nearest | None = None
    troubles: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    artifact: str | None = None
    recorded: str | None = None
    seconds: float | None = None
    here: bool | None = None
    shipped: bool = False
    hollow: bool = False

    @property
    def reason(self) -> tuple[str, ...]:
        """A tuple that is equal for steps that miss for the same reason."""
        if self.cause in ("first", "new", "redo", "shipped"):
            return (self.cause,)
        roots = [f"{root.step} {root.change.identity}" for change in self.changes for root in change.roots]
        own = [change.identity for change in self.changes if not change.roots]
        return (self.cause or "", *self.troubles, *own, *dict.fromkeys(roots))

    def reasons(self) -> list[str]:
        """The reasons of a miss in words; for a hit, its differences from the nearest action at the time of computing."""
        match self.cause:
            case "new":
                return ["nothing like it has been stored yet"]
            case "shipped":
                return ["it comes with sirev: it is imported, not computed"]
            case "redo":
                return ["--redo asks for another realisation, whatever is stored"]
            case "damaged":
                return list(self.troubles)
            case "first":
                return ["no earlier run of this recipe had this step", *changes_in_words(self.changes)]
        return changes_in_words(self.changes) or [has_to_run(self.waits_for)]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        nearest = None if self.nearest is None else vars(self.nearest)
        found = {**vars(self), "changes": [change.to_dict() for change in self.changes], "nearest": nearest}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


@dataclass(frozen=True)
class Told:
    """Steps that miss for the same reason: the first of them, the runs that have it, and the names of the `others`."""

    first: Explanation
    runs: tuple[str, ...]
    others: tuple[str, ...]
    dependents: int


@dataclass(frozen=True)
class Why:
    """The explanations of all steps of a request's runs, in the order of the algorithm. Shared steps appear once."""

    recipe: str
    runs: tuple[str, ...]
    steps: tuple[Explanation, ...]
    total: dict[CacheState, int] = field(default_factory=dict)
    """State -> number of steps, over all steps of the runs."""

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {state}" for state, count in self.total.items())
        first = next((f"; {step_title(one.first.step)}: {'; '.join(one.first.reasons())}" for one in self.causes()), "")
        return f"Why({self.recipe}: {len(self.runs)} runs, {sum(self.total.values()):,} steps: {counts}{first})"

    def causes(self) -> list[Told]:
        """The steps that miss for a reason of their own, not because of an earlier miss; one entry per reason."""
        found: dict[tuple[str, ...], list[Explanation]] = {}
        for step in self.steps:
            # After an earlier miss, a step that never ran before is to be expected.
            if step.state == "miss" and (not step.waits_for or step.cause not in ("new", "first")):
                found.setdefault(step.reason, []).append(step)
        return [_told(same) for same in found.values()]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form. `total` counts all steps of the runs, also those not in `steps`."""
        steps = [step.to_dict() for step in self.steps]
        return {"schema": _SCHEMA, "recipe": self.recipe, "runs": list(self.runs), "total": self.total, "steps": steps}


def has_to_run(steps: Sequence[str]) -> str:
    """The reason of an unknown step: "1:train has to run first"."""
    return f"{listed([*map(step_title, steps)], 3)} {'has' if len(steps) == 1 else 'have'} to run first"


def _told(same: Sequence[Explanation]) -> Told:
    first = same[0]
    runs = [run for one in same if one.step == first.step for run in one.runs]
    others = dict.fromkeys(one.step for one in same if one.step != first.step)
    return Told(first, tuple(dict.fromkeys(runs)), tuple(others), max(one.dependents for one in same))
