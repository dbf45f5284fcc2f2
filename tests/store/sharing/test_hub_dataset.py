"""Push to and pull from a data set: `huggingface_hub` as it is, against a small server that speaks the Hub's protocol."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from sirev.store.digests import canonical_json
from sirev.store.sharing import hub_place as module
from sirev.store.sharing.backend import Upload
from sirev.store.sharing.remote import object_path, record_path
from sirev.store.store import Store
from tests.conftest import Command, Study
from tests.hub_server import HubRepository, HubServer
from tests.store.sharing.studies import add_run, assert_sound, contents

NAME = "team/store"
URL = f"hf://datasets/{NAME}"
Sirev = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dataset(hub_server: HubServer) -> HubRepository:
    return hub_server.add(f"datasets/{NAME}")


@pytest.fixture
def sirev(command: Command) -> Sirev:
    """`sirev store`."""
    return partial(command, "store")


def test_a_push_is_few_commits_with_records_and_runs_in_the_last(
    tmp_path: Path, dataset: HubRepository, sirev: Sirev, store: Store
) -> None:
    done = sirev("push", URL, "--store", store.path)
    assert (done.returncode, done.stderr) == (0, "")
    marker, payload, last = dataset.commits
    assert marker == ["sirev-store.json"]
    assert {path.split("/")[0] for path in payload} == {"objects"}
    assert {path.split("/")[0] for path in last} == {"README.md", "records", "runs"}
    done = sirev("push", URL, "--store", store.path)
    assert "everything was there already" in done.stdout
    assert len(dataset.commits) == 3
    done = sirev("pull", URL, "small", "--store", tmp_path / "second")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "second") == contents(store.path)


def test_an_iterate_that_pushes_leaves_its_runs_and_nothing_of_its_first_try(
    dataset: HubRepository, command: Command, smoke: Study, smoke_copy: Path
) -> None:
    asked = ["--method", "sft", "--store", smoke_copy, "--remote", URL, "--push"]
    done = command("iterate", "tiny_smoke", *asked)
    assert done.returncode == 0, done.stderr
    assert f"runs/{smoke.of('sft').id}.json" in dataset.files
    assert {path.split("/")[0] for path in dataset.files} == {
        *(".gitattributes", "README.md", "sirev-store.json", "objects", "records", "runs")
    }


def test_the_card_says_how_to_pull_and_report_and_names_every_run(
    tmp_path: Path, dataset: HubRepository, sirev: Sirev, store: Store
) -> None:
    assert sirev("push", URL, "--store", store.path).returncode == 0
    card = DatasetCard(dataset.files["README.md"].decode())
    assert {"sirev", "sirev-store"} <= set(card.data.tags)
    assert card.data.viewer is False
    lines = card.text.splitlines()
    assert f"sirev store pull {URL}" in lines
    assert "sirev report html --run small-sft-s0 -o report.html" in lines
    other = Store(tmp_path / "second")
    add_run(other, "small-sft-s1", value=1)
    assert sirev("push", URL, "--store", other.path).returncode == 0
    assert {"- `small-sft-s0`", "- `small-sft-s1`"} <= set(dataset.files["README.md"].decode().splitlines())


def test_a_card_of_its_owners_own_is_left_alone(dataset: HubRepository, sirev: Sirev, store: Store) -> None:
    dataset.files["README.md"] = b"# My study\n"
    assert sirev("push", URL, "--store", store.path).returncode == 0
    assert dataset.files["README.md"] == b"# My study\n"


def test_somebody_elses_commit_in_between_loses_nothing(
    tmp_path: Path, hub_server: HubServer, dataset: HubRepository, sirev: Sirev, store: Store
) -> None:
    run = store.runs.all()[0]
    pin = run.pins["train:1"]
    path, theirs = (
        record_path(pin.key, pin.artifact),
        store.records.path(pin.key, pin.artifact).read_bytes().replace(b"20", b"19", 1),
    )

    def interfere() -> None:
        if len(dataset.commits) == 2:  # the last commit is under way: somebody is quicker, with one of its records
            dataset.files = {**dataset.files, path: theirs}
            dataset.commits.append([path])

    hub_server.before_commit = interfere
    done = sirev("push", URL, "--store", store.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert dataset.files[path] == theirs
    assert path not in dataset.commits[-1]
    assert f"runs/{run.id}.json" in dataset.commits[-1]


@pytest.mark.slow
def test_wrong_bytes_from_the_hub_are_one_line_and_not_taken(
    tmp_path: Path, hub_server: HubServer, dataset: HubRepository, sirev: Sirev, store: Store
) -> None:
    assert sirev("push", URL, "--store", store.path).returncode == 0
    entry = store.artifact(store.runs.all()[0].pins["train:1"].artifact).manifest["files"]["adapter_model.safetensors"]
    spoilt = object_path(entry["sha256"])
    hub_server.spoil = lambda path, data: data[:-1] + b"?" if path == spoilt else data
    done = sirev("pull", URL, "--store", tmp_path / "second")
    assert done.returncode == 1
    assert "other bytes than its name says" in done.stderr
    assert done.stderr.count("\n") == 1
    assert_sound(tmp_path / "second")
    hub_server.spoil = lambda path, data: data
    assert sirev("pull", URL, "--store", tmp_path / "second").returncode == 0
    assert contents(tmp_path / "second") == contents(store.path)


def test_bad_places_on_the_hub_are_one_line(tmp_path: Path, dataset: HubRepository, sirev: Sirev, store: Store) -> None:
    done = sirev("push", "hf://datasets/team/absent", "--store", store.path)
    assert done.returncode == 2
    assert "create it with `hf repos create team/absent --repo-type dataset`" in done.stderr
    assert done.stderr.count("\n") == 1
    done = sirev("pull", URL, "--store", tmp_path / "second")
    assert done.returncode == 2
    assert "is not a sirev store: nothing is there" in done.stderr
    dataset.files["data.parquet"] = b"x"
    done = sirev("push", URL, "--store", store.path)
    assert done.returncode == 2
    assert "has files but no sirev-store.json" in done.stderr
    dataset.files["sirev-store.json"] = canonical_json({"format": 99, "id": "x"})
    done = sirev("pull", URL, "--store", tmp_path / "second")
    assert done.returncode == 2
    assert "has format 99" in done.stderr


def test_batches_are_bounded_in_files_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMIT_FILES", 3)
    monkeypatch.setattr(module, "COMMIT_BYTES", 100)
    sizes = [1, 1, 1, 1, 99, 1, 200, 5]
    batches = module.batches([Upload(str(i), b"", size) for i, size in enumerate(sizes)])
    assert [[upload.size for upload in batch] for batch in batches] == [[1, 1, 1], [1, 99], [1, 200], [5]]
