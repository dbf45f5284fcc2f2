"""The components of an action, and the difference of two: stage, version, parameters, inputs, environment.

Only actions are looked at here, never a store: where an input came from is told by `sirev.explain.recorded`.
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
"""The components of an action, each (kind, name, value as text), to be compared quickly with thousands of others."""

_LONGEST = 48
"""Characters of a value that are shown; digests are cut to 12."""
_FEW = 3
"""How many of several names, or of several causes, are told one by one."""


@dataclass(frozen=True)
class ComponentChange:
    """One component that differs. `old` and `new` are values; of an input, what it said, as a semantic digest.

    A "parameter" is named by its dotted path; one that is not in a key stands for a value all the same (`absent_means`),
    which is told; `missing` names the side that has no such component and no such value. A "seed" is a parameter that was
    derived from the run's seed: `old` and `new` are the runs'. A "realisation" is the same action with another result;
    `old` and `new` are when they were recorded. "unrecorded" says that what made the old one is not in the store.
    `made_by` names the step that made an input, and `roots` what changed there or further back.
    """

    kind: ChangeKind
    name: str
    old: Any
    new: Any
    missing: Literal["old", "new"] | None = None
    made_by: str | None = None
    roots: tuple[Root, ...] = ()

    def words(self) -> str:
        """Such as "learning_rate 5e-05 -> 0.0001"."""
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
        """Equal for equal changes, whatever they go back to."""
        return canonical_json([self.kind, self.name, self.old, self.new, self.missing]).decode()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        found = {"kind": self.kind, "name": self.name, "old": self.old, "new": self.new, "missing": self.missing}
        if self.kind == "input":
            found |= {"made_by": self.made_by, "roots": [root.to_dict() for root in self.roots]}
        return found


@dataclass(frozen=True)
class Root:
    """What an input's change goes back to: `change` at `step`, whose result came here by way of the steps `via`, last first."""

    step: str
    change: ComponentChange
    via: tuple[str, ...] = ()

    def words(self) -> str:
        """Such as "temperature 0.75 -> 0.9 at 1:sample/train, by way of 1:grade/select, 2:select"."""
        steps = [step_title(step) for step in reversed(self.via)]
        if len(steps) > _FEW:
            steps = [steps[0], f"… {steps[-1]} ({len(steps)} steps)"]
        return f"{self.change.words()} at {step_title(self.step)}" + (f", by way of {', '.join(steps)}" if steps else "")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"step": self.step, "change": self.change.to_dict(), "via": list(self.via)}


def changes(old: Mapping[str, Any], new: Mapping[str, Any], seeds: tuple[int, int] | None = None) -> list[ComponentChange]:
    """How the action `new` differs from `old`, in a fixed order; inputs by their digests alone.

    `seeds` are those of the two runs that the actions belong to, if they belong to any.
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
    """The components of an action; without its inputs where they are not known yet."""
    found = {("version", "", str(action["version"]))}
    kinds = {"parameter": action["parameters"], "env": action.get("env", {}), "input": action["inputs"] if inputs else {}}
    for kind, values in kinds.items():
        # A text and a number never look alike, and what would have to be sorted is not among the values any more.
        found.update((kind, name, repr(value)) for name, value in flat(values).items())
    return frozenset(found)


def distance(one: ActionParts, other: ActionParts) -> int:
    """How many components differ; another environment is one, however many packages it is another of."""
    return len({(kind, "" if kind == "env" else name) for kind, name, _ in one ^ other})


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested groups as dotted paths, also those in lists: {"lora": {"r": 8}} is {"lora.r": 8}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{above}{name}"
        if group := _group(value):
            found |= flat(group, f"{path}.")
        else:
            found[path] = value
    return found


def changes_in_words(found: Iterable[ComponentChange]) -> list[str]:
    """Changes in words; inputs that changed for the same reason are told together."""
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
        # By which ways a change came here is another thing for each input.
        roots = {(root.step, root.change.identity): Root(root.step, root.change) for one in alike for root in one.roots}
        said.append(f"{many} {became}{_because([*roots.values()])}")
    return said


def short_value(value: Any) -> str:
    """A value as short as one can tell it from others."""
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
    """A time of recording, to the minute."""
    return recorded[:16].replace("T", " ") or "at an unknown time"


def _because(roots: Sequence[Root]) -> str:
    """Causes in words; one that was met at several steps, told once."""
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
        # A comparison names the seeds of its runs as they are.
        if change.name.rpartition(".")[2] == "seed" and seeds and seeds[0] != seeds[1]:
            change = ComponentChange("seed", "seed", *seeds)
        found.append(change)
    return found


def _absent(stage: str) -> dict[str, Any]:
    """What each parameter of a stage stands for where a key does not have it."""
    known = STAGES.get(stage)
    fields = dataclasses.fields(known.parameters) if known else ()
    found = {field.name: field.metadata["absent_means"] for field in fields if "absent_means" in field.metadata}
    return {name: value for name, value in found.items() if value is None or isinstance(value, bool | int | float | str | list)}


def leaves(kind: ChangeKind, old: Mapping[str, Any], new: Mapping[str, Any], above: str = "") -> list[ComponentChange]:
    """The values that differ, by dotted path; groups that both sides have are compared inside."""
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
