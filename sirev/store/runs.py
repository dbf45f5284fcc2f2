"""Runs: one recipe, method and seed, and the artifact that every step of it stands on.

A run's file is rewritten atomically while the run goes on and never again once it is complete. Reports and
replays of a run use its pins alone, whatever other realisations the store gains later.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sirev.errors import BadInput
from sirev.store.digests import canonical_json
from sirev.store.objects import Objects

RUN_FORMAT = 1


@dataclass(frozen=True)
class Pin:
    """The action key of a step and the manifest digest of the artifact it used."""

    key: str
    artifact: str


@dataclass
class Run:
    """One recipe, method and seed.

    `realisation` counts up when `--redo` asks for another one; `redo` is what it asked for, and `redone` names the steps
    that were computed anew already, so that an interrupted one goes on.
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


class Runs:
    """The run files below `root`/runs."""

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root = root / "runs"
        self._objects = objects

    def save(self, run: Run) -> None:
        """Write the run's present state."""
        with self._objects.temporary() as scratch:
            scratch.write_bytes(canonical_json({"format": RUN_FORMAT, **asdict(run)}))
            self._objects.publish(scratch, self.root / f"{run.id}.json")

    def get(self, run_id: str) -> Run | None:
        """The run of this id, None if the store has none."""
        path = self.root / f"{run_id}.json"
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        try:
            data = json.loads(raw)
            if data["format"] > RUN_FORMAT:
                raise BadInput(f"{path} is of format {data['format']}, newer than this sirev reads ({RUN_FORMAT})")
            del data["format"]
            pins = {step: Pin(**pin) for step, pin in data.pop("pins").items()}
            return Run(pins=pins, **data)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(f"damaged run file {path}; mend the store with: rm '{path}' (what it pinned stays)") from None

    def ids(self) -> list[str]:
        """The ids of all runs, sorted."""
        return sorted(path.stem for path in self.root.glob("*.json"))

    def all(self) -> list[Run]:
        """All runs, by invocation (which begins with its time), then id."""
        runs = [run for run_id in self.ids() if (run := self.get(run_id))]
        return sorted(runs, key=lambda run: (run.invocation, run.id))
