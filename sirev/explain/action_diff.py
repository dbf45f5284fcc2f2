"""The components of an action, and the difference of two: stage, version, parameters, inputs, environment.

Works on actions alone, without a store. `sirev.explain.recorded` finds the origin of an input.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sirev.listing import and_more, listed
from sirev.stages import STAGES
from sirev.store.digests import canonical_json
from sirev.store.runs import step_title

ChangeKind = Literal["stage", "version", "parameter", "seed", "input", "env", "realisation", "unrecorded"]

ActionParts = frozenset[tuple[str, str, str]]
"""The components of an action, each (kind, name, value as text): a set, for fast comparison with thousands of others."""

_LONGEST = 48
"""Longest value shown, in characters. Digests are cut to 12."""
_FEW = 3
"""Most names, causes or steps listed one by one."""


@dataclass(frozen=True)
class ComponentChange:
    """One component that differs between two actions.

    `old` and `new` are its values; for an input, semantic digests. `missing` names the side without the component.

    - "parameter": `name` is its dotted path. One that a key leaves out has its `absent_means` as value, and is not missing.
    - "seed": a parameter derived from the run's seed; `old` and `new` are the seeds of the runs.
    - "realisation": the same action with another result; `old` and `new` are the times of recording.
    - "unrecorded": the action that made the old input is not in the store.

    `made_by` is the step that made an input; `roots` are the changes there or further upstream.
    """

    kind: ChangeKind
    name: str
    old: Any
    new: Any
    missing: Literal["old", "new"] | None = None
    made_by: str | None = None
    roots: tuple[Root, ...] = ()

    def words(self) -> str:
        """The change in words, such as "learning_rate 5e-05 -> 0.0001"."""
        old, new = (short_value(v) if self.missing != side else "(absent)" for side, v in (("old", self.old), ("new", self.new)))
        match self.kind:
            case "stage":
                return f"made by the stage {new}, previously by {old}"
            case "version":
                return f"stage version {old} -> {new}"
            case "realisation":
                return f"another realisation, made {moment(self.new)}, previously {moment(self.old)}"
            case "unrecorded":
                return "the inputs of the earlier one are not in the store"
            case "env" if self.name != "env":
                return f"env: {self.name} {old} -> {new}"
            case "input" if self.missing:
                return f"input {self.name} is {'new' if self.missing == 'old' else 'gone'}"
            case "input":
                return f"input {self.name} changed{_because(self.roots)}"
        return f"{self.name} {old} -> {new}"

    @property
    def identity(self) -> str:
        """A text that is equal for equal changes, whatever their roots."""
        return canonical_json([self.kind, self.name, self.old, self.new, self.missing]).decode()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        found = {"kind": self.kind, "name": self.name, "old": self.old, "new": self.new, "missing": self.missing}
        if self.kind == "input":
            found |= {"made_by": self.made_by, "roots": [root.to_dict() for root in self.roots]}
        return found


@dataclass(frozen=True)
class Root:
    """The origin of a changed input: `change` at `step`. `via` are the steps between that step and the input, last first."""

    step: str
    change: ComponentChange
    via: tuple[str, ...] = ()

    def words(self) -> str:
        """The root in words: "temperature 0.75 -> 0.9 at 1:sample/train, by way of 1:grade/select, 2:select"."""
        steps = [step_title(step) for step in reversed(self.via)]
        if len(steps) > _FEW:
            steps = [steps[0], f"… {steps[-1]} ({len(steps)} steps)"]
        return f"{self.change.words()} at {step_title(self.step)}" + (f", by way of {', '.join(steps)}" if steps else "")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"step": self.step, "change": self.change.to_dict(), "via": list(self.via)}


def changes(old: Mapping[str, Any], new: Mapping[str, Any], seeds: tuple[int, int] | None = None) -> list[ComponentChange]:
    """The differences of the action `new` from `old`, in a fixed order. Inputs are compared by digest, without roots.

    `seeds` are the seeds of the two runs, if the actions belong to runs.
    """
    if old["stage"] != new["stage"]:
        return [ComponentChange("stage", "", old["stage"], new["stage"])]
    found = []
    if old["version"] != new["version"]:
        found.append(ComponentChange("version", "", old["version"], new["version"]))
    found += _parameters(old, new, seeds)
    before, after = old.get("env"), new.get("env")
    if (before is None) != (after is None):
        found.append(ComponentChange("env", "env", "strict" if before else "none", "strict" if after else "none"))
    else:
        found += leaves("env", before or {}, after or {})
    return found + leaves("input", old["inputs"], new["inputs"])


def parts(action: Mapping[str, Any], *, inputs: bool = True) -> ActionParts:
    """The components of an action; with `inputs=False`, for inputs not known yet, all but these."""
    found = {("version", "", str(action["version"]))}
    kinds = {"parameter": action["parameters"], "env": action.get("env", {}), "input": action["inputs"] if inputs else {}}
    for kind, values in kinds.items():
        # `repr` tells texts from numbers. Flat values hold no mappings, so their order does not matter.
        found.update((kind, name, repr(value)) for name, value in flat(values).items())
    return frozenset(found)


def distance(one: ActionParts, other: ActionParts) -> int:
    """The number of components that differ. All differences of the environment count as one."""
    return len({(kind, "" if kind == "env" else name) for kind, name, _ in one ^ other})


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested mappings, also those in lists, by dotted path: {"lora": {"r": 8}} becomes {"lora.r": 8}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{above}{name}"
        if group := _group(value):
            found |= flat(group, f"{path}.")
        else:
            found[path] = value
    return found


def changes_in_words(found: Iterable[ComponentChange]) -> list[str]:
    """Changes in words. Inputs that changed for the same reason share a sentence."""
    said: list[str] = []
    inputs: dict[tuple[str | None, ...], list[ComponentChange]] = {}
    for change in found:
        if change.kind != "input":
            said.append(change.words())
        else:
            reasons = sorted({root.change.identity for root in change.roots})
            inputs.setdefault((change.missing, *reasons), []).append(change)
    for alike in inputs.values():
        if len(alike) == 1:
            said.append(alike[0].words())
            continue
        many = f"{len(alike)} inputs" if len(alike) > _FEW else f"inputs {', '.join(one.name for one in alike)}"
        became = {"old": "are new", "new": "are gone", None: "changed"}[alike[0].missing]
        # The way of a change differs per input, so it is left out.
        roots = {(root.step, root.change.identity): Root(root.step, root.change) for one in alike for root in one.roots}
        said.append(f"{many} {became}{_because([*roots.values()])}")
    return said


def short_value(value: Any) -> str:
    """A value as short text: digests by 12 digits, other texts cut to 48 characters."""
    if value is None:
        return "none"
    if isinstance(value, Mapping) and value:
        text = f"({', '.join(f'{name} {short_value(one)}' for name, one in value.items())})"
    elif _group(value):
        text = ", ".join(map(short_value, value))
    else:
        text = value if isinstance(value, str) and value else canonical_json(value).decode()
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text[:12]
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def moment(recorded: str) -> str:
    """A time of recording, to the minute; "at an unknown time" if it is empty."""
    return recorded[:16].replace("T", " ") or "at an unknown time"


def _because(roots: Sequence[Root]) -> str:
    """Causes in words. A cause at several steps is named once."""
    alike: dict[str, list[Root]] = {}
    for root in roots:
        alike.setdefault(root.change.identity, []).append(root)
    said = [
        same[0].words()
        if len(same) == 1
        else f"{same[0].change.words()} at {listed([step_title(root.step) for root in same], _FEW)}"
        for same in alike.values()
    ]
    more = f";{and_more(len(said) - _FEW)}" if len(said) > _FEW else ""
    return f": {'; '.join(said[:_FEW])}{more}" if said else ""


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any], seeds: tuple[int, int] | None) -> list[ComponentChange]:
    stands_for = _absent(new["stage"])
    found = []
    for change in leaves("parameter", stands_for | old["parameters"], stands_for | new["parameters"]):
        # Seeds of stages follow from the seed of the run, which says more to a reader.
        if change.name.rpartition(".")[2] == "seed" and seeds and seeds[0] != seeds[1]:
            change = ComponentChange("seed", "seed", *seeds)
        found.append(change)
    return found


def _absent(stage: str) -> dict[str, Any]:
    """Parameter -> its value where a key leaves it out (`absent_means`)."""
    known = STAGES.get(stage)
    fields = dataclasses.fields(known.parameters) if known else ()
    found = {field.name: field.metadata["absent_means"] for field in fields if "absent_means" in field.metadata}
    return {name: value for name, value in found.items() if value is None or isinstance(value, bool | int | float | str | list)}


def leaves(kind: ChangeKind, old: Mapping[str, Any], new: Mapping[str, Any], above: str = "") -> list[ComponentChange]:
    """The values that differ, by dotted path. Mappings on both sides are compared field by field."""
    found = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        groups = _group(before), _group(after)
        if groups[0] and groups[1]:
            found += leaves(kind, groups[0], groups[1], f"{above}{name}.")
        elif name not in old:
            found.append(ComponentChange(kind, f"{above}{name}", None, after, "old"))
        elif name not in new:
            found.append(ComponentChange(kind, f"{above}{name}", before, None, "new"))
        elif canonical_json(before) != canonical_json(after):
            found.append(ComponentChange(kind, f"{above}{name}", before, after))
    return found


def _group(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    listed = isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
    return {str(i): one for i, one in enumerate(value)} if listed else {}
