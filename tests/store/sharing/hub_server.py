"""As much of the Hugging Face Hub, over HTTP, as `huggingface_hub` asks for when a data set is listed, read and committed to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from tests.store.sharing.faulty import served


class HubServer:
    """One data set, `repository`, with a list of commits: the files of each, and what the client said of it."""

    def __init__(self, repository: str) -> None:
        self.files: dict[str, bytes] = {".gitattributes": b"*.bin filter=lfs\n"}
        self.commits: list[list[str]] = []
        self.before_commit: Callable[[], None] = lambda: None
        self.spoil: Callable[[str, bytes], bytes] = lambda path, data: data
        hub, lock = self, threading.Lock()
        api = f"/api/datasets/{repository}"

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                path = unquote(urlparse(self.path).path)
                if path == api or path.startswith(f"{api}/revision/"):
                    return self.tell({"id": repository, "sha": hub.head(), "private": False, "tags": []})
                if path.startswith(f"{api}/tree/"):
                    return self.tell([hub.entry(name) for name in sorted(hub.files)])
                name = path.removeprefix(f"/datasets/{repository}/resolve/").partition("/")[2]
                if not path.startswith(f"/datasets/{repository}/") or name not in hub.files:
                    return self.tell({"error": "not found"}, 404, {"X-Error-Code": self.missing(path)})
                return self.give(hub.spoil(name, hub.files[name]), {"ETag": f'"{hub.entry(name)["oid"]}"'})

            do_HEAD = do_GET

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = urlparse(self.path).path
                if not path.startswith(api):
                    return self.tell({"error": "not found"}, 404, {"X-Error-Code": "RepoNotFound"})
                if path.startswith(f"{api}/paths-info/"):
                    asked = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode())["paths"]
                    return self.tell([hub.entry(name) for name in asked if name in hub.files])
                if path.startswith(f"{api}/preupload/"):
                    names = [file["path"] for file in json.loads(body)["files"]]
                    return self.tell({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
                lines = [json.loads(line) for line in body.splitlines()]
                hub.before_commit()
                with lock:
                    parent = next(line["value"].get("parentCommit") for line in lines if line["key"] == "header")
                    if parent not in (None, hub.head()):
                        return self.tell({"error": "the head has moved on"}, 412)
                    added = {
                        line["value"]["path"]: base64.b64decode(line["value"]["content"])
                        for line in lines
                        if line["key"] == "file"
                    }
                    hub.files = {**hub.files, **added}
                    hub.commits.append(sorted(added))
                url = f"http://{self.headers['Host']}/datasets/{repository}/commit/{hub.head()}"
                return self.tell({"success": True, "commitOid": hub.head(), "commitUrl": url, "hookOutput": ""})

            def missing(self, path: str) -> str:
                return "EntryNotFound" if path.startswith(f"/datasets/{repository}/") else "RepoNotFound"

            def tell(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
                self.give(json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})}, status)

            def give(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
                start, end = 0, len(data)
                if (asked := self.headers.get("Range")) and status == 200:
                    first, _, last = asked.removeprefix("bytes=").partition("-")
                    start, end, status = int(first), min(len(data), int(last) + 1 if last else len(data)), 206
                    headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
                self.send_response(status)
                for name, value in {**headers, "X-Repo-Commit": hub.head(), "Content-Length": str(end - start)}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data[start:end])

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def head(self) -> str:
        """The latest commit's name."""
        return hashlib.sha1(str(len(self.commits)).encode()).hexdigest()

    def entry(self, name: str) -> dict[str, Any]:
        """A file as the Hub lists it."""
        data = self.files[name]
        return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}

    @contextmanager
    def serving(self) -> Iterator[HubServer]:
        with served(self._server):
            yield self
