"""An HTTP server with the parts of the Hugging Face Hub that `huggingface_hub` needs to create, list, read and commit to
repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from tests.hub_bucket_files import HubBucketFiles
from tests.store.sharing.faulty import served

LARGE = (".safetensors", ".parquet")
"""Endings of files that the Hub receives separately from commits, by git LFS."""


class HubRepository:
    """One repository, with the name KINDs/OWNER/NAME: its files, and the paths changed by each commit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, bytes] = {".gitattributes": b"*.bin filter=lfs\n"}
        self.commits: list[list[str]] = []
        self.private = False

    def head(self) -> str:
        """The id of the latest commit."""
        return hashlib.sha1(f"{self.name} {len(self.commits)}".encode()).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        """The Hub's entry of a file."""
        data = self.files[path]
        told = {"type": "file", "path": path, "size": len(data), "oid": oid(path, data)}
        return {**told, "lfs": {"oid": told["oid"], "size": len(data), "pointerSize": 134}} if path.endswith(LARGE) else told

    def about(self) -> dict[str, Any]:
        """The Hub's description of the repository, including the front matter of its card."""
        import yaml

        card = self.files.get("README.md", b"").decode().split("---\n")
        told = yaml.safe_load(card[1]) if len(card) > 2 else None
        files = [{"rfilename": path} for path in sorted(self.files)]
        short = self.name.partition("/")[2]
        return {"id": short, "sha": self.head(), "private": self.private, "tags": [], "siblings": files, "cardData": told}

    def commit(self, lines: list[dict[str, Any]], large: dict[str, bytes]) -> None:
        """Apply the lines of a commit; `large`: sha256 -> content of files that were uploaded before."""
        values = [(line["key"], line["value"]) for line in lines]
        added = {value["path"]: base64.b64decode(value["content"]) for key, value in values if key == "file"}
        added |= {value["path"]: large[value["oid"]] for key, value in values if key == "lfsFile"}
        deleted = [value["path"] for key, value in values if key == "deletedFile"]
        self.files = {path: data for path, data in {**self.files, **added}.items() if path not in deleted}
        self.commits.append(sorted([*added, *deleted]))


class HubServer:
    """A Hub whose repositories, by KINDs/OWNER/NAME, are created on request; the namespace "others" refuses everything."""

    def __init__(self) -> None:
        self.repositories: dict[str, HubRepository] = {}
        self.buckets: dict[str, HubBucketFiles] = {}
        self.made: list[dict[str, Any]] = []
        self.large: dict[str, bytes] = {}
        self.seen: list[tuple[str, str]] = []
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], int | None] = lambda: None
        self.spoil: Callable[[str, bytes], bytes] = lambda path, data: data
        self.fault: Callable[[str, str], int | None] = lambda method, path: None
        hub, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = unquote(urlparse(self.path).path)
                hub.seen.append((self.command, path))
                if (status := hub.fault(self.command, path)) is not None:
                    return self.tell({"error": "no luck"}, status)
                if path == "/api/repos/create":
                    return self.make(json.loads(body))
                if path == "/api/validate-yaml":
                    return self.tell({"errors": [], "warnings": []})
                if path.startswith("/large/"):
                    hub.large[path.removeprefix("/large/")] = body
                    return self.tell({})
                if found := re.fullmatch(r"/(?P<name>.+)\.git/info/lfs/objects/batch", path):
                    return self.batch(found["name"], json.loads(body))
                if found := re.fullmatch(r"/(?:api/)?buckets/(?P<name>[^/]+/[^/]+)(?:/(?P<what>.+))?", path):
                    bucket = hub.buckets.get(found["name"])
                    if bucket is None:
                        return self.lacking("RepoNotFound")
                    return self.tell(*bucket.answer(found["what"] or "", body, f"http://{self.headers['Host']}"))
                if found := re.fullmatch(r"/api/(?P<name>[^/]+/[^/]+/[^/]+)(?:/(?P<what>[^/]+)(?:/.*)?)?", path):
                    repository = hub.repositories.get(found["name"])
                    if repository is None:
                        return self.lacking("RepoNotFound")
                    return self.api(repository, found["what"] or "", body)
                return self.resolve(path)

            do_GET = do_HEAD = do_POST = do_PUT = answer

            def api(self, repository: HubRepository, what: str, body: bytes) -> None:
                files = repository.files
                if what in ("", "revision"):
                    return self.tell(repository.about())
                if what == "tree":
                    return self.tell([repository.entry(path) for path in sorted(files)])
                if what == "paths-info":
                    asked = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode())["paths"]
                    return self.tell([repository.entry(path) for path in asked if path in files])
                if what == "preupload":
                    asked = [file["path"] for file in json.loads(body)["files"]]
                    return self.tell({"files": [self.mode(repository, path) for path in asked]})
                lines = [json.loads(line) for line in body.splitlines()]
                hub.before_commit()
                if repository.name.split("/")[1] == "others":
                    return self.tell({"error": "not yours"}, 403)
                with lock:
                    parent = next(line["value"].get("parentCommit") for line in lines if line["key"] == "header")
                    if parent not in (None, repository.head()):
                        return self.tell({"error": "the head has moved on"}, 412)
                    repository.commit(lines, hub.large)
                if (status := hub.after_commit()) is not None:
                    return self.tell({"error": "no luck"}, status)
                url = f"http://{self.headers['Host']}/{repository.name}/commit/{repository.head()}"
                return self.tell({"success": True, "commitOid": repository.head(), "commitUrl": url, "hookOutput": ""})

            def mode(self, repository: HubRepository, path: str) -> dict[str, Any]:
                there = {"oid": repository.entry(path)["oid"]} if path in repository.files else {}
                mode = "lfs" if path.endswith(LARGE) else "regular"
                return {"path": path, "uploadMode": mode, "shouldIgnore": False, **there}

            def make(self, asked: dict[str, Any]) -> None:
                name = f"{asked.get('type', 'model')}s/{asked['organization']}/{asked['name']}"
                if asked["organization"] == "others":
                    return self.tell({"error": "not yours"}, 403)
                hub.made.append(asked)
                hub.add(name).private = asked.get("visibility") == "private"
                return self.tell({"url": f"http://{self.headers['Host']}/{name.removeprefix('models/')}"})

            def batch(self, name: str, asked: dict[str, Any]) -> None:
                objects: list[dict[str, Any]] = []
                for one in asked["objects"]:
                    to = {"actions": {"upload": {"href": f"http://{self.headers['Host']}/large/{one['oid']}"}}}
                    objects.append({**one, **({} if one["oid"] in hub.large else to)})
                self.tell({"transfer": "basic", "objects": objects})

            def resolve(self, path: str) -> None:
                place, _, rest = path.strip("/").partition("/resolve/")
                repository = hub.repositories.get(place if place.count("/") == 2 else f"models/{place}")
                file = rest.partition("/")[2]
                if repository is None or file not in repository.files:
                    return self.lacking("EntryNotFound" if repository else "RepoNotFound")
                headers = {"ETag": f'"{repository.entry(file)["oid"]}"', "X-Repo-Commit": repository.head()}
                return self.give(hub.spoil(file, repository.files[file]), headers)

            def lacking(self, code: str) -> None:
                self.tell({"error": "not found"}, 404, {"X-Error-Code": code})

            def tell(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
                self.give(json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})}, status)

            def give(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
                start, end = 0, len(data)
                if (asked := self.headers.get("Range")) and status == 200:
                    first, _, last = asked.removeprefix("bytes=").partition("-")
                    start, end, status = int(first), min(len(data), int(last) + 1 if last else len(data)), 206
                    headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(end - start)}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data[start:end])

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, name: str) -> HubRepository:
        """Add a new repository."""
        repository = self.repositories[name] = HubRepository(name)
        return repository

    @contextmanager
    def serving(self) -> Iterator[HubServer]:
        with served(self._server):
            yield self


def oid(path: str, data: bytes) -> str:
    """The Hub's id of a file's content: git's blob id, or the sha256 of a large file."""
    if path.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
