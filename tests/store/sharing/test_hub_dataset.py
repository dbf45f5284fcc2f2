"""Push to and pull from a data set: `huggingface_hub` as it is, against a small server that speaks the Hub's protocol."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sirev.store.digests import canonical_json
from sirev.store.sharing import hub_dataset as module
from sirev.store.sharing.backend import Upload
from sirev.store.sharing.remote import object_path, record_path
from sirev.store.store import Store
from tests.conftest import Command
from tests.store.sharing.hub_server import HubServer
from tests.store.sharing.studies import add_run, assert_sound, contents

URL = "hf://datasets/team/store"
Sirev = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer("team/store").serving() as server:
        yield server


@pytest.fixture
def sirev(command: Command, hub: HubServer, tmp_path: Path) -> Sirev:
    """`sirev store` in a process that takes the server for the Hub."""
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_x", "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}
    return partial(command, "store", **settings)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "first")
    add_run(store)
    return store


def test_a_push_is_few_commits_with_records_and_runs_in_the_last(
    tmp_path: Path, hub: HubServer, sirev: Sirev, store: Store
) -> None:
    done = sirev("push", URL, "--store", store.path)
    assert (done.returncode, done.stderr) == (0, "")
    marker, payload, last = hub.commits
    assert marker == ["sirev-store.json"]
    assert {path.split("/")[0] for path in payload} == {"objects"}
    assert {path.split("/")[0] for path in last} == {"records", "runs"}
    done = sirev("push", URL, "--store", store.path)
    assert "everything was there already" in done.stdout
    assert len(hub.commits) == 3
    done = sirev("pull", URL, "small", "--store", tmp_path / "second")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "second") == contents(store.path)


def test_somebody_elses_commit_in_between_loses_nothing(tmp_path: Path, hub: HubServer, sirev: Sirev, store: Store) -> None:
    run = store.runs.all()[0]
    pin = run.pins["train:1"]
    path, theirs = (
        record_path(pin.key, pin.artifact),
        store.records.path(pin.key, pin.artifact).read_bytes().replace(b"20", b"19", 1),
    )

    def interfere() -> None:
        if len(hub.commits) == 2:  # the last commit is under way: somebody is quicker, with one of its records
            hub.files = {**hub.files, path: theirs}
            hub.commits.append([path])

    hub.before_commit = interfere
    done = sirev("push", URL, "--store", store.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.files[path] == theirs
    assert path not in hub.commits[-1]
    assert f"runs/{run.id}.json" in hub.commits[-1]


def test_wrong_bytes_from_the_hub_are_one_line_and_not_taken(tmp_path: Path, hub: HubServer, sirev: Sirev, store: Store) -> None:
    assert sirev("push", URL, "--store", store.path).returncode == 0
    entry = store.artifact(store.runs.all()[0].pins["train:1"].artifact).manifest["files"]["adapter_model.safetensors"]
    spoilt = object_path(entry["sha256"])
    hub.spoil = lambda path, data: data[:-1] + b"?" if path == spoilt else data
    done = sirev("pull", URL, "--store", tmp_path / "second")
    assert done.returncode == 1
    assert "other bytes than its name says" in done.stderr
    assert done.stderr.count("\n") == 1
    assert_sound(tmp_path / "second")
    hub.spoil = lambda path, data: data
    assert sirev("pull", URL, "--store", tmp_path / "second").returncode == 0
    assert contents(tmp_path / "second") == contents(store.path)


def test_bad_places_on_the_hub_are_one_line(tmp_path: Path, hub: HubServer, sirev: Sirev, store: Store) -> None:
    done = sirev("push", "hf://datasets/team/absent", "--store", store.path)
    assert done.returncode == 2
    assert "create it with `hf repo create team/absent --repo-type dataset`" in done.stderr
    assert done.stderr.count("\n") == 1
    done = sirev("pull", URL, "--store", tmp_path / "second")
    assert done.returncode == 2
    assert "is not a sirev store: nothing is there" in done.stderr
    hub.files["data.parquet"] = b"x"
    done = sirev("push", URL, "--store", store.path)
    assert done.returncode == 2
    assert "has files but no sirev-store.json" in done.stderr
    hub.files["sirev-store.json"] = canonical_json({"format": 99, "id": "x"})
    done = sirev("pull", URL, "--store", tmp_path / "second")
    assert done.returncode == 2
    assert "has format 99" in done.stderr


def test_batches_are_bounded_in_files_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMIT_FILES", 3)
    monkeypatch.setattr(module, "COMMIT_BYTES", 100)
    sizes = [1, 1, 1, 1, 99, 1, 200, 5]
    batches = module._batches([Upload(str(i), b"", size) for i, size in enumerate(sizes)])
    assert [[upload.size for upload in batch] for batch in batches] == [[1, 1, 1], [1, 99], [1, 200], [5]]
