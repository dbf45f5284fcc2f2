"""Stores with runs, for tests of sharing."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

from sirev.store.artifacts import Output
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from tests.conftest import tree

MODEL_BYTES = 200_000


def weights(seed: int, size: int = MODEL_BYTES) -> bytes:
    """A .safetensors file of one tensor of `size` random bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + random.Random(seed).randbytes(size)


def add_run(store: Store, name: str = "small-sft-s0", value: int = 0, steps: int = 2, status: str = "complete") -> Run:
    """Add a run that trains and measures `steps` models; runs with another `value` have other models."""
    pins = {}
    for t in range(1, steps + 1):
        for stage, output in (
            ("train", Output(files={"adapter_model.safetensors": weights(10 * value + t), "config.json": b"{}"})),
            (
                "measure",
                Output(files={"measures.json": json.dumps({"t": t, "value": value}).encode()}, notes={"log.txt": b"said %d" % t}),
            ),
        ):
            action = {"stage": stage, "version": 1, "parameters": {"t": t}, "inputs": {}}
            artifact = store.publish(action, output)
            pins[f"{stage}:{t}"] = Pin(action_key(action), artifact.digest)
    run = Run(name, "small", "sft", 0, 0, {}, "2026-01-01T00:00:00", status=status, pins=pins)  # type: ignore[arg-type]
    store.runs.save(run)
    return run


def contents(path: Path) -> dict[str, bytes]:
    """Path -> content of everything in a store or shared folder that others read."""
    return {
        name: (path / name).read_bytes() for name in tree(path) if name.split("/")[0] in ("objects", "records", "runs", "hollow")
    }


def assert_sound(path: Path) -> None:
    """Assert that a store is consistent: names are digests, and records and runs refer to what exists."""
    from sirev.store.digests import sha256_file

    for file in (path / "objects").glob("*/*"):
        assert sha256_file(file) == file.parent.name + file.name
    store = Store(path)
    for record in store.records.all():
        artifact = store.lookup(record.key, record.artifact)
        assert artifact is not None
    for run in store.runs.all():
        for pin in run.pins.values():
            assert store.records.get(pin.key, pin.artifact) is not None
