"""Explanations of a plan's steps: cached, or why not."""

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
    """The recorded action that a step is compared with; `run` and `step` are None where no run has pinned it."""

    key: str
    artifact: str
    recorded: str
    run: str | None
    step: str | None

    def words(self) -> str:
        """Such as "tiny-sft-s0-1dcc2f30:2:train, made 2026-11-25 07:09"."""
        what = run_address(self.run, self.step) if self.run and self.step else f"the action {self.key[:12]}, which no run has"
        return f"{what}, made {moment(self.recorded)}"


@dataclass(frozen=True)
class Explanation:
    """What is known of a step that one or several of the runs share.

    `state` is "unknown" where earlier steps, `waits_for`, have to run first and may yield what was seen before; a step that
    differs by itself is a "miss" all the same. `nearest` is the action in which the fewest components differ, of those that runs
    of this recipe have for the same step, else of all that are recorded of its stage; of several, one of a run of the same
    method, then of the same seed, then the latest. `cause` of a miss: "changed" from `nearest` by `changes`; the "first" step of
    its name in any run of this recipe, or of this method if that never ran; "new", where nothing of its stage was stored yet;
    "damaged", and `troubles` say how; "redo"; "shipped", where it comes with sirev and is taken in, not computed. A hit has
    `artifact`, `recorded`, `seconds` (None: not noted), `here` (or from another store, from which it was pulled unless it is
    `shipped` with sirev), `hollow` (its files were given up, its digest is kept), and if it was asked for, how it differs from
    what was nearest when it was computed. `dependents` counts the later steps that can't be known before this one has run.
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
        """Equal for steps that miss for the same reason."""
        if self.cause in ("first", "new", "redo", "shipped"):
            return (self.cause,)
        roots = [f"{root.step} {root.change.identity}" for change in self.changes for root in change.roots]
        own = [change.identity for change in self.changes if not change.roots]
        return (self.cause or "", *self.troubles, *own, *dict.fromkeys(roots))

    def reasons(self) -> list[str]:
        """In words, why it is no hit; of a hit, how it differs from what was nearest when it was computed."""
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
    """Steps that miss for one reason of their own: the first of them, the runs that have it, and the `others` by name."""

    first: Explanation
    runs: tuple[str, ...]
    others: tuple[str, ...]
    dependents: int


@dataclass(frozen=True)
class Why:
    """Every step of the runs of a request, each that runs share told once, in the order of the algorithm."""

    recipe: str
    runs: tuple[str, ...]
    steps: tuple[Explanation, ...]
    total: dict[CacheState, int] = field(default_factory=dict)
    """How many steps are hits and so on, also those that were not asked about."""

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {state}" for state, count in self.total.items())
        first = next((f"; {step_title(one.first.step)}: {'; '.join(one.first.reasons())}" for one in self.causes()), "")
        return f"Why({self.recipe}: {len(self.runs)} runs, {sum(self.total.values()):,} steps: {counts}{first})"

    def causes(self) -> list[Told]:
        """The steps that miss by themselves, not because an earlier one does; one entry a reason."""
        found: dict[tuple[str, ...], list[Explanation]] = {}
        for step in self.steps:
            # What has never run before is to be expected after an earlier miss.
            if step.state == "miss" and (not step.waits_for or step.cause not in ("new", "first")):
                found.setdefault(step.reason, []).append(step)
        return [_told(same) for same in found.values()]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: `total` counts every step of the runs, also those that are not among `steps`."""
        steps = [step.to_dict() for step in self.steps]
        return {"schema": _SCHEMA, "recipe": self.recipe, "runs": list(self.runs), "total": self.total, "steps": steps}


def has_to_run(steps: Sequence[str]) -> str:
    """Such as "1:train has to run first"."""
    return f"{listed([*map(step_title, steps)], 3)} {'has' if len(steps) == 1 else 'have'} to run first"


def _told(same: Sequence[Explanation]) -> Told:
    first = same[0]
    runs = [run for one in same if one.step == first.step for run in one.runs]
    others = dict.fromkeys(one.step for one in same if one.step != first.step)
    return Told(first, tuple(dict.fromkeys(runs)), tuple(others), max(one.dependents for one in same))
