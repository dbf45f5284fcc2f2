"""A bucket of the Hub: names of files, with hf_xet's own simulation of Xet storage in a local folder."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

_SHARD_HEADER, _ENTRY, _END = 48, 48, b"\xff" * 32


class HubBucketFiles:
    """The bucket `name`, OWNER/NAME; `files`: path -> hash of the content in the Xet storage in `folder`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.files: dict[str, str] = {}

    def answer(self, what: str, body: bytes, address: str) -> tuple[Any, int, dict[str, str]]:
        """JSON, status and headers of the answer to a request; `address` is the server's."""
        head, _, rest = what.partition("/")
        if head.startswith("xet-"):
            return {"casUrl": f"local://{self.folder}", "exp": int(time.time()) + 3600, "accessToken": "x"}, 200, {}
        if head == "batch":
            return self._changed([json.loads(line) for line in body.splitlines()]), 200, {}
        if head == "paths-info":
            return self._listed([path for path in json.loads(body)["paths"] if path in self.files]), 200, {}
        if head == "tree":
            return self._listed([path for path in sorted(self.files) if path.startswith(f"{rest}/" if rest else "")]), 200, {}
        if head == "resolve" and rest in self.files:
            (entry,) = self._listed([rest])
            refresh = f"{address}/api/buckets/{self.name}/xet-read-token"
            return {}, 200, {"X-Xet-Hash": entry["xetHash"], "X-Linked-Size": str(entry["size"]), "X-Xet-Refresh-Route": refresh}
        return {"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"}

    def _changed(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        for line in lines:
            if line["type"] == "addFile":
                self.files[line["path"]] = line["xetHash"]
            else:
                del self.files[line["path"]]
        return {"success": True, "failed": []}

    def _listed(self, paths: list[str]) -> list[dict[str, Any]]:
        sizes = xet_sizes(self.folder)
        return [{"type": "file", "path": path, "size": sizes[self.files[path]], "xetHash": self.files[path]} for path in paths]


def xet_sizes(folder: Path) -> dict[str, int]:
    """Hash -> size in bytes of each file in Xet storage, from the shards, in which a file is a list of pieces with lengths."""
    found: dict[str, int] = {}
    for shard in folder.rglob("*.mdb"):
        raw, at = shard.read_bytes(), _SHARD_HEADER
        while raw[at : at + 32] != _END:
            *parts, flags, pieces = struct.unpack_from("<4Q2I", raw, at)
            at += _ENTRY
            name = "".join(f"{part:016x}" for part in parts)
            found[name] = sum(struct.unpack_from("<I", raw, at + _ENTRY * i + 36)[0] for i in range(pieces))
            at += _ENTRY * pieces * (2 if flags & 1 << 31 else 1) + (_ENTRY if flags & 1 << 30 else 0)
    return found
