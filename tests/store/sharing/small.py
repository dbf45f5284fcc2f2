"""A store of a few kilobytes with one of everything, for tests that move or damage it."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

from sirev.store.artifacts import Artifact, Output, TableParts
from sirev.store.digests import canonical_json
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table

COLUMNS = {"problem_id": "string", "draw": "int", "text": "string", "score": "float", "correct": "bool"}
ORDER = ("problem_id", "draw")


def safetensors(*values: float) -> bytes:
    """One float32 tensor, "weight", as a .safetensors file."""
    header = {"weight": {"dtype": "F32", "shape": [len(values)], "data_offsets": [0, 4 * len(values)]}}
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + struct.pack(f"<{len(values)}f", *values)


def small_store(path: Path) -> Store:
    """A store with two runs, "small-a" and "small-b", that differ in their measures."""
    store = Store(path)
    for name, value in (("small-a", 1), ("small-b", 2)):
        store.runs.save(
            Run(
                id=name,
                recipe="small",
                method="sft",
                seed=0,
                realisation=1,
                settings={"env": "any"},
                invocation="2026-01-01T00:00:00.000000+00:00-aaaaaa",
                status="complete",
                pins={step: Pin(key, artifact.digest) for step, (artifact, key) in small_artifacts(store, value).items()},
            )
        )
    return store


def small_artifacts(store: Store, value: int) -> dict[str, tuple[Artifact, str]]:
    """Step -> artifact and key: a model of several files, a table in two parts, grades with a note, a measure with `value`."""
    model = Output(files={"model.safetensors": safetensors(0.5, -1.0), "config.json": b'{"layers":1}\n'})
    shards = [_shard(store, first) for first in (0, 2)]
    rows = [row for shard in shards for row in shard.rows("completions")]
    parts = {f"completions/p-{i:04d}.parquet": _file(shard) for i, shard in enumerate(shards)}
    noted = gzip.compress(b'{"problem_id":"p"}\n', mtime=0)
    return {
        "train:1": publish(store, "train", model),
        "sample/test:1": publish(store, "sample", Output(tables={"completions": TableParts(Table(COLUMNS, rows, ORDER), parts)})),
        "grade/draws:1": publish(store, "grade", Output(tables={"grades": _table(0)}, notes={"programs.jsonl.gz": noted})),
        "measure/draws:1": publish(store, "measure", Output(files={"measures.json": canonical_json({"value": value})}), value),
    }


def publish(store: Store, stage: str, output: Output, value: int = 0) -> tuple[Artifact, str]:
    """Publish an artifact of a stage with a parameter `value`; return it and its key."""
    action = {"stage": stage, "version": 1, "parameters": {"value": value}, "inputs": {}}
    return store.publish(action, output, {"seconds": 0.5, "packages": {"sirev": "0.1.0"}}), action_key(action)


def _shard(store: Store, first: int) -> Artifact:
    return publish(store, "sample-shard", Output(tables={"completions": _table(first)}), first)[0]


def _table(first: int) -> Table:
    rows = [
        {"problem_id": "p", "draw": first + i, "text": f"{first + i} = ½", "score": i / 3, "correct": i > 0} for i in range(2)
    ]
    return Table(COLUMNS, rows, ORDER)


def _file(shard: Artifact) -> tuple[str, int]:
    (entry,) = shard.manifest["files"].values()
    return entry["sha256"], entry["size"]
