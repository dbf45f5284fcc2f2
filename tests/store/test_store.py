from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json, sealed
from sirev.store.records import Record, action_key
from sirev.store.sharing.remote import Remote
from sirev.store.store import Store, default_path, marker_bytes, parse_marker

ACTION = {"stage": "train", "version": 1, "parameters": {}, "inputs": {}}
KEY = action_key(ACTION)


def test_what_was_published_is_found_under_its_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    artifact = store.publish(ACTION, Output(files={"a": b"1"}))
    found = Store(tmp_path).lookup(KEY)
    assert found is not None
    assert found.digest == artifact.digest
    assert Store(tmp_path).lookup("0" * 64) is None


def test_opening_and_looking_up_writes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.lookup(KEY) is None
    assert not store.exists
    assert not (tmp_path / "store").exists()


def test_the_earliest_realisation_is_taken_and_a_pinned_one_before_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.publish(ACTION, Output(files={"a": b"1"}))
    second = store.publish(ACTION, Output(files={"a": b"2"}))
    fresh = Store(tmp_path)
    assert (found := fresh.lookup(KEY))
    assert found.digest == first.digest
    assert (pinned := fresh.lookup(KEY, second.digest))
    assert pinned.digest == second.digest
    assert fresh.lookup(KEY, "0" * 64) is None


def test_a_pulled_realisation_never_displaces_one_made_here(tmp_path: Path) -> None:
    store, elsewhere = Store(tmp_path / "here"), Store(tmp_path / "there")
    theirs = elsewhere.publish(ACTION, Output(files={"a": b"theirs"}))
    ours = store.publish(ACTION, Output(files={"a": b"ours"}))
    for file in [*(elsewhere.path / "objects").rglob("*"), *(elsewhere.path / "records").rglob("*")]:
        target = store.path / file.relative_to(elsewhere.path)
        if file.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    records = store.records.realisations(KEY)
    assert [r.artifact for r in records] == [theirs.digest, ours.digest]  # theirs is the earlier one
    assert (found := Store(store.path).lookup(KEY))
    assert found.digest == ours.digest


def test_an_incomplete_artifact_is_not_a_hit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    artifact = store.publish(ACTION, Output(files={"a": b"1"}))
    store.objects.path(artifact.manifest["files"]["a"]["sha256"]).unlink()
    assert Store(tmp_path).lookup(KEY) is None
    store.publish(ACTION, Output(files={"a": b"1"}))
    assert Store(tmp_path).lookup(KEY) is not None


def test_a_record_without_its_artifact_is_not_a_hit(tmp_path: Path) -> None:
    # What a crash between object and record can never leave, but a careless copy can.
    store = Store(tmp_path)
    store.create()
    store.records.add(Record(ACTION, "f" * 64, {"recorded": "2026"}))
    assert store.lookup(KEY) is None


def test_a_store_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sirev-store.json").write_text(json.dumps({"format": 99, "id": "x"}))
    with pytest.raises(BadInput, match=r"format 99.*upgrade sirev"):
        Store(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": "one", "id": "x"}'])
def test_a_damaged_marker_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "sirev-store.json").write_text(text)
    with pytest.raises(BadInput, match=r"sirev-store\.json is damaged"):
        Store(tmp_path)


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="not a folder"):
        Store(tmp_path / "file")


def test_two_creators_agree_on_one_id(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "store") for _ in range(8)]
    threads = [threading.Thread(target=store.create) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({store.id for store in stores}) == 1


def test_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIREV_STORE", str(tmp_path / "named"))
    assert default_path() == tmp_path / "named"
    monkeypatch.delenv("SIREV_STORE")
    assert default_path() == Path(sirev.__file__).resolve().parents[1] / "cache"  # tests run in a checkout
    monkeypatch.setattr("sirev.shipped.__file__", str(tmp_path / "site-packages" / "sirev" / "shipped.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert default_path() == tmp_path / "user" / "sirev"


def test_a_record_from_elsewhere_never_counts_as_made_here_whatever_it_says(tmp_path: Path) -> None:
    store = Store(tmp_path / "mine")
    mine = store.publish(ACTION, Output(files={"a": b"mine"}))
    theirs = store.publish({**ACTION, "version": 2}, Output(files={"a": b"theirs"}))
    forged = sealed(
        {
            "format": 1,
            "action": ACTION,
            "artifact": theirs.digest,
            "provenance": {"store": store.id, "recorded": "2000"},
        }
    )
    assert store.adopt_record(forged, KEY, theirs.digest)
    found = Store(store.path).lookup(KEY)
    assert found is not None
    assert found.digest == mine.digest


@pytest.mark.parametrize("digest", ["2818f0db3771", "tiny:2:train", "g" * 64])
def test_what_is_no_whole_digest_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(BadInput, match="give all 64 digits"):
        Store(tmp_path).artifact(digest)


@pytest.mark.parametrize("given", ["../rel/trav", "/etc", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdef\n", 7, ""])
def test_an_id_that_sirev_does_not_give_is_a_damaged_marker(tmp_path: Path, given: object) -> None:
    (tmp_path / "sirev-store.json").write_bytes(canonical_json({"format": 1, "id": given}))
    with pytest.raises(BadInput, match=r"sirev-store.json is damaged; mend the store with: sirev store verify --repair"):
        Store(tmp_path)


def test_a_path_that_is_no_utf_8_is_one_clear_line_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has a path that is not UTF-8; name another with --store DIR") as caught:
        Store(os.fsdecode(os.fsencode(tmp_path) + b"/st\xffre"))
    str(caught.value).encode()  # can be printed
    assert list(tmp_path.iterdir()) == []


def test_a_marker_means_the_same_to_whoever_reads_one(tmp_path: Path) -> None:
    raw = marker_bytes("0123456789abcdef")
    assert parse_marker(raw) == (1, "0123456789abcdef")
    assert parse_marker(sealed({"format": 2, "name": "of another kind"})) == (2, "")
    forged = raw.replace(b"0123", b"3210")  # its sum does not fit
    for odd in (forged, sealed({"format": True, "id": "0123456789abcdef"}), canonical_json({"format": 1}), b"[" * 100_000):
        with pytest.raises(ValueError, match=r"."):
            parse_marker(odd)
    (tmp_path / "sirev-store.json").write_bytes(forged)
    with pytest.raises(BadInput, match=r"sirev-store.json is damaged"):
        _ = Remote(str(tmp_path)).id
    with pytest.raises(BadInput, match=r"sirev-store.json is damaged"):
        Store(tmp_path)
