"""Writing through to a shared store: in a folder, and on a real S3 server over a network that fails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.runs import Run
from sirev.store.sharing import answering, backend
from sirev.store.sharing.backend import RemoteFailed
from sirev.store.sharing.pull import pull
from sirev.store.sharing.push import push
from sirev.store.sharing.remote import Remote, record_path
from sirev.store.sharing.write_through import WriteThrough
from sirev.store.store import Store
from sirev.store.upkeep.verify import verify
from tests.conftest import eventually, tree
from tests.store.sharing.faulty import Proxy
from tests.store.sharing.studies import add_run, assert_sound, contents


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "PAUSES", (0.05, 0.2))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "first")


@pytest.fixture
def shared(tmp_path: Path) -> Remote:
    return Remote(str(tmp_path / "shared"))


def writing(store: Store, remote: Remote) -> WriteThrough:
    writer = WriteThrough(store, remote)
    writer.open()
    return writer


def written(store: Store, writer: WriteThrough, status: str = "complete", **options: int) -> Run:
    """A run of which every artifact was told to the writer when it was published."""
    with store.telling(writer.add):
        return add_run(store, status=status, **options)


def test_what_is_published_is_in_the_shared_store_before_the_run_ends(store: Store, shared: Remote) -> None:
    writer = writing(store, shared)
    run = written(store, writer, "running")
    assert eventually(lambda: len(list(Store(shared.url).records.names())) == len(run.pins))
    writer.stop()
    assert_sound(Path(shared.url))


def test_a_request_that_is_stuck_is_not_waited_for_at_the_end(
    store: Store, shared: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "ANSWER_SECONDS", 0.2)
    ended = threading.Event()
    monkeypatch.setattr(shared.backend, "sizes", lambda folders, jobs: ended.wait() and {})
    writer = WriteThrough(store, shared)
    written(store, writer)
    with pytest.raises(RemoteFailed, match="still does not answer"):
        writer.reopen(pytest.fail)
    ended.set()
    writer.stop()


def test_a_run_can_be_pulled_elsewhere_as_after_a_push(store: Store, shared: Remote, tmp_path: Path) -> None:
    writer = writing(store, shared)
    run = written(store, writer)
    writer.finish([run])
    push(store, Remote(str(tmp_path / "pushed")), [run])
    assert contents(Path(shared.url)) == contents(tmp_path / "pushed")
    other = Store(tmp_path / "second")
    assert pull(other, shared).runs == [run.id]
    assert verify(other).whole


def test_nothing_that_is_there_is_sent_again(store: Store, shared: Remote) -> None:
    run = add_run(store)
    push(store, shared, [run])
    before = tree(Path(shared.url))
    writer = writing(store, shared)
    for pin in run.pins.values():
        writer.add(pin.key, pin.artifact)
    writer.finish([run])
    assert writer.moved.files == 0
    assert tree(Path(shared.url)) == before


def test_what_an_earlier_command_computed_and_could_not_send_is_sent_in_the_end(store: Store, shared: Remote) -> None:
    run = add_run(store, status="running")
    pins = {(pin.key, pin.artifact) for pin in run.pins.values()}
    writing(store, shared).finish([run], pins)
    assert set(Store(shared.url).records.names()) == pins
    assert shared.run_ids() == []  # it has not ended


def test_a_run_leaves_without_the_paths_of_its_machine(store: Store, shared: Remote) -> None:
    run = add_run(store)
    run.settings = {"task": {"path": "/home/ada/secret/data.jsonl"}}
    store.runs.save(run)
    writing(store, shared).finish([run])
    assert shared.run(run.id)[0].settings == {"task": {"path": "./data.jsonl"}}


def test_a_place_that_can_not_be_written_is_refused_at_the_start(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BadInput, match="is not a folder"):
        writing(store, Remote(str(tmp_path / "file")))


def test_a_result_that_somebody_else_had_sent_meanwhile_is_noticed_and_both_are_kept(
    store: Store, shared: Remote, tmp_path: Path
) -> None:
    other = Store(tmp_path / "second")
    push(other, shared, [add_run(other, "small-sft-s1", value=1)])
    writer = writing(store, shared)
    run = written(store, writer)
    writer.finish([run])
    assert writer.twice == {pin.key for pin in run.pins.values()}
    assert {len(shared.realisations(pin.key)) for pin in run.pins.values()} == {2}


def test_trying_whether_a_bucket_can_be_written_leaves_nothing(bucket: str) -> None:
    remote = Remote(bucket)
    remote.create()
    before = remote.backend.sizes([""], 1)
    remote.try_writing()
    assert remote.backend.sizes([""], 1) == before != {}


def test_credentials_that_may_only_read_are_refused_at_the_start(store: Store, bucket: str, proxy: Proxy) -> None:
    remote = Remote(bucket)
    remote.create()
    proxy.fail("denied", "/tmp/", method="PUT")
    with pytest.raises(BadInput, match="may not be used with these credentials"):
        WriteThrough(store, remote).open()


def test_what_failed_on_its_way_is_sent_in_the_end(store: Store, bucket: str, proxy: Proxy, tmp_path: Path) -> None:
    remote = Remote(bucket)
    writer = writing(store, remote)
    proxy.fail("error", "/records/", method="PUT")
    run = written(store, writer)
    assert eventually(lambda: any("/records/" in path for method, path in proxy.seen if method == "PUT"))
    proxy.fault = lambda method, path: None
    writer.finish([run])
    other = Store(tmp_path / "second")
    assert pull(other, remote).runs == [run.id]
    assert verify(other).whole


def test_a_shared_store_that_is_slow_holds_nobody_up_who_has_no_time(
    store: Store, shared: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, send = threading.Event(), WriteThrough._send

    def sending(writer: WriteThrough, *given: object, **options: object) -> None:
        slow.wait()
        send(writer, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(WriteThrough, "_send", sending)
    writer = writing(store, shared)
    run = written(store, writer, "running")
    writer.drain(0.1)
    assert list(Store(shared.url).records.names()) == []
    slow.set()
    writer.drain(60)
    assert len(list(Store(shared.url).records.names())) == len(run.pins)


def test_a_writer_that_is_stopped_leaves_a_sound_shared_store(store: Store, bucket: str, proxy: Proxy, tmp_path: Path) -> None:
    remote = Remote(bucket)
    writer = writing(store, remote)
    stopped = threading.Event()

    def held(method: str, path: str) -> None:
        if method == "PUT" and "/records/" in path:
            stopped.wait(60)

    proxy.fault = held
    run = written(store, writer, steps=6)
    assert eventually(lambda: any("/objects/" in path for method, path in proxy.seen if method == "PUT"))
    writer.stop()
    stopped.set()
    assert eventually(lambda: all(thread.name != "sirev-push" for thread in threading.enumerate()))
    there = remote.backend.sizes([""], 4)
    recorded = [pin for pin in run.pins.values() if record_path(pin.key, pin.artifact) in there]
    assert len(recorded) < len(run.pins)
    for pin in recorded:
        files = store.artifact(pin.artifact).manifest["files"].values()
        assert all(f"objects/{entry['sha256'][:2]}/{entry['sha256'][2:]}" in there for entry in files)
