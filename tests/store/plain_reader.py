"""A reader of stores by docs/store.md alone, without sirev's code. Section numbers are those of that page."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def canonical(value: Any) -> bytes:  # 2
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class PlainStore:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.marker = self.read("sirev-store.json")  # 1
        self.hollow = {self.read(path)["artifact"] for path in root.glob("hollow/*.json")}  # 8
        self.pins = {path.stem: self.read(path) for path in root.glob("pins/*.json")}  # 9
        self.runs = {path.stem: self.read(path) for path in root.glob("runs/*.json")}  # 7

    def read(self, path: str | Path) -> Any:
        value = json.loads((self.root / path).read_bytes())
        assert value["format"] == 1
        assert value.pop("sum", None) in (None, sha256(canonical(value)))  # 2
        return value

    def object(self, digest: str) -> bytes:  # 3
        data = (self.root / "objects" / digest[:2] / digest[2:]).read_bytes()
        assert sha256(data) == digest
        return data

    def manifest(self, artifact: str) -> Any:  # 4
        manifest = json.loads(self.object(artifact))
        assert manifest["format"] == 1
        return manifest

    def semantic(self, artifact: str) -> str:  # 5
        manifest = self.manifest(artifact)
        parts = {part for table in manifest["tables"].values() for part in table["parts"]}
        files = {name: entry["sha256"] for name, entry in manifest["files"].items() if name not in parts}
        tables = {name: table["rows_sha256"] for name, table in manifest["tables"].items()}
        return sha256(canonical({"files": files, "tables": tables}))

    def rows(self, artifact: str, name: str) -> list[dict[str, Any]]:  # 5
        manifest = self.manifest(artifact)
        table = manifest["tables"][name]
        rows, order = [], []
        for part in table["parts"]:
            digest = manifest["files"][part]["sha256"]
            self.object(digest)
            part_of = pq.ParquetFile(self.root / "objects" / digest[:2] / digest[2:]).read()
            rows += part_of.to_pylist()
            order = order or part_of.column_names
            assert part_of.column_names == order
        rows.sort(key=lambda row: [row[column] for column in table["order_by"]])
        lines = [table["columns"], *([row[column] for column in order] for row in rows)]
        assert sha256(b"".join(canonical(line) + b"\n" for line in lines)) == table["rows_sha256"]
        return rows

    def realisations(self, key: str) -> list[Any]:  # 6
        found = [self.read(path) for path in sorted(self.root.glob(f"records/{key[:2]}/{key}/*.json"))]
        assert all(sha256(canonical(record["action"])) == key for record in found)
        found.sort(key=lambda record: record["provenance"].get("recorded", ""))
        found.sort(key=lambda record: record["provenance"].get("store") != self.marker["id"])
        return found
