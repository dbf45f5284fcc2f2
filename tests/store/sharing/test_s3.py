"""Push and pull by way of a real S3 server, whole and over a network that fails."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from sirev.errors import BadInput, SirevError
from sirev.store.digests import sealed, unsealed
from sirev.store.records import action_key
from sirev.store.sharing import backend
from sirev.store.sharing.backend import TransferProgress, Upload
from sirev.store.sharing.pull import pull
from sirev.store.sharing.push import push
from sirev.store.sharing.remote import Remote, object_path
from sirev.store.store import Store
from tests.conftest import SIREV, Command
from tests.store.sharing.faulty import Proxy
from tests.store.sharing.studies import add_run, assert_sound, contents


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "PAUSES", (0.05, 0.2))


@pytest.fixture
def remote(bucket: str) -> Remote:
    """The shared store in the bucket; its client takes a while to make, so one does for a test."""
    return Remote(bucket)


@pytest.fixture
def pushed(tmp_path: Path, remote: Remote) -> Store:
    """A store whose one run is in the bucket."""
    store = Store(tmp_path / "first")
    push(store, remote, [add_run(store)])
    return store


def test_what_was_pushed_is_pulled_byte_for_byte(tmp_path: Path, remote: Remote, pushed: Store) -> None:
    other = Store(tmp_path / "second")
    moved = pull(other, remote, ["small"])
    assert moved.runs == ["small-sft-s0"]
    assert contents(other.path) == contents(pushed.path)
    assert other.id != pushed.id


def test_only_what_is_missing_moves(tmp_path: Path, remote: Remote, pushed: Store, proxy: Proxy) -> None:
    assert push(pushed, remote, pushed.runs.all()).files == 0
    add_run(pushed, "small-sft-s1", steps=3)  # one step more than what is there
    proxy.seen.clear()
    moved = push(pushed, remote, pushed.runs.all())
    # The new step: weights, measures, a note, two manifests, two records; and the run.
    assert moved.files == 8
    assert len([path for method, path in proxy.seen if method == "PUT"]) == 8
    other = Store(tmp_path / "second")
    pull(other, remote, ["small-sft-s0"])
    proxy.seen.clear()
    pull(other, remote)
    fetched = [path for method, path in proxy.seen if method == "GET" and "/objects/" in path]
    assert len(fetched) == 5


def test_a_damaged_object_there_is_replaced_and_a_record_never(tmp_path: Path, remote: Remote, pushed: Store) -> None:
    pin = pushed.runs.all()[0].pins["train:1"]
    weights = pushed.artifact(pin.artifact).manifest["files"]["adapter_model.safetensors"]["sha256"]
    remote.backend.write([[Upload(object_path(weights), b"half", 4)]], 1, TransferProgress())
    before = remote.record(pin.key, pin.artifact)
    other = Store(tmp_path / "second")
    with pytest.raises(SirevError, match="other bytes than its name says"):
        pull(other, remote)
    here = pushed.records.path(pin.key, pin.artifact)
    here.chmod(0o644)
    record = unsealed(here.read_bytes())
    here.write_bytes(sealed({**record, "provenance": {**record["provenance"], "recorded": "1999"}}))
    assert push(pushed, remote, pushed.runs.all()).files == 1
    assert remote.record(pin.key, pin.artifact) == before
    pull(other, remote)
    assert_sound(other.path)


def test_an_exclusive_write_does_not_replace(remote: Remote, pushed: Store) -> None:
    one = Upload("runs/x.json", b"one", 3, exclusive=True)
    two = Upload("runs/x.json", b"two", 3, exclusive=True)
    with ThreadPoolExecutor(2) as pool:
        lost = list(pool.map(lambda upload: remote.write([[upload]], 1, TransferProgress()), [one, two]))
    assert sorted(map(len, lost)) == [0, 1]
    assert remote.backend.read("runs/x.json", 10) == (b"one" if not lost[0] else b"two")


def test_a_large_file_goes_in_parts_and_comes_back(tmp_path: Path, remote: Remote, proxy: Proxy) -> None:
    data = os.urandom(1 << 20) * 110
    file = tmp_path / "large"
    file.write_bytes(data)
    upload = Upload("objects/aa/large", file, len(data), exclusive=True)
    assert remote.write([[upload]], 1, TransferProgress()) == set()
    remote.backend.fetch(upload.path, tmp_path / "back", len(data), lambda _: None)
    assert (tmp_path / "back").read_bytes() == data
    assert remote.write([[upload]], 1, TransferProgress()) == {upload.path}
    assert any("uploadId" in path for _, path in proxy.seen)


@pytest.mark.parametrize(
    ("kind", "where"),
    [(kind, "/objects/") for kind in ("cut", "wrong", "short", "error", "lost")] + [("cut", "/records/"), ("error", "/runs/")],
)
def test_a_fault_that_passes_is_got_over(
    tmp_path: Path, remote: Remote, pushed: Store, proxy: Proxy, kind: str, where: str
) -> None:
    other = Store(tmp_path / "second")
    proxy.fail(kind, where, times=1)
    pull(other, remote)
    assert contents(other.path) == contents(pushed.path)


@pytest.mark.parametrize("where", ["/records/", "/runs/"])
def test_a_record_or_run_with_wrong_bytes_is_refused(
    tmp_path: Path, remote: Remote, pushed: Store, proxy: Proxy, where: str
) -> None:
    other = Store(tmp_path / "second")
    proxy.fail("short", where, times=1)  # nothing but its form tells that it is not what was sent
    with pytest.raises(BadInput, match="refused: the r"):
        pull(other, remote)
    assert_sound(other.path)
    assert other.runs.all() == []
    pull(other, remote)
    assert contents(other.path) == contents(pushed.path)


@pytest.mark.parametrize("kind", ["cut", "wrong", "long", "error", "missing"])
def test_a_fault_that_stays_is_one_clear_line_and_shows_nothing_wrong(
    tmp_path: Path, remote: Remote, pushed: Store, proxy: Proxy, kind: str
) -> None:
    other = Store(tmp_path / "second")
    pin = pushed.runs.all()[0].pins["train:2"]
    weights = pushed.artifact(pin.artifact).manifest["files"]["adapter_model.safetensors"]["sha256"]
    proxy.fail(kind, object_path(weights))
    with pytest.raises(SirevError) as failed:
        pull(other, remote)
    assert "\n" not in str(failed.value)
    assert weights[2:] in str(failed.value)
    assert other.runs.all() == []
    assert_sound(other.path)
    assert not other.objects.path(weights).exists()
    assert list((other.path / "tmp").iterdir()) == []
    proxy.fault = lambda method, path: None
    proxy.seen.clear()
    pull(other, remote)
    assert contents(other.path) == contents(pushed.path)


@pytest.mark.parametrize("kind", ["cut", "error"])
def test_a_push_gets_over_a_fault_that_passes(tmp_path: Path, remote: Remote, proxy: Proxy, kind: str) -> None:
    store = Store(tmp_path / "first")
    run = add_run(store)
    proxy.fail(kind, "/objects/", times=2, method="PUT")
    push(store, remote, [run])
    other = Store(tmp_path / "second")
    pull(other, remote)
    assert contents(other.path) == contents(store.path)


def test_a_record_that_arrived_although_the_answer_was_lost_counts_as_there(tmp_path: Path, remote: Remote, proxy: Proxy) -> None:
    store = Store(tmp_path / "first")
    run = add_run(store)
    proxy.fail("cut", "/runs/", times=1, method="PUT")
    push(store, remote, [run])
    assert remote.run_ids() == [run.id]


def test_a_damaged_object_of_ours_is_not_spread(tmp_path: Path, remote: Remote) -> None:
    store = Store(tmp_path / "first")
    run = add_run(store)
    weights = store.artifact(run.pins["train:1"].artifact).manifest["files"]["adapter_model.safetensors"]["sha256"]
    path = store.objects.path(weights)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(SirevError, match=r"damaged or gone.*verify --repair"):
        push(store, remote, [run])
    assert remote.run_ids() == []
    assert object_path(weights) not in remote.backend.sizes(["objects"], 1)


def test_two_machines_push_the_same_run_at_the_same_time(tmp_path: Path, bucket: str) -> None:
    stores = [Store(tmp_path / name) for name in "ab"]
    for store in stores:
        add_run(store)
    with ThreadPoolExecutor(2) as pool:
        moved = list(pool.map(lambda store: push(store, Remote(bucket), store.runs.all()), stores))
    assert [m.runs for m in moved] == [["small-sft-s0"]] * 2
    assert Remote(bucket).run_ids() == ["small-sft-s0"]
    other = Store(tmp_path / "c")
    pull(other, Remote(bucket))
    assert_sound(other.path)
    assert len(other.runs.all()[0].pins) == 4


def test_two_machines_push_other_results_under_one_name(tmp_path: Path, bucket: str) -> None:
    stores = [Store(tmp_path / name) for name in "ab"]
    runs = [add_run(store, value=value) for value, store in enumerate(stores)]
    with ThreadPoolExecutor(2) as pool:
        moved = list(pool.map(lambda store: push(store, Remote(bucket), store.runs.all()), stores))
    (first,) = (i for i in (0, 1) if moved[i].runs == ["small-sft-s0"])
    second = 1 - first
    name = f"small-sft-s0@{stores[second].id[:8]}"
    assert moved[second].runs == [name]
    assert "other results" in moved[second].said[0]
    other = Store(tmp_path / "c")
    pull(other, Remote(bucket))
    for run_id, run in (("small-sft-s0", runs[first]), (name, runs[second])):
        found = other.runs.get(run_id)
        assert found is not None
        assert found.pins == run.pins
    assert push(stores[second], Remote(bucket), stores[second].runs.all()).files == 0
    assert push(other, Remote(bucket), other.runs.all()).files == 0
    # Neither of the two gets its own back under another name, nor loses it to the other's.
    for i in (first, second):
        pull(stores[i], Remote(bucket))
        kept = stores[i].runs.get("small-sft-s0")
        assert kept is not None
        assert kept.pins == runs[i].pins
    assert stores[second].runs.ids() == ["small-sft-s0"]


@pytest.mark.slow
def test_killed_in_the_middle_the_rest_moves_the_next_time(tmp_path: Path, bucket: str, remote: Remote, proxy: Proxy) -> None:
    store, other = Store(tmp_path / "first"), Store(tmp_path / "second")
    add_run(store, steps=6)
    other.create()
    proxy.delay = 0.05
    for command, path, method in (("push", store.path, "PUT"), ("pull", other.path, "GET")):
        under_way = partial(_is_payload, method)
        process = subprocess.Popen([SIREV, "store", command, bucket, "--jobs", "2", "--store", str(path)], stderr=subprocess.PIPE)
        proxy.seen.clear()
        while not any(under_way(*one) for one in proxy.seen[-8:-4]):
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        proxy.delay, before = 0.0, list(proxy.seen)
        done = {one for one in before if under_way(*one)}
        assert done
        proxy.seen.clear()
        if command == "push":
            assert remote.run_ids() == []
            push(store, remote, store.runs.all())
        else:
            assert_sound(other.path)
            assert other.runs.all() == []
            pull(other, remote)
        again = [one for one in proxy.seen if one in done]
        assert len(again) <= 4  # what was under way in two threads, and what had come but was not yet in place
        proxy.delay = 0.05
    assert contents(other.path) == contents(store.path)


def _is_payload(method: str, asked: str, path: str) -> bool:
    return asked == method and "/objects/" in path


def test_bad_places_are_one_clear_line(
    tmp_path: Path, bucket: str, proxy: Proxy, pushed: Store, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    with pytest.raises(BadInput, match="there is no bucket nobodys"):
        push(pushed, Remote("s3://nobodys/store"), pushed.runs.all())
    with pytest.raises(BadInput, match="there is no bucket nobodys"):
        pull(pushed, Remote("s3://nobodys"))
    with pytest.raises(BadInput, match="is not a sirev store: nothing is there"):
        pull(pushed, Remote(f"{bucket}/deeper"))
    with pytest.raises(BadInput, match=r"is not a sirev store: it has files"):
        pull(pushed, Remote(bucket.removesuffix("/store")))
    with pytest.raises(BadInput, match=r"not a sirev store: name a new or empty folder"):
        push(pushed, Remote(bucket.removesuffix("/store")), pushed.runs.all())
    with pytest.raises(BadInput, match="needs a bucket"):
        Remote("s3://")
    Remote(f"{bucket}/newer").backend.write([[Upload("sirev-store.json", b'{"format":99,"id":"x"}', 22)]], 1, TransferProgress())
    with pytest.raises(BadInput, match="has format 99; this sirev reads up to 1: upgrade sirev"):
        pull(pushed, Remote(f"{bucket}/newer"))
    done = command("store", "pull", bucket, "--store", tmp_path / "x", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "can't be reached" in done.stderr
    assert done.stderr.count("\n") == 1
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(BadInput, match=r"no credentials for .*set AWS_PROFILE"):
        pull(pushed, Remote(bucket))


def test_the_commands_say_what_moved_and_what_to_do_next(tmp_path: Path, bucket: str, pushed: Store, command: Command) -> None:
    done = command("store", "push", bucket, "--store", pushed.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 run pushed to" in done.stdout
    assert "everything was there already" in done.stdout
    done = command("store", "pull", bucket, "small", "--store", tmp_path / "second")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 run pulled from" in done.stdout
    assert f"next: sirev report small --store {tmp_path / 'second'}" in done.stdout
    done = command("store", "pull", bucket, "smelt", "--store", tmp_path / "second")
    assert done.returncode == 2
    assert "has no run or recipe 'smelt' (known: small-sft-s0)" in done.stderr
    key = action_key({"stage": "train", "version": 1, "parameters": {"t": 1}, "inputs": {}})
    assert Store(tmp_path / "second").lookup(key) is not None
