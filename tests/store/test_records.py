from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.digests import sealed, unsealed
from sirev.store.objects import Objects
from sirev.store.records import DamagedRecord, Record, Records, action_key

ACTION = {"stage": "train", "version": 1, "parameters": {"epochs": 1}, "inputs": {"data": "d" * 64}}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path, Objects(tmp_path))


def record(artifact: str, recorded: str = "2026-01-01") -> Record:
    return Record(ACTION, artifact * 64, {"recorded": recorded})


def test_the_key_is_the_sha256_of_the_action() -> None:
    from sirev.store.digests import canonical_json, sha256

    assert action_key(ACTION) == sha256(canonical_json(ACTION))
    assert action_key(ACTION | {"version": 2}) != action_key(ACTION)


def test_one_key_can_have_several_realisations_earliest_first(records: Records) -> None:
    records.add(record("a", "2026-02-02"))
    records.add(record("b", "2026-01-01"))
    assert [r.artifact[0] for r in records.realisations(action_key(ACTION))] == ["b", "a"]


def test_a_record_stays_as_it_was_first_written(records: Records) -> None:
    records.add(record("a", "first"))
    records.add(record("a", "second"))
    (found,) = records.realisations(action_key(ACTION))
    assert found.provenance == {"recorded": "first"}


@pytest.mark.parametrize("damage", ["not json", "[]", "another action", "another artifact", "truncated"])
def test_a_damaged_record_is_named_with_the_command_that_mends_it(records: Records, damage: str) -> None:
    records.add(record("a"))
    path = records.path(action_key(ACTION), "a" * 64)
    path.chmod(0o644)
    text = path.read_text()
    path.write_text(
        {
            "not json": "\x00\x01",
            "[]": "[]",
            "another action": text.replace('"epochs":1', '"epochs":2'),
            "another artifact": text.replace("a" * 64, "c" * 64),
            "truncated": text[: len(text) // 2],
        }[damage]
    )
    with pytest.raises(DamagedRecord) as caught:
        records.realisations(action_key(ACTION))
    assert str(path) in str(caught.value)
    assert "sirev store verify --repair" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_of_a_newer_format_is_not_guessed_at(records: Records) -> None:
    records.add(record("a"))
    path = records.path(action_key(ACTION), "a" * 64)
    path.chmod(0o644)
    path.write_bytes(sealed(unsealed(path.read_bytes()) | {"format": 99}))
    with pytest.raises(BadInput, match="newer than this sirev reads"):
        records.realisations(action_key(ACTION))
