"""The condition that a store fulfils at any moment, and the content in which equal stores agree."""

from __future__ import annotations

import json
from pathlib import Path

from sirev.store.artifacts import Artifact
from sirev.store.store import Store
from sirev.store.upkeep.verify import verify


def assert_sound(path: Path) -> None:
    """Assert that a store verifies: every object and record has the content of its name, and every record has its artifact.

    A store without a marker must be empty.
    """
    store = Store(path)
    if store.exists:
        found = verify(store)
        assert found.damage == []
        assert found.unchecked == []
    else:
        assert not [file for folder in ("objects", "records", "runs") for file in (path / folder).rglob("*") if file.is_file()]


def contents(path: Path) -> dict[str, object]:
    """The content of a store, without what differs between equal runs: times, hosts, its id."""
    store = Store(path)
    records = list(store.records.names())
    artifacts: list[Artifact] = [store.artifact(artifact) for _, artifact in records]
    return {
        "records": records,
        "semantic": [artifact.semantic for artifact in artifacts],
        "whole": [artifact.complete() for artifact in artifacts],
        "runs": [(run.id, run.status, run.pins) for run in store.runs.all()],
        "pins": sorted((file.name, file.read_text()) for file in (path / "pins").glob("*")),
        "hollow": list(store.hollow),
        "local": sorted(json.loads(file.read_text())["digest"] for file in (path / "local").glob("*.json")),
    }
