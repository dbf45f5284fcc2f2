"""Runs: one recipe, method and seed, and the artifact that every step of it stands on.

A run's file is rewritten atomically while the run goes on and never again once it is complete. Reports and
replays of a run use its pins alone, whatever other realisations the store gains later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sirev.errors import BadInput
from sirev.store.digests import is_digest, sealed, unsealed
from sirev.store.forms import odd_fields
from sirev.store.objects import MEND, Objects
from sirev.store.shared import remove_file
from sirev.store.untrusted_files import read_if_there

RUN_FORMAT = 1
_NAMES = {
    "id": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,249}"),  # with .json the longest name that a file can have
    "recipe": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,249}"),
    "method": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,199}"),
    "invocation": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:+-]{0,199}"),
    "step": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:/+-]{0,299}"),
}
"""What a run's names are made of: they become parts of paths, of commands to copy and of what a terminal shows."""
STATUSES = ("running", "complete", "stopped")
RUN_HAS = {
    **dict.fromkeys(("id", "recipe", "method", "invocation"), str),
    "seed": int,
    "realisation": int,
    "settings": dict,
    "pins": dict,
}
RUN_MAY_HAVE = {"status": str, "reason": str | None, "redo": list, "redone": list}


@dataclass(frozen=True)
class Pin:
    """The action key of a step and the manifest digest of the artifact it used."""

    key: str
    artifact: str


@dataclass
class Run:
    """One recipe, method and seed.

    `realisation` counts up when `--redo` asks for another one; `redo` is what it asked for, and `redone` names the steps
    that were computed anew already, so that an interrupted one goes on. `reason` says why the run stopped, or while its status
    is "running", why its last computation failed.
    """

    id: str
    recipe: str
    method: str
    seed: int
    realisation: int
    settings: dict[str, Any]
    invocation: str
    status: Literal["running", "complete", "stopped"] = "running"
    reason: str | None = None
    redo: list[str] = field(default_factory=list)
    redone: list[str] = field(default_factory=list)
    pins: dict[str, Pin] = field(default_factory=dict)


def step_title(step: str) -> str:
    """A step as it is shown and addressed, its t first: `train:5` is `5:train`; one without a t, such as `compare`, is itself."""
    name, colon, t = step.rpartition(":")
    return f"{t}:{name}" if colon and t.isdecimal() else step


def run_address(run_id: str, step: str) -> str:
    """The one way in which a step of a run is printed, RUN:t:step: `tiny-sft-s0-1dcc2f30:5:train`, or RUN:compare without a t."""
    return f"{run_id}:{step_title(step)}"


def address_parts(text: str) -> tuple[str, str | None]:
    """The run and the step of an address, as they are typed; no step where a run alone is named."""
    run, colon, step = text.partition(":")
    return run, step if colon else None


def pinned_step(title: str) -> str:
    """A step's name in a run's pins, from `step_title` or from the name itself: `5:train` is `train:5`."""
    found = re.fullmatch(r"(\d+):(.+)", title)
    return f"{found[2]}:{int(found[1])}" if found else title


def is_run_id(value: Any) -> bool:
    """Whether a run's file can be called so."""
    return _is_name("id", value)


def odd_name(data: Mapping[str, Any]) -> str | None:
    """What of a run's file is not a name that sirev gives, in words; None if all are: its id, recipe, steps and so on."""
    steps = (("step", step) for step in (*data["pins"], *data.get("redo", []), *data.get("redone", [])))
    fields = ((field, data[field]) for field in ("id", "recipe", "method", "invocation"))
    return next((f"the {field} {value!r:.80}" for field, value in (*fields, *steps) if not _is_name(field, value)), None)


def _is_name(field: str, value: Any) -> bool:
    return isinstance(value, str) and _NAMES[field].fullmatch(value) is not None


class Runs:
    """The run files below `root`/runs."""

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root = root / "runs"
        self._objects = objects
        self._parsed: dict[str, tuple[bytes, Run]] = {}

    def save(self, run: Run) -> None:
        """Write the run's present state. BadInput for an id that no run can have, since nobody would find it again."""
        if not is_run_id(run.id):
            raise BadInput(f"{run.id!r} can't be the id of a run: it becomes the name of a file")
        self._objects.write(run_bytes(run), self.root / f"{run.id}.json")

    def get(self, run_id: str) -> Run | None:
        """The run of this id, None if the store has none."""
        if not is_run_id(run_id):
            return None
        path = self.root / f"{run_id}.json"
        raw = read_if_there(path, "the run file")
        if raw is None:
            return None
        known = self._parsed.get(run_id)
        if known is None or known[0] != raw:  # a report asks for the same runs several times, and parsing is what takes long
            known = self._parsed[run_id] = (raw, parsed_run(raw, run_id, str(path)))
        run = known[1]
        return replace(run, pins=dict(run.pins), redo=list(run.redo), redone=list(run.redone))

    def adopt(self, raw: bytes, run_id: str) -> bool:
        """Take in a run's file that came from elsewhere; returns whether it was written, for one that is here already stays.

        Raises BadInput if it is not what the file of this run should be.
        """
        parsed_run(raw, run_id, f"the file of run {run_id}")
        return self._objects.write_once(raw, self.root / f"{run_id}.json")

    def remove(self, run_id: str) -> None:
        """Forget a run; what it pinned stays until somebody collects it."""
        remove_file(self._objects.root, self.root / f"{run_id}.json")

    def ids(self) -> list[str]:
        """The ids of all runs, sorted; a file that can't be a run's by its name is none."""
        return sorted(path.stem for path in self.root.glob("*.json") if is_run_id(path.stem))

    def strangers(self) -> list[Path]:
        """The files among those of runs that can't be a run's by their names, so that nobody knows what they stand on."""
        return sorted(path for path in self.root.glob("*.json") if not is_run_id(path.stem))

    def all(self) -> list[Run]:
        """All runs, by invocation (which begins with its time), then id."""
        runs = [run for run_id in self.ids() if (run := self.get(run_id))]
        return sorted(runs, key=lambda run: (run.invocation, run.id))


def run_bytes(run: Run) -> bytes:
    """The file of a run."""
    return sealed({"format": RUN_FORMAT, **asdict(run)})


def parsed_run(raw: bytes, run_id: str, where: str) -> Run:
    """The run that a file's bytes describe; BadInput, naming `where` they are from, if they are not those of this run."""
    try:
        data = unsealed(raw)
        if data["format"] > RUN_FORMAT:
            raise BadInput(f"{where} is of format {data['format']}, newer than this sirev reads ({RUN_FORMAT}): upgrade sirev")
        sound = odd_run(data, run_id) is None
        odd = None if sound else odd_name(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound, odd = False, None
    if odd is not None:
        raise BadInput(f"{where} is damaged: {odd} is not a name that sirev gives; {MEND} (what it pinned stays)")
    if not sound:
        raise BadInput(f"{where} is damaged; {MEND} (what it pinned stays)")
    del data["format"]
    return Run(**{**data, "pins": {step: Pin(**pin) for step, pin in data["pins"].items()}})


def odd_run(data: Any, run_id: str) -> str | None:
    """How the object in a run's file differs from what sirev writes for this id, in words; None if it does not."""
    if odd := odd_fields(data, {"format": int, **RUN_HAS}, RUN_MAY_HAVE):
        return odd
    if data["id"] != run_id or not is_run_id(run_id):
        return f"calls itself {data['id'][:80]!r}"
    settings = data["settings"]
    if not isinstance(settings.get("env", ""), str) or not isinstance(settings.get("evaluation", {}), dict):
        return "has odd settings"
    redo = data.get("redo", []) + data.get("redone", [])
    if data.get("status", "running") not in STATUSES or not all(isinstance(step, str) for step in redo):
        return "has an odd status or redo"
    if odd := odd_name(data):
        return f"has an odd name: {odd} is not a name that sirev gives"
    for step, pin in data["pins"].items():
        if odd := odd_fields(pin, {"key": str, "artifact": str}):
            return f"pins something else at step {step[:80]!r}, which {odd}"
        if not is_digest(pin["key"]) or not is_digest(pin["artifact"]):
            return f"pins no valid key and artifact for step {step[:80]!r}"
    return None
