"""Runs: one recipe, method and seed, with the pinned artifact of every step.

A run's file is rewritten atomically while the run goes on, and never again once it is complete. Reports and replays of a
run use its pins alone, even if the store gets other realisations later.
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
    "id": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,249}"),  # with .json, the longest possible file name
    "recipe": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,249}"),
    "method": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,199}"),
    "invocation": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:+-]{0,199}"),
    "step": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:/+-]{0,299}"),
}
"""Patterns of a run's names, which become parts of paths, of commands to copy and of terminal output."""
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
    """A run: one recipe, method and seed, and its pins by step.

    `realisation` is one higher for each `--redo`. `redo` holds its arguments, and `redone` the names of steps that were
    already computed again, so that an interrupted run can continue. `reason` is why the run stopped or, while its status
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
    """The displayed form of a step's name, t first: `5:train` for `train:5`; without t, as in `compare`, it is unchanged."""
    name, colon, t = step.rpartition(":")
    return f"{t}:{name}" if colon and t.isdecimal() else step


def run_address(run_id: str, step: str) -> str:
    """The printed address of a step, RUN:t:step, such as `tiny-sft-s0-1dcc2f30:5:train`, or RUN:compare without t."""
    return f"{run_id}:{step_title(step)}"


def address_parts(text: str) -> tuple[str, str | None]:
    """Run and step of an address, as typed; the step is None where only a run is named."""
    run, colon, step = text.partition(":")
    return run, step if colon else None


def pinned_step(title: str) -> str:
    """The name of a step in a run's pins, from its displayed form or the name itself: `train:5` for `5:train`."""
    found = re.fullmatch(r"(\d+):(.+)", title)
    return f"{found[2]}:{int(found[1])}" if found else title


def is_run_id(value: Any) -> bool:
    """Whether `value` can be a run id, which is also a file name."""
    return _is_name("id", value)


def odd_name(data: Mapping[str, Any]) -> str | None:
    """The first invalid name in a run's file (id, recipe, method, invocation, steps), as text; None if all are valid."""
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
        """Write the run's present state. BadInput for an invalid id, since the run could not be found again."""
        if not is_run_id(run.id):
            raise BadInput(f"{run.id!r} can't be the id of a run: it becomes the name of a file")
        self._objects.write(run_bytes(run), self.root / f"{run.id}.json")

    def get(self, run_id: str) -> Run | None:
        """The run with this id, None if the store has none; BadInput if its file is damaged."""
        if not is_run_id(run_id):
            return None
        path = self.root / f"{run_id}.json"
        raw = read_if_there(path, "the run file")
        if raw is None:
            return None
        known = self._parsed.get(run_id)
        if known is None or known[0] != raw:  # a report reads the same runs several times, and parsing takes long
            known = self._parsed[run_id] = (raw, parsed_run(raw, run_id, str(path)))
        run = known[1]
        return replace(run, pins=dict(run.pins), redo=list(run.redo), redone=list(run.redone))

    def adopt(self, raw: bytes, run_id: str) -> bool:
        """Publish a run's file from another store, unless it exists; returns whether it was written.

        Raises BadInput unless it is a sound file of this run.
        """
        parsed_run(raw, run_id, f"the file of run {run_id}")
        return self._objects.write_once(raw, self.root / f"{run_id}.json")

    def remove(self, run_id: str) -> None:
        """Delete a run; what it pinned stays until a garbage collection."""
        remove_file(self._objects.root, self.root / f"{run_id}.json")

    def ids(self) -> list[str]:
        """The ids of all runs, sorted; files whose names are not run ids are left out."""
        return sorted(path.stem for path in self.root.glob("*.json") if is_run_id(path.stem))

    def strangers(self) -> list[Path]:
        """JSON files in runs/ whose names are not run ids, so that their pins are unknown."""
        return sorted(path for path in self.root.glob("*.json") if not is_run_id(path.stem))

    def all(self) -> list[Run]:
        """All runs, sorted by invocation (which begins with its time), then id."""
        runs = [run for run_id in self.ids() if (run := self.get(run_id))]
        return sorted(runs, key=lambda run: (run.invocation, run.id))


def run_bytes(run: Run) -> bytes:
    """The bytes of a run's file."""
    return sealed({"format": RUN_FORMAT, **asdict(run)})


def parsed_run(raw: bytes, run_id: str, where: str) -> Run:
    """The run in a file's bytes; BadInput, which names `where`, unless they are a sound file of this run."""
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
    """The first fault of the object in the file of this run, as text; None if it is sound."""
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
