from __future__ import annotations

from pathlib import Path

import pytest

from sirev.store.artifacts import Output
from sirev.store.objects import DamagedObject
from sirev.store.records import action_key
from sirev.store.store import Store

ACTION = {"stage": "train", "version": 1, "parameters": {}, "inputs": {}}
KEY = action_key(ACTION)


@pytest.fixture
def emptied(tmp_path: Path) -> Store:
    """A store whose one artifact lost its file, unmarked."""
    store = Store(tmp_path)
    artifact = store.publish(ACTION, Output(files={"model.safetensors": b"weights"}))
    store.objects.path(artifact.manifest["files"]["model.safetensors"]["sha256"]).unlink()
    return store


def test_an_artifact_marked_hollow_is_found_and_one_that_lost_its_files_is_not(emptied: Store) -> None:
    (record,) = emptied.records.realisations(KEY)
    assert Store(emptied.path).lookup(KEY) is None
    emptied.hollow.add(record.artifact)
    found = Store(emptied.path).lookup(KEY)
    assert found is not None
    assert not found.complete()
    with pytest.raises(DamagedObject, match="missing"):
        found.path("model.safetensors")


def test_the_mark_goes_when_the_files_are_back(emptied: Store) -> None:
    (record,) = emptied.records.realisations(KEY)
    emptied.hollow.add(record.artifact)
    assert list(emptied.hollow) == [record.artifact]
    again = emptied.publish(ACTION, Output(files={"model.safetensors": b"weights"}))
    assert again.digest == record.artifact
    assert again.complete()
    assert record.artifact not in emptied.hollow


def test_a_link_in_the_place_of_a_mark_counts_for_nothing(emptied: Store) -> None:
    (record,) = emptied.records.realisations(KEY)
    emptied.hollow.root.mkdir()
    (emptied.hollow.root / f"{record.artifact}.json").symlink_to("/dev/null")
    assert Store(emptied.path).lookup(KEY) is None
