from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.explain.disk_usage import Space, StageShare, run_shares, usage
from sirev.store.artifacts import Artifact, Output
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.upkeep.closure import closure_of
from sirev.store.upkeep.keeps import Keep, Keeps


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def add(store: Store, run: Run, step: str, files: dict[str, int], note: int = 0) -> Artifact:
    """Pin an artifact of `files`, name -> bytes (files of one name and size are one object), with a note of so many bytes."""
    action = {"stage": step.partition(":")[0].partition("/")[0], "step": step, "run": run.id}
    content: dict[str, bytes | Path] = {name: name[:1].encode() * size for name, size in files.items()}
    artifact = store.publish(action, Output(files=content, notes={"note": b"!" * note} if note else {}))
    (key,) = (key for key, made in store.records.names() if made == artifact.digest)
    run.pins[step] = Pin(key, artifact.digest)
    store.runs.save(run)
    return artifact


def run_of(run_id: str) -> Run:
    return Run(run_id, "tiny", "sft", 0, 1, {}, invocation=run_id)


@pytest.fixture
def filled(store: Store) -> Store:
    """Two runs that share a tokenizer (10 bytes) and M_0 (100 bytes), each with a model of its own."""
    one, two = run_of("one"), run_of("two")
    m0 = add(store, one, "pretrain:0", {"weights": 100, "tokenizer": 10})
    two.pins["pretrain:0"] = one.pins["pretrain:0"]
    add(store, one, "train:1", {"a": 1000, "tokenizer": 10})
    add(store, two, "train:1", {"b": 2000, "tokenizer": 10})
    add(store, two, "grade/test:1", {"g": 7}, note=5)
    assert m0.complete()
    return store


def test_what_several_have_is_counted_once_in_each_and_in_the_total(filled: Store) -> None:
    found = usage(filled)
    assert found.stages == [
        StageShare("train", 2, 1000 + 2000 + 10, 3000),
        StageShare("pretrain", 1, 110, 100),
        StageShare("grade", 1, 7 + 5, 7 + 5),
    ]
    assert found.runs == [StageShare("one", 2, 1110, 1000), StageShare("two", 3, 2110 + 12, 2012)]
    manifests = sum(filled.objects.size(pin.artifact) for run in filled.runs.all() for step, pin in run.pins.items())
    manifests -= filled.objects.size(filled.runs.all()[0].pins["pretrain:0"].artifact)
    # weights, tokenizer, two models, a grade, its note, and four manifests
    assert found.spaces["of runs"].files == 10
    assert found.spaces["of runs"].size == 3110 + 12 + manifests
    assert found.missing == []


def test_all_files_are_in_some_space_and_the_disk_is_asked_what_they_take(filled: Store) -> None:
    found = usage(filled)
    files = [path for path in filled.path.rglob("*") if path.is_file()]
    assert found.total.files == len(files)
    assert found.total.size == sum(path.stat().st_size for path in files)
    assert found.total.disk == sum(path.stat().st_blocks for path in files) * 512
    assert found.spaces["records"].files == 4
    sparse = filled.path / "logs" / "sparse"
    sparse.parent.mkdir(exist_ok=True)
    with sparse.open("wb") as file:
        os.truncate(file.fileno(), 1 << 24)
    grown = usage(filled).spaces["other"]
    assert grown.size == found.spaces["other"].size + (1 << 24)
    assert grown.disk < found.spaces["other"].disk + (1 << 16)


def test_what_no_run_reaches_is_told_from_what_a_pin_keeps(filled: Store) -> None:
    loose = filled.publish({"stage": "train"}, Output(files={"loose": b"l" * 300}))
    before = usage(filled).spaces
    assert before["of none"] == Space(2, 300 + filled.objects.size(loose.digest), before["of none"].disk)
    Keeps(filled.path, filled.objects).add(Keep("keep", artifacts=[loose.digest]))
    after = usage(filled).spaces
    assert after["of pins"] == before["of none"]
    assert after["of none"] == Space()


def test_files_that_were_given_up_take_no_space(filled: Store) -> None:
    two = filled.runs.get("two")
    assert two is not None
    model = filled.artifact(two.pins["train:1"].artifact)
    filled.hollow.add(model.digest)
    filled.objects.path(model.manifest["files"]["b"]["sha256"]).unlink()
    found = usage(filled)
    assert [share for share in found.stages if share.name == "train"] == [StageShare("train", 2, 1010, 1000)]
    assert [share.size for share in found.runs] == [1110, 110 + 12]
    assert found.missing == []


def test_what_is_missing_is_said_and_the_rest_still_counted(filled: Store) -> None:
    two = filled.runs.get("two")
    assert two is not None
    filled.objects.path(two.pins["train:1"].artifact).unlink()
    filled.records.path(two.pins["grade/test:1"].key, two.pins["grade/test:1"].artifact).unlink()
    found = usage(Store(filled.path))
    assert [share for share in found.stages if share.name == "grade"] == [StageShare("grade", 1, 7, 7)]  # by its step; no note
    assert len(found.missing) == 2
    assert any(two.pins["train:1"].artifact[:12] in line for line in found.missing)


def test_shares_of_runs_read_no_other_runs_records(filled: Store) -> None:
    """As `ls` does on a store of a hundred thousand records."""
    (filled.path / "records" / "00" / ("0" * 64)).mkdir(parents=True, exist_ok=True)
    (filled.path / "records" / "00" / ("0" * 64) / f"{'1' * 64}.json").write_text("damaged")
    (one,) = [run for run in filled.runs.all() if run.id == "one"]
    assert run_shares(closure_of(filled, [one]), [one]) == [StageShare("one", 2, 1110, 1110)]


def test_the_json_form_has_every_field(filled: Store) -> None:
    told = usage(filled).to_dict()
    assert set(told) == {"stages", "runs", "spaces", "missing", "deletable", "total"}
    assert told["stages"][0] == {"name": "train", "artifacts": 2, "size": 3010, "own": 3000}
    assert set(told["spaces"]) == {"of runs", "of pins", "of none", "records", "other"}
    assert set(told["total"]) == {"files", "size", "disk"}


def test_what_a_collection_would_delete_is_told_from_what_stays_alongside(filled: Store) -> None:
    assert usage(filled).deletable == Space()
    filled.runs.remove("two")
    found = usage(Store(filled.path))
    assert found.deletable.size == found.spaces["of none"].size > 2000


def test_an_empty_store_takes_nothing(tmp_path: Path) -> None:
    assert usage(Store(tmp_path / "none")).total == Space()
