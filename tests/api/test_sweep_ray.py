"""Sweeps on a real Ray cluster on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import sirev
from sirev.api import sweep_ray, sweep_task
from sirev.api.iterate import RunResult
from sirev.api.sweep import GridSweep, run, sweep
from sirev.errors import BadInput
from sirev.execution.listener import Listener
from sirev.execution.segments import Segment
from sirev.recipe.grid import read_grid
from sirev.store.store import Store
from sirev.store.upkeep.verify import verify
from sirev.trainers.checkpoints import CHECKPOINT_MARKER
from tests.api.machines import computed
from tests.conftest import Study, eventually, semantic_digests
from tests.ray_cluster import a_cluster

SETTINGS = {"T": 2, "evaluation.draws.n": 2, "sampling.n": 4}
GRID = f"recipes: tiny_smoke\nmethods: [sft, dpo]\nseeds: [3]\nset: {SETTINGS}\n"

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: it is the extra ray")


def made(folder: Path, store: Path, text: str = GRID) -> GridSweep:
    file = folder / "grid.yaml"
    file.write_text(text)
    return GridSweep(read_grid(file), Store(store))


def processes(word: str) -> dict[int, str]:
    """Pid -> command of the processes of this machine that have a word in their command."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in command:
            found[int(path.parent.name)] = command
    return found


def kill_once(word: str, killed: list[int], ended: threading.Event) -> None:
    """Kill the first process with a word in its command, as soon as there is one, unless `ended` is set before."""

    def kill() -> bool:
        for pid in processes(word):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return True
        return ended.is_set()

    eventually(kill, 300)


@pytest.fixture(autouse=True)
def only_cluster(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have one test at a time use Ray: they look for its processes, and kill some."""
    if request.node.get_closest_marker("slow") is None:
        yield
        return
    with (Path(tempfile.gettempdir()) / f"sirev-tests-ray-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def serial(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[RunResult]]:
    """What `iterate` makes of the grid, in a copy of the smoke study's store."""
    store = Store(shutil.copytree(smoke.store.path, tmp_path_factory.mktemp("serial") / "store"))
    return store, sirev.iterate("tiny_smoke", methods=["sft", "dpo"], seeds=[3], overrides=SETTINGS, store=store)


def assert_is(swept: Store, expected: Store) -> None:
    """Equal results, and no key computed twice."""
    assert semantic_digests(swept) == semantic_digests(expected)
    assert len(list(swept.records.names())) == len(list(expected.records.names()))


@needs_ray
@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_and_what_ray_computes_is_what_iterate_does(
    serial: tuple[Store, list[RunResult]], smoke_copy: Path, tmp_path: Path
) -> None:
    token = Path.home() / ".ray" / "auth_token"
    had_token = token.exists()
    swept = made(tmp_path, smoke_copy)
    killed: list[int] = []
    ended = threading.Event()
    killer = threading.Thread(target=kill_once, args=("ray::1:train", killed, ended))
    killer.start()
    told: list[tuple[Segment, str, str]] = []
    try:
        results = run(swept, "ray", 3, Listener(), lambda *news: told.append(news))
    finally:
        ended.set()
        killer.join()
    assert killed
    left = {one.id for one in swept.segments if _is_left(one)}
    assert {segment.id for segment, state, _ in told if state == "done"} == left
    assert {(segment.id, where) for segment, state, where in told if state == "running"} == {
        (one, socket.gethostname()) for one in left
    }
    expected, runs = serial
    assert_is(Store(smoke_copy), expected)
    assert [(one.id, one.iterations) for one in results] == [(one.id, one.iterations) for one in runs]
    assert eventually(lambda: not processes("ray::"))
    assert token.exists() == had_token


@needs_ray
@pytest.mark.slow
def test_a_node_that_dies_and_a_head_that_is_begun_again_lose_nothing(
    serial: tuple[Store, list[RunResult]], smoke_copy: Path, tmp_path: Path
) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    call = [sys.executable, "-m", "sirev", "sweep", str(tmp_path / "grid.yaml"), "--on", "ray", "--store", str(smoke_copy)]
    with a_cluster() as cluster:

        def begun() -> subprocess.Popen[str]:
            environment = {**os.environ, **cluster.environment}
            return subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=environment)

        head, other = cluster.head(), cluster.node()
        cluster.await_nodes(2)
        sweeping = begun()
        assert eventually(lambda: bool(processes("ray::2:train")), 300)
        cluster.kill(other)
        assert eventually(lambda: bool(processes("ray::2:train")), 300)
        cluster.kill(head)
        said = sweeping.communicate(timeout=300)[1]
        assert sweeping.returncode == 1, said
        assert re.search(rf"the head of the cluster, \S+:{cluster.port}, is gone; the same command continues", said), said
        assert eventually(lambda: not processes("ray::2:train"))
        cluster.head()
        cluster.await_nodes(1)
        sweeping = begun()
        said = sweeping.communicate(timeout=600)[1]
        assert sweeping.returncode == 0, said
    assert_is(Store(smoke_copy), serial[0])


@needs_ray
@pytest.mark.slow
def test_a_sweep_that_is_asked_to_end_has_its_workers_save_what_the_same_command_goes_on_from(
    smoke_copy: Path, tmp_path: Path
) -> None:
    # Long enough to be at work when a worker reads that it is to end, seconds after the sweep was told.
    settings = {"T": 2, "training.initial.epochs": 300, "evaluation.draws.n": 2, "sampling.n": 4}
    (tmp_path / "grid.yaml").write_text(f"recipes: tiny_smoke\nmethods: sft\nset: {settings}\n")
    scratch = tmp_path / "scratch"
    call = [sys.executable, "-m", "sirev", "sweep", tmp_path / "grid.yaml", "--store", smoke_copy, "--scratch", scratch, "--on"]
    sweeping = subprocess.Popen([*call, "ray"], stderr=subprocess.PIPE, text=True)
    assert eventually(lambda: any(scratch.glob("*/*/attempt-*/lock")), 300)
    sweeping.send_signal(signal.SIGTERM)
    said = sweeping.communicate(timeout=300)[1]
    assert sweeping.returncode == 143, said
    assert any(scratch.glob(f"*/*/attempt-*/checkpoint-*/{CHECKPOINT_MARKER}"))
    assert eventually(lambda: not processes("ray::"))
    assert subprocess.run([*call, "here"], check=False).returncode == 0
    assert not any(scratch.glob("*/*"))


def _is_left(segment: Segment) -> bool:
    """The problems and M_0 are in the smoke study's store."""
    return segment.leader not in ("source/train", "0:pretrain")


@needs_ray
@pytest.mark.slow
def test_a_cluster_that_can_not_compute_the_grid_is_refused_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(swept: GridSweep) -> str:
        with pytest.raises(BadInput) as told:
            run(swept, "ray", 0, Listener())
        assert list(swept.store.records.names()) == []
        return str(told.value)

    with monkeypatch.context() as patched:
        patched.setattr(GridSweep, "requires_gpu", lambda self, segment: True)
        assert refused(made(tmp_path, tmp_path / "store")) == "--on ray: the cluster has no GPU, and the recipes require one"
    with monkeypatch.context() as patched:
        patched.setattr(sweep_task, "__version__", "0.0.1")
        assert "has sirev" in refused(made(tmp_path, tmp_path / "store"))
    with monkeypatch.context() as patched:
        patched.setenv("RAY_ADDRESS", "127.0.0.1:1")
        assert refused(made(tmp_path, tmp_path / "store")).startswith("--on ray: no cluster: ")


def test_without_ray_one_line_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_ray, "find_spec", lambda name: None)
    (tmp_path / "grid.yaml").write_text(GRID)
    with pytest.raises(BadInput, match=r"--on ray: Ray is not installed: pip install .*\[ray\]"):
        sweep(tmp_path / "grid.yaml", on="ray", store=tmp_path / "store")


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    with pytest.raises(BadInput, match="--on: unknown engine 'rey'; did you mean 'ray'"):
        sweep(tmp_path / "grid.yaml", on="rey", store=tmp_path / "store")


@needs_ray
@pytest.mark.slow
def test_nodes_with_a_store_each_compute_a_grid_by_way_of_a_shared_one(tmp_path: Path) -> None:
    settings = {"T": 2, "evaluation.draws.n": 2}
    grid = tmp_path / "grid.yaml"
    grid.write_text(f"recipes: tiny_smoke\nmethods: [sft, dpo]\nset: {settings}\n")
    stores, shared = [tmp_path / "one", tmp_path / "two"], tmp_path / "shared"
    call = [sys.executable, "-m", "sirev", "sweep", grid, "--on", "ray", "--remote", shared, "--push"]
    with a_cluster() as cluster:
        cluster.head(SIREV_STORE=str(stores[0]))
        cluster.node(SIREV_STORE=str(stores[1]))
        cluster.await_nodes(2)
        # In a process of its own: Ray keeps the first token that a process had.
        subprocess.run(call, env={**os.environ, **cluster.environment, "SIREV_STORE": str(tmp_path / "head")}, check=True)
    assert set(computed(stores).values()) == {1}
    assert all(computed([store]) for store in stores)
    assert verify(Store(shared)).whole
    sirev.iterate("tiny_smoke", methods=["sft", "dpo"], overrides=settings, store=tmp_path / "whole")
    assert semantic_digests(Store(shared)) == semantic_digests(Store(tmp_path / "whole"))
