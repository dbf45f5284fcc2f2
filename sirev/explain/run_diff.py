"""The difference of two runs: the first step that differs, the changes there, and their consequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sirev.explain.action_diff import ComponentChange, changes_in_words, leaves
from sirev.explain.recorded import Course, Recorded, Trace, algorithm_order
from sirev.listing import count_text
from sirev.store.runs import Run, step_title
from sirev.store.store import Store

_SCHEMA = 1
"""Version of the JSON form."""

_FEW = 8
"""Most steps that a line names; it gives the count of all."""

How = Literal["apart", "follows", "same result"]


@dataclass(frozen=True)
class Parting:
    """A step of both runs whose action or realisation differs.

    `how` is "apart" if more than changed inputs differs, and "follows" if only inputs changed. "same result" means equal
    artifacts: the difference goes no further. `changes` lead from run a to run b.
    """

    step: str
    how: How
    changes: tuple[ComponentChange, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"step": self.step, "how": self.how, "changes": [change.to_dict() for change in self.changes]}


@dataclass(frozen=True)
class Difference:
    """The difference of two runs, by their ids. Steps are in the order of the algorithm.

    `settings` are the settings that differ, with method and seed. `equal` steps pin the same artifact of the same action.
    `partings` are the other common steps; the runs part at the first. `only_a` and `only_b` are steps of one run.
    `unrecorded` steps, sorted by name, have no readable record in the store, so they are not compared.
    """

    a: str
    b: str
    settings: tuple[ComponentChange, ...]
    equal: tuple[str, ...]
    partings: tuple[Parting, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    unrecorded: tuple[str, ...]

    @property
    def first(self) -> Parting | None:
        """The first step that differs; None if all common steps are equal."""
        return self.partings[0] if self.partings else None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `first` is the step where the runs part."""
        return {
            "schema": _SCHEMA,
            "a": self.a,
            "b": self.b,
            "first": self.first.step if self.first else None,
            "settings": [change.to_dict() for change in self.settings],
            "equal": list(self.equal),
            "partings": [parting.to_dict() for parting in self.partings],
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "unrecorded": list(self.unrecorded),
        }


def run_difference(store: Store, a: Run, b: Run) -> Difference:
    """The difference of run `b` from run `a`. Needs their pins and records only, not the artifacts' files."""
    recorded = Recorded(store)
    old, new = recorded.course(a), recorded.course(b)
    trace = Trace(recorded, old, new, (a.seed, b.seed))
    equal, partings = [], []
    for step in _merged(old, new):
        if step not in old.steps or step not in new.steps:
            continue
        one, other = old.steps[step], new.steps[step]
        if (one.key, one.artifact) == (other.key, other.artifact):
            equal.append(step)
            continue
        changes = trace.changes(one.action, other.action, step)
        if one.key == other.key:
            changes = (ComponentChange("realisation", "", one.recorded, other.recorded),)
        how: How = "follows" if all(change.kind == "input" and change.missing is None for change in changes) else "apart"
        if old.semantic[step] is not None and old.semantic[step] == new.semantic[step]:
            how = "same result"
        partings.append(Parting(step, how, changes))
    lost = [name for run, course in ((a, old), (b, new)) for name in run.pins if name not in course.steps]
    return Difference(
        a.id,
        b.id,
        tuple(leaves("parameter", _asked(a), _asked(b))),
        tuple(equal),
        tuple(partings),
        tuple(step for step in old.steps if step not in b.pins),
        tuple(step for step in new.steps if step not in a.pins),
        tuple(sorted(set(lost))),
    )


def lines(found: Difference) -> list[str]:
    """The difference in words, with details indented below their heading."""
    said = [f"{found.a} -> {found.b}"]
    if found.settings:
        said += ["settings that differ:", *(f"  {change.words()}" for change in found.settings)]
    else:
        said.append("the same settings")
    if found.first is None:
        said.append(_no_difference(found))
    else:
        said.append(f"the runs diverge at {step_title(found.first.step)}:")
        said += [f"  {words}" for words in changes_in_words(found.first.changes)]
    apart = [parting for parting in found.partings[1:] if parting.how == "apart"]
    if apart:
        said.append("also different on their own:")
        said += [f"  {step_title(parting.step)}: {'; '.join(changes_in_words(_own(parting)))}" for parting in apart]
    same = [parting.step for parting in found.partings if parting.how == "same result"]
    told = {
        "different as a consequence": [parting.step for parting in found.partings[1:] if parting.how == "follows"],
        "other action, same result": same,
        "equal": found.equal if found.first else (),
        f"only in {found.a}": found.only_a,
        f"only in {found.b}": found.only_b,
        "no longer recorded": found.unrecorded,
    }
    return said + [f"{what}: {_listed(steps)}" for what, steps in told.items() if steps]


def _asked(run: Run) -> dict[str, Any]:
    return {**run.settings, "method": run.method, "seed": run.seed}


def _own(parting: Parting) -> list[ComponentChange]:
    return [change for change in parting.changes if change.kind != "input" or change.missing]


def _merged(old: Course, new: Course) -> list[str]:
    """The steps of both runs, in the order of the algorithm."""
    steps = {**old.steps, **new.steps}
    return algorithm_order(steps, {**old.semantic, **new.semantic})


def _listed(steps: Sequence[str]) -> str:
    return f"{count_text(len(steps), 'step')}: {', '.join(map(step_title, steps[:_FEW]))}{' …' if len(steps) > _FEW else ''}"


def _no_difference(found: Difference) -> str:
    if not (found.only_a or found.only_b or found.unrecorded):
        return f"no difference: all {count_text(len(found.equal), 'step')} are identical"
    return f"no difference in the {count_text(len(found.equal), 'step')} that both have"
