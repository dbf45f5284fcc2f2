"""Push to and pull from a bucket of the Hub: `huggingface_hub` and `hf_xet` as they are, against a small server."""

from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput, SirevError
from sirev.store.sharing import hub_bucket
from sirev.store.sharing.pull import pull
from sirev.store.sharing.push import push
from sirev.store.sharing.remote import Remote, object_path
from sirev.store.store import Store
from tests.conftest import Command
from tests.hub_bucket_files import HubBucketFiles
from tests.hub_server import HubServer
from tests.store.sharing.studies import add_run, assert_sound, contents

NAME = "team/bucket"
URL = f"hf://buckets/{NAME}"


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def bucket(hub_server: HubServer, tmp_path: Path) -> HubBucketFiles:
    (tmp_path / "xet").mkdir()
    found = hub_server.buckets[NAME] = HubBucketFiles(NAME, tmp_path / "xet")
    return found


@pytest.mark.parametrize("url", [URL, f"{URL}/deep/study"])
def test_what_was_pushed_is_pulled_byte_for_byte(tmp_path: Path, bucket: HubBucketFiles, store: Store, url: str) -> None:
    push(store, Remote(url), store.runs.all())
    below = url.removeprefix(URL).strip("/")
    assert all(path.startswith(below) for path in bucket.files)
    other = Store(tmp_path / "second")
    assert pull(other, Remote(url), ["small"]).runs == ["small-sft-s0"]
    assert contents(other.path) == contents(store.path)


def test_only_what_is_missing_is_sent(bucket: HubBucketFiles, hub_server: HubServer, store: Store) -> None:
    push(store, Remote(URL), store.runs.all())
    there = dict(bucket.files)
    assert push(store, Remote(URL), store.runs.all()).files == 0
    add_run(store, "small-sft-s1", steps=3)
    # The new step: weights, measures, a note, two manifests, two records; and the run.
    assert push(store, Remote(URL), store.runs.all()).files == 8
    assert {path: bucket.files[path] for path in there} == there


def test_a_run_of_the_same_name_with_other_results_is_not_written_over(
    tmp_path: Path, bucket: HubBucketFiles, store: Store
) -> None:
    push(store, Remote(URL), store.runs.all())
    theirs = bucket.files["runs/small-sft-s0.json"]
    other = Store(tmp_path / "second")
    moved = push(other, Remote(URL), [add_run(other, value=1)])
    assert moved.runs == [f"small-sft-s0@{other.id[:8]}"]
    assert bucket.files["runs/small-sft-s0.json"] == theirs


def test_what_comes_and_is_not_what_its_name_says_is_not_taken(tmp_path: Path, bucket: HubBucketFiles, store: Store) -> None:
    push(store, Remote(URL), store.runs.all())
    pins = store.runs.all()[0].pins
    first, second = (
        object_path(store.artifact(pins[step].artifact).manifest["files"]["adapter_model.safetensors"]["sha256"])
        for step in ("train:1", "train:2")
    )
    right, bucket.files[first] = bucket.files[first], bucket.files[second]
    other = Store(tmp_path / "second")
    with pytest.raises(SirevError, match="other bytes than its name says"):
        pull(other, Remote(URL))
    assert_sound(other.path)
    bucket.files[first] = right
    pull(other, Remote(URL))
    assert contents(other.path) == contents(store.path)


@pytest.mark.slow
def test_a_passing_fault_is_outlasted(tmp_path: Path, bucket: HubBucketFiles, hub_server: HubServer, store: Store) -> None:
    seen: set[str] = set()

    def once(method: str, path: str) -> int | None:
        kind = path.removeprefix(f"/api/buckets/{NAME}/").partition("/")[0]
        if kind in seen:
            return None
        seen.add(kind)
        return 500

    hub_server.fault = once
    push(store, Remote(URL), store.runs.all())
    pull(Store(tmp_path / "second"), Remote(URL))
    assert {"tree", "paths-info", "batch"} <= seen
    assert contents(tmp_path / "second") == contents(store.path)


def test_a_push_that_failed_sends_the_rest_the_next_time(
    bucket: HubBucketFiles, hub_server: HubServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [0]

    def fail_at_records(method: str, path: str) -> int | None:
        batches[0] += path.endswith("/batch")
        return 403 if path.endswith("/batch") and batches[0] > 3 else None  # the marker, payloads, manifests; then records

    hub_server.fault = fail_at_records
    with pytest.raises(BadInput, match="may not be used"):
        push(store, Remote(URL), store.runs.all())
    assert {path.partition("/")[0] for path in bucket.files} == {"sirev-store.json", "objects"}
    before = set(bucket.files)
    hub_server.fault = lambda method, path: None
    moved = push(store, Remote(URL), store.runs.all())
    assert moved.files == len(set(bucket.files) - before)


def test_a_place_is_tried_out_and_left_as_it_was(bucket: HubBucketFiles) -> None:
    Remote(URL).create()
    Remote(URL).try_writing()
    assert list(bucket.files) == ["sirev-store.json"]


def test_bad_places_are_one_line(bucket: HubBucketFiles, store: Store, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("store", "push", "hf://buckets/team/absent", "--store", store.path)
    assert done.returncode == 2
    assert "create it with `hf buckets create team/absent`" in done.stderr
    assert done.stderr.count("\n") == 1
    with pytest.raises(BadInput, match="is not a sirev store: nothing is there"):
        pull(store, Remote(URL))
    with pytest.raises(BadInput, match="names no bucket: it is hf://buckets/OWNER/NAME"):
        Remote("hf://buckets/team")
    monkeypatch.setattr(hub_bucket, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="needs hf_xet: pip install hf_xet"):
        Remote(URL)
