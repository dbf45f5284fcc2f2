"""Credentials and private paths: of use to a run, and in nothing that leaves the machine."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.execution.run_ids import run_id
from sirev.machine.doctor import examine
from sirev.recipe import load_recipe
from sirev.recipe.load import read_recipe
from sirev.store.sharing.archive import export_runs, import_file
from sirev.store.sharing.pull import pull
from sirev.store.sharing.push import push
from sirev.store.sharing.remote import Remote
from tests.base_model import save_base_model

SECRET = "s3cr3t-9f2c"
PRIVATE = "home-of-mallory"


class Guarded(BaseHTTPRequestHandler):
    """An endpoint that lets in whoever has the password, knows every adapter, and whose every answer is right."""

    let_in: set[str]
    adapters: list[str]
    refused = 0

    def do_GET(self) -> None:
        self._reply({"object": "list", "data": [{"id": one, "object": "model"} for one in self.adapters]})

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "lora_name" in asked:
            self.adapters.append(asked["lora_name"])
        choices = [{"index": i, "text": "It is #### 7", "finish_reason": "stop"} for i in range(asked.get("n") or 1)]
        self._reply({"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": choices})

    def _reply(self, body: dict[str, Any]) -> None:
        allowed = self.headers["Authorization"] in self.let_in
        if not allowed:
            type(self).refused += 1
        raw = json.dumps(body if allowed else {"error": {"message": f"who is http://user:{SECRET}@x/?"}}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Guarded]]]:
    """HOST:PORT/v1, and what it was asked."""
    from base64 import b64encode

    basic = b64encode(f"user:{SECRET}".encode()).decode()
    kind = type("OwnGuarded", (Guarded,), {"let_in": {f"Basic {basic}", f"Bearer {SECRET}"}, "adapters": [], "refused": 0})
    running = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{running.server_port}/v1", kind
    running.shutdown()


def overrides(home: Path, url: str) -> list[str]:
    return [
        f"model.name={home}/model",
        f"task.data.path={home}/rows",
        "engine.name=server",
        f"engine.url={url}",
        "engine.patience_minutes=0.02",
        "training.parameters=lora",
        "T=2",
        "gpu=optional",
        "evaluation.ood={}",
        "evaluation.embedding=null",
        "sampling.n=2",
        "evaluation.draws.n=2",
        "sampling.max_new_tokens=16",
        "evaluation.draws.max_new_tokens=16",
    ]


def found_in(folder: Path, *words: str) -> list[str]:
    """Files below a folder, and their names, that hold one of the words."""
    return [
        str(path)
        for path in folder.rglob("*")
        if any(word in str(path.relative_to(folder)) or (path.is_file() and word.encode() in path.read_bytes()) for word in words)
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's own model and rows."""
    folder = tmp_path / PRIVATE
    save_base_model(folder / "model")
    (folder / "rows").mkdir()
    for split, first in (("train", 0), ("test", 50)):
        rows = [{"question": f"What is {i} - {i - 7}?", "answer": "It is 7\n#### 7"} for i in range(first, first + 8)]
        (folder / "rows" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.slow
def test_a_password_is_used_and_neither_recorded_nor_sent_and_paths_stay_here(
    home: Path, server: tuple[str, type[Guarded]], tmp_path: Path
) -> None:
    host, kind = server
    kind.adapters = [f"{home}/model"]
    asked = overrides(home, f"http://user:{SECRET}@{host}")
    store = sirev.Store(tmp_path / "store")
    (result,) = sirev.iterate("gsm8k", methods=["sft"], overrides=asked, store=store)
    assert kind.refused == 0
    assert not found_in(store.path, SECRET)
    run = store.runs.get(result.id)
    assert run is not None
    assert run.settings["engine"]["url"] == f"http://{host}"
    assert run.settings["model"]["name"] == f"{home}/model"

    remote = Remote(str(tmp_path / "shared"))
    push(store, remote, [run])
    archive = tmp_path / "study.tar.zst"
    export_runs(store, [run], archive)
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp_path / "unpacked"], check=True)
    for folder in (tmp_path / "shared", tmp_path / "unpacked"):
        assert not found_in(folder, SECRET, PRIVATE)

    for name in ("pulled", "imported"):
        other = sirev.Store(tmp_path / name)
        if name == "pulled":
            pull(other, remote)
        else:
            import_file(other, archive)
        again = other.runs.get(run.id)
        assert again is not None
        assert again.pins == run.pins
        assert again.settings["model"]["name"] == "./model"
        assert again.settings["task"]["data"]["path"] == "./rows"
        (replayed,) = sirev.iterate("gsm8k", methods=["sft"], overrides=asked, store=other)
        assert replayed.computed == ()
        assert replayed.id == run.id
        regraded = sirev.regrade(run.id, overrides={"evaluation.grader": "gsm8k_flexible"}, store=other)
        assert not regraded.missing
    assert push(sirev.Store(tmp_path / "pulled"), remote, [run]).files == 0


def test_the_id_of_a_run_does_not_know_where_the_server_is(home: Path) -> None:
    recipes = [
        load_recipe("gsm8k", overrides(home, url)) for url in ("http://h:1/v1", f"http://user:{SECRET}@h:1/v1", "http://g/v1")
    ]
    assert len({run_id(recipe, "sft", 0) for recipe in recipes}) == 1
    assert SECRET not in json.dumps([recipe.settings() for recipe in recipes])
    assert SECRET not in " ".join(read_recipe("gsm8k", overrides(home, f"http://user:{SECRET}@h:1/v1")).origins())
    assert recipes[1].engine.url == f"http://user:{SECRET}@h:1/v1"


@pytest.mark.parametrize("url", [f"http://user:{SECRET}/x@h/v1", f"user:{SECRET}@h/v1", f"ftp://user:{SECRET}@h/v1"])
def test_an_address_that_is_none_is_refused_without_repeating_it(home: Path, url: str) -> None:
    with pytest.raises(sirev.BadInput, match="not an address such as") as refused:
        load_recipe("gsm8k", overrides(home, url))
    assert SECRET not in str(refused.value)
    assert str(refused.value).count("engine.url=") == 1


@pytest.mark.parametrize("url", ["http://[::1:8000/v1", "http://h\u2100:8000/v1", "http://h:8000x/v1"])
def test_a_mistyped_address_is_one_line(home: Path, url: str) -> None:
    with pytest.raises(sirev.BadInput, match="not an address such as"):
        load_recipe("gsm8k", overrides(home, url))


@pytest.mark.parametrize("url", ["HTTP://host/v1", "http://host:8000?x=1", "http://[::1]:8000/v1"])
def test_an_unusual_address_is_one(home: Path, url: str) -> None:
    assert load_recipe("gsm8k", overrides(home, url)).engine.url == url


def test_a_key_of_the_environment_lets_in_and_what_is_refused_says_where_it_is_read_from(
    home: Path, server: tuple[str, type[Guarded]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host, _ = server
    wrong = f"http://user:{SECRET}-wrong@{host}"
    told = {one.what: one for one in examine(load_recipe("gsm8k", overrides(home, wrong)), sirev.Store(tmp_path / "store"))}
    assert not told["server"].well
    assert told["server"].found.startswith(f"http://{host} does not answer: HTTP Error 401")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    told = {one.what: one for one in examine(load_recipe("gsm8k", overrides(home, f"http://{host}")), sirev.Store(tmp_path))}
    assert not told["server"].well
    monkeypatch.setenv("SIREV_API_KEY", SECRET)
    told = {one.what: one for one in examine(load_recipe("gsm8k", overrides(home, f"http://{host}")), sirev.Store(tmp_path))}
    assert told["server"].well
