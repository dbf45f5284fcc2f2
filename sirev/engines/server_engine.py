"""The `server` engine: an OpenAI-compatible completions endpoint, such as `vllm serve`.

Prompts are sent as tokens, so that they are exactly the trainers'. An adapter of M_t is loaded into the server through
vLLM's endpoint, again after every restart of the server.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from sirev.addresses import KEY, Address, without_credentials
from sirev.engines.protocol import Cell, Completion, DecodingSettings, ended
from sirev.engines.requests import CellRequest, Gatherer, completed, requests, sampling, tokenised
from sirev.errors import BadInput
from sirev.trainers.models import ModelFolders, load_tokenizer

LONGEST_PAUSE = 20.0  # seconds between two tries


@dataclass(frozen=True)
class Server:
    """A server: address, concurrent requests, minutes of retries, and the name of its base model."""

    url: str
    concurrency: int
    patience_minutes: float
    served: str


class ServerEngine:
    """M_t, sampled by a server."""

    def __init__(self, server: Server, folders: ModelFolders, name: str) -> None:
        from openai import OpenAI

        self.server = server
        self.folders = folders
        self.tokenizer = load_tokenizer(folders)
        self.model = server.served if folders.base is None else f"sirev-{name[:24]}"
        address = Address.of(server.url)
        self._url = address.url  # for messages: without the credentials that server.url may have
        # No retries by the client: after a restart, the adapter must be loaded first.
        self._client = OpenAI(
            base_url=address.url,
            api_key="none",
            default_headers=address.headers,
            default_query=address.query,
            max_retries=0,
            timeout=3600.0,
        )
        self._loading = threading.Lock()
        self._context: int | None = None
        self._patiently(lambda: self._require_model(fresh=True))

    def sample(
        self,
        cells: Sequence[Cell],
        decoding: DecodingSettings,
        seed: int,
        publish: Callable[[int, list[Completion]], None],
        progress: Callable[[int, int], None] = lambda answers, tokens: None,
    ) -> None:
        """Answer the cells, with contiguous draws of a problem in one request; see `sirev.engines.protocol.SamplingEngine`."""
        gatherer = Gatherer(cells, publish, progress)
        todo = list(requests(cells))
        prompts = tokenised(self.tokenizer, todo, decoding, self._context)
        waiting = iter(todo)
        pool = ThreadPoolExecutor(self.server.concurrency)
        try:
            running: set[Future[list[Completion]]] = set()
            while True:
                while len(running) < self.server.concurrency and (request := next(waiting, None)):
                    ask = partial(self._ask, request, prompts[request.problem_id], decoding, seed)
                    running.add(pool.submit(self._patiently, ask))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    for completion in future.result():
                        gatherer.add(completion)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(
        self, request: CellRequest, prompt: tuple[list[int], int], decoding: DecodingSettings, seed: int
    ) -> list[Completion]:
        before, limit = prompt
        response = self._client.completions.create(
            model=self.model,
            prompt=before,
            **sampling(request, decoding, seed, limit),
            # vLLM's own fields. Other servers ignore them, and then only the text is known.
            extra_body={
                "return_token_ids": True,
                "ignore_eos": True,
                "stop_token_ids": [self.tokenizer.eos_token_id, *decoding.ends],
            },
        )
        choices = sorted(response.choices, key=lambda choice: choice.index)
        if [choice.index for choice in choices] != list(range(request.draws)):
            raise ValueError(f"the server gave {len(choices)} of {request.draws} answers to {request.problem_id}")
        return [self._completion(request, before, choice, decoding) for choice in choices]

    def _completion(self, request: CellRequest, before: list[int], choice: Any, decoding: DecodingSettings) -> Completion:
        ids = getattr(choice, "token_ids", None)
        if ids is not None:
            return completed(self.tokenizer, request, before, ids, choice.index, choice.finish_reason, decoding)
        ids = self.tokenizer(choice.text, add_special_tokens=False)["input_ids"]
        finish = "length" if choice.finish_reason == "length" else "stop"
        return ended(request.problem_id, request.first_draw + choice.index, choice.text, ids, finish, decoding.stop)

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """Send a request, and retry while the server is busy, restarting or gone; BadInput after `patience_minutes`."""
        from openai import APIConnectionError, APIStatusError, NotFoundError

        until = time.monotonic() + 60 * self.server.patience_minutes
        pause = 0.5
        while True:
            try:
                return ask()
            except NotFoundError:
                trouble = f"it does not know the model {self.model}"
                with contextlib.suppress(APIConnectionError, APIStatusError):  # the server is still down
                    self._require_model()  # a restarted server has lost the adapter
            except APIConnectionError as error:  # includes timeouts
                trouble = str(error.__cause__ or error)
            except APIStatusError as error:
                if error.status_code != 429 and error.status_code < 500:
                    raise BadInput(f"the server {self._url} refuses: {_said(error)}{_login(error)}") from None
                trouble = f"status {error.status_code}"
            if time.monotonic() + pause > until:
                raise BadInput(f"the server {self._url} does not answer: {trouble} (engine.patience_minutes)")
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _require_model(self, fresh: bool = False) -> None:
        """Make sure that the server serves this model; load the adapter if it is missing.

        At the beginning (`fresh`) the adapter is always reloaded: the files of an earlier sampling may be gone. Raises BadInput
        if there is no endpoint, or if the server serves another model.
        """
        from openai import NotFoundError

        with self._loading:
            try:
                models = list(self._client.models.list())
            except NotFoundError:
                raise BadInput(f"there is no OpenAI endpoint at {self._url} (engine.url: does it end in /v1?)") from None
            served = [model.id for model in models]
            self._context = next(
                (n for m in models if m.id == self.server.served and (n := getattr(m, "max_model_len", None))), None
            )
            if self.model in served:
                if not fresh or self.folders.base is None:
                    return
                with contextlib.suppress(NotFoundError):
                    self._client.post("/unload_lora_adapter", body={"lora_name": self.model}, cast_to=str)
            if self.folders.base is None or self.server.served not in served:
                raise BadInput(f"the server {self._url} serves {', '.join(served)}, not {self.server.served} (model.name)")
            self._load_adapter()

    def _load_adapter(self) -> None:
        from openai import APIStatusError, NotFoundError

        wanted = {"lora_name": self.model, "lora_path": str(self.folders.path.resolve())}
        try:
            self._client.post("/load_lora_adapter", body=wanted, cast_to=str)
        except NotFoundError:
            raise BadInput(
                f"the server {self._url} loads no adapters; start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and "
                "--enable-lora --max-lora-rank R, on a machine that sees this one's files"
            ) from None
        except APIStatusError as error:
            if error.status_code == 429 or error.status_code >= 503:
                raise
            raise BadInput(f"the server {self._url} can't load the adapter: {_said(error)}") from None


def _said(error: Exception) -> str:
    """The server's message on one line, without credentials: some servers repeat the request."""
    return without_credentials(" ".join(str(error).split()))[:300]


def _login(error: Any) -> str:
    return f"; its key is read from {KEY}" if error.status_code in (401, 403) else ""
