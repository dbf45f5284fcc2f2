"""A small store with one of everything that a store can hold."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.store.artifacts import Artifact, Output, TableParts
from sirev.store.digests import canonical_json, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.objects import STAMPED_FROM
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table
from sirev.store.upkeep.keeps import Keep, Keeps

COLUMNS = {"problem_id": "string", "draw": "int", "text": "string", "tokens": "int"}
ORDER = ("problem_id", "draw")


@dataclass(frozen=True)
class SmallStore:
    """A small store; `actions` and `artifacts` by step. `runs` pin all steps except `shard/0` and `shard/1`."""

    path: Path
    actions: Mapping[str, dict[str, Any]]
    artifacts: Mapping[str, Artifact]
    runs: tuple[str, ...]

    def object_path(self, step: str, file: str) -> Path:
        return self.file_of(self.artifacts[step].manifest["files"][file]["sha256"])

    def manifest_path(self, step: str) -> Path:
        return self.file_of(self.artifacts[step].digest)

    def record_path(self, step: str) -> Path:
        return Store(self.path).records.path(action_key(self.actions[step]), self.artifacts[step].digest)

    def file_of(self, digest: str) -> Path:
        return self.path / "objects" / digest[:2] / digest[2:]

    def note(self, step: str) -> str:
        record = Store(self.path).records.get(action_key(self.actions[step]), self.artifacts[step].digest)
        assert record is not None
        return str(next(iter(record.provenance["notes"].values())))


def action(stage: str, inputs: Mapping[str, str], **parameters: Any) -> dict[str, Any]:
    return {"stage": stage, "version": 1, "parameters": parameters, "inputs": dict(inputs)}


def rows(first: int, draws: int) -> list[dict[str, Any]]:
    return [
        {"problem_id": f"p{i}", "draw": first + n, "text": f'so "{i * n}" é\n#### {i}', "tokens": i + n}
        for i in range(6)
        for n in range(draws)
    ]


def build(path: Path) -> SmallStore:
    """Make it in `path`/store, with the recorded digest of `path`/data.jsonl, a file of the user's."""
    store = Store(path / "store")
    actions: dict[str, dict[str, Any]] = {}
    made: dict[str, Artifact] = {}

    def publish(step: str, of: dict[str, Any], output: Output) -> Artifact:
        actions[step] = of
        made[step] = store.publish(of, output)
        return made[step]

    columns = {"id": "string", "prompt": "string", "share": "float", "easy": "bool"}
    asked = [{"id": f"p{i}", "prompt": f"What is {i}?", "share": i / 7, "easy": i < 3} for i in range(6)]
    problems = publish("source/test", action("source", {}, n=6), Output(tables={"problems": Table(columns, asked, ("id",))}))
    files = {"model.safetensors": os.urandom(STAMPED_FROM + 5000), "config.json": b'{"layers": 2}'}
    model = publish("train:1", action("train", {"data": problems.semantic}, seed=1), Output(files=dict(files)))
    given_up = publish(
        "train:0", action("train", {"data": problems.semantic}, seed=0), Output(files={"model.safetensors": b"w" * 5000})
    )
    shards = []
    for i, first in enumerate((0, 4)):
        # "prompts" is a digest of something that is not an artifact
        inputs = {"model": model.semantic, "prompts": sha256(canonical_json([f"p{n}" for n in range(6)]))}
        table = Table(COLUMNS, rows(first, 4), ORDER)
        shards.append(publish(f"shard/{i}", action("sample-shard", inputs, first=first), Output(tables={"completions": table})))
    entries = [next(iter(shard.manifest["files"].values())) for shard in shards]
    parts = {f"completions/p0-{i}.parquet": (entry["sha256"], entry["size"]) for i, entry in enumerate(entries)}
    inputs = {"model": model.semantic, "problems": problems.semantic}
    whole = TableParts(Table(COLUMNS, rows(0, 4) + rows(4, 4), ORDER), parts)
    completions = publish("sample/test:1", action("sample", inputs, n=8), Output(tables={"completions": whole}))
    verdicts = [{"problem_id": f"p{i}", "draw": n, "correct": i > n} for i in range(6) for n in range(8)]
    table = Table({"problem_id": "string", "draw": "int", "correct": "bool"}, verdicts, ORDER)
    inputs = {"problems": problems.semantic, "completions": completions.semantic}
    output = Output(tables={"grades": table}, notes={"programs.jsonl": b'{"seconds": 0.1}\n' * 40})
    grades = publish("grade/test:1", action("grade", inputs, grader="exact"), output)
    inputs["grades"] = grades.semantic
    measures = Output(files={"measures.json": canonical_json({"problems": [{"id": f"p{i}", "n": 8} for i in range(6)]})})
    measured = publish("measure/test:1", action("measure", inputs, family="accuracy"), measures)
    comparison = Output(files={"comparison.json": canonical_json({"runs": []})})
    publish("compare", action("compare", {"sft/0/1/test": measured.semantic}, runs=[]), comparison)
    names = ("small-sft-s0-0a1b2c3d", "small-sft-s1-0a1b2c3d")
    for i, name in enumerate(names):
        pinned = {step: Pin(action_key(actions[step]), made[step].digest) for step in actions if not step.startswith("shard/")}
        store.runs.save(Run(name, "small", "sft", i, 1, {"env": "any"}, f"2026-01-0{i + 1}", "complete", pins=pinned))
    Keeps(store.path, store.objects).add(Keep("paper", [names[0]], [made["train:1"].digest]))
    store.hollow.add(given_up.digest)
    store.objects.path(given_up.manifest["files"]["model.safetensors"]["sha256"]).unlink()
    data = path / "data.jsonl"
    data.write_text(json.dumps({"question": "1+1"}) + "\n")
    LocalFiles(store.objects).digest(data)
    for _, artifact in made.items():
        for name in artifact.manifest["files"]:
            if artifact.digest != given_up.digest:
                artifact.path(name)  # leaves stamps, as a run does
    return SmallStore(store.path, actions, made, names)
