from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.artifacts import Artifact, Output, TableParts
from sirev.store.leases import Lease
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table
from sirev.store.upkeep import sweep
from sirev.store.upkeep.gc import Policy, collect, survey
from sirev.store.upkeep.keeps import Keep, Keeps
from tests.store.soundness import assert_sound

HOUR = 3600.0
Make = Callable[..., Artifact]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def action(stage: str, number: int = 0, **inputs: Artifact) -> dict[str, object]:
    return {
        "stage": stage,
        "version": 1,
        "parameters": {"number": number},
        "inputs": {name: artifact.semantic for name, artifact in inputs.items()},
    }


def publish(store: Store, stage: str, content: bytes, number: int = 0, **inputs: Artifact) -> Artifact:
    return store.publish(action(stage, number, **inputs), Output(files={"file.json": content}))


def a_run(store: Store, name: str, steps: dict[str, tuple[dict[str, object], Artifact]], status: str = "complete") -> Run:
    pins = {step: Pin(action_key(made), artifact.digest) for step, (made, artifact) in steps.items()}
    run = Run(name, "recipe", "sft", 0, 1, {}, f"2026-{name}", status=status, pins=pins)  # type: ignore[arg-type]
    store.runs.save(run)
    return run


def touched(store: Store, run: Run, hours: float) -> None:
    path = store.runs.root / f"{run.id}.json"
    os.utime(path, (time.time() - hours * HOUR,) * 2)


def files_of(store: Store) -> set[str]:
    return {str(path.relative_to(store.path)) for path in store.path.rglob("*") if path.is_file() and "leases" not in path.parts}


def test_what_a_run_pins_stays_and_the_rest_goes(store: Store) -> None:
    kept, lost = publish(store, "select", b"kept"), publish(store, "select", b"lost", 1)
    a_run(store, "one", {"select:1": (action("select"), kept)})
    found = survey(store)
    assert found.records == [(action_key(action("select", 1)), lost.digest)]
    assert found.bytes == lost.size + store.objects.size(lost.digest)
    assert Store(store.path).lookup(action_key(action("select", 1))) is not None  # a survey deletes nothing
    assert collect(store).objects == found.objects
    fresh = Store(store.path)
    assert fresh.lookup(action_key(action("select"))) is not None
    assert fresh.lookup(action_key(action("select", 1))) is None
    assert not fresh.objects.path(lost.digest).exists()
    assert not survey(fresh).objects


def test_a_second_realisation_that_no_run_uses_goes_without_the_first(store: Store) -> None:
    first, second = publish(store, "train", b"first"), publish(store, "train", b"second")
    a_run(store, "one", {"train:1": (action("train"), first)})
    collect(store)
    assert [record.artifact for record in Store(store.path).records.realisations(action_key(action("train")))] == [first.digest]
    assert not store.objects.path(second.digest).exists()


def test_notes_beside_a_kept_artifact_stay(store: Store) -> None:
    artifact = store.publish(action("grade"), Output(files={"a.json": b"1"}, notes={"programs.jsonl": b"told"}))
    a_run(store, "one", {"grade:1": (action("grade"), artifact)})
    collect(store)
    (record,) = store.records.realisations(action_key(action("grade")))
    assert store.objects.checked(record.provenance["notes"]["programs.jsonl"]).read_bytes() == b"told"


def test_shards_whose_files_are_kept_anyway_stay_beside_the_table(store: Store) -> None:
    table = Table({"id": "string"}, [{"id": "a"}], ("id",))
    shard = store.publish(action("sample-shard"), Output(tables={"completions": table}))
    ((name, entry),) = shard.manifest["files"].items()
    parts = TableParts(table, {name: (entry["sha256"], entry["size"])})
    whole = store.publish(action("sample"), Output(tables={"completions": parts}))
    a_run(store, "one", {"sample:1": (action("sample"), whole)})
    collect(store)
    assert Store(store.path).lookup(action_key(action("sample-shard"))) is not None


def test_a_pinned_artifact_keeps_what_it_was_made_of(store: Store) -> None:
    data, other = publish(store, "select", b"data"), publish(store, "select", b"other", 1)
    model = publish(store, "train", b"one realisation", data=data)
    graded = publish(store, "grade", b"grades", model=model)
    Keeps(store.path, store.objects).add(Keep("table 3".replace(" ", "-"), artifacts=[graded.digest]))
    collect(store)
    fresh = Store(store.path)
    assert fresh.lookup(action_key(action("train", data=data))) is not None
    assert fresh.lookup(action_key(action("select"))) is not None
    assert not fresh.objects.path(other.digest).exists()


def test_runs_are_given_up_by_age_but_for_pinned_and_unfinished_ones(store: Store) -> None:
    made = {name: publish(store, "train", name.encode(), i) for i, name in enumerate(["old", "new", "pinned", "going"])}
    runs = {}
    for i, (name, artifact) in enumerate(made.items()):
        runs[name] = a_run(store, name, {"train:1": (action("train", i), artifact)}, "running" if name == "going" else "complete")
        touched(store, runs[name], 1 if name == "new" else 100)
    Keeps(store.path, store.objects).add(Keep("keep", runs=["pinned"]))
    found = collect(store, Policy(older_than=50 * HOUR))
    assert [run.id for run in found.runs] == ["old"]
    assert store.runs.ids() == ["going", "new", "pinned"]
    assert not store.objects.path(made["old"].digest).exists()
    assert store.objects.path(made["pinned"].digest).exists()


def test_the_oldest_runs_are_given_up_until_the_rest_fits(store: Store) -> None:
    shared = publish(store, "source", b"s" * 1000)
    for i, name in enumerate(["a", "b", "c"]):
        own = publish(store, "train", name.encode() * 1000, i)
        run = a_run(store, name, {"source": (action("source"), shared), "train:1": (action("train", i), own)})
        touched(store, run, 100 - i)
    found = collect(store, Policy(max_size=3500))
    assert [run.id for run in found.runs] == ["a"]
    assert not found.too_large
    assert survey(store, Policy(max_size=100)).runs[0].id == "b"
    Keeps(store.path, store.objects).add(Keep("keep", runs=["b", "c"]))
    assert survey(store, Policy(max_size=100)).too_large
    assert not survey(store, Policy(max_size=100)).runs


def test_models_that_are_not_to_be_kept_become_hollow_and_their_run_stays_whole(store: Store) -> None:
    model = publish(store, "train", b"weights" * 100)
    measured = publish(store, "measure", b"numbers", model=model)
    run = a_run(store, "one", {"train:1": (action("train"), model), "measure:1": (action("measure", model=model), measured)})
    found = collect(store, Policy(drop=lambda _, runs: {model.digest} if run in runs else set()))
    assert found.hollow == [model.digest]
    assert found.hollow_bytes == 700
    fresh = Store(store.path)
    lost = fresh.lookup(action_key(action("train")))
    assert lost is not None
    assert not lost.complete()
    assert fresh.lookup(action_key(action("measure", model=model))) is not None
    again = survey(fresh)
    assert not again.objects
    assert not again.warnings


def test_a_pinned_run_keeps_its_models(store: Store) -> None:
    model = publish(store, "train", b"weights")
    a_run(store, "one", {"train:1": (action("train"), model)})
    Keeps(store.path, store.objects).add(Keep("keep", runs=["one"]))
    assert not collect(store, Policy(drop=lambda _, runs: {model.digest} if runs else set())).hollow
    assert model.complete()


def test_what_a_living_process_looked_up_or_published_stays(store: Store) -> None:
    publish(store, "select", b"found")
    other = Store(store.path)
    with other.leasing():
        assert other.lookup(action_key(action("select"))) is not None
        publish(other, "select", b"made", 1)
        assert not collect(store).records
    assert len(collect(store).records) == 2


def test_a_run_of_a_living_process_is_not_given_up(store: Store) -> None:
    run = a_run(store, "one", {"select:1": (action("select"), publish(store, "select", b"data"))})
    touched(store, run, 1000)
    lease = Lease(store.path)
    lease.hold(["one"])
    assert not collect(store, Policy(older_than=HOUR)).runs
    lease.end()
    assert collect(store, Policy(older_than=HOUR)).runs


@pytest.mark.parametrize("folder", ["objects", "records", "leases", "checked"])
def test_nothing_is_deleted_behind_a_link(store: Store, folder: str) -> None:
    publish(store, "select", b"lost")
    (store.path / folder).mkdir(exist_ok=True)
    (store.path / folder).rename(store.path.parent / "elsewhere")
    (store.path / folder).symlink_to(store.path.parent / "elsewhere")
    before = files_of(store)
    with pytest.raises(BadInput, match="symbolic link"):
        collect(Store(store.path))
    assert files_of(store) == before


def test_where_a_manifest_that_is_to_stay_is_lost_what_nobody_knows_stays(store: Store) -> None:
    model, other = publish(store, "train", b"weights"), publish(store, "select", b"garbage", 1)
    a_run(store, "one", {"train:1": (action("train"), model)})
    store.objects.path(model.digest).unlink()
    found = collect(Store(store.path))
    assert any("missing" in warning for warning in found.warnings)
    (entry,) = model.manifest["files"].values()
    assert store.objects.checked(entry["sha256"]).read_bytes() == b"weights"
    assert not store.objects.path(other.digest).exists()
    assert len(found.records) == 1


def test_a_second_collection_has_nothing_to_do(store: Store) -> None:
    model = publish(store, "train", b"weights")
    a_run(store, "one", {"train:1": (action("train"), model)})
    policy = Policy(drop=lambda _, runs: {model.digest} if runs else set())
    assert collect(store, policy).hollow == [model.digest]
    again = survey(Store(store.path), policy)
    assert (again.hollow, again.objects, again.records) == ([], {}, [])


@pytest.mark.parametrize("which", ["run", "pin"])
def test_nothing_is_deleted_where_what_is_kept_can_not_be_known(store: Store, which: str) -> None:
    kept = publish(store, "select", b"kept")
    a_run(store, "one", {"select:1": (action("select"), kept)})
    Keeps(store.path, store.objects).add(Keep("keep", runs=["one"]))
    path = store.path / ("runs/one.json" if which == "run" else "pins/keep.json")
    path.chmod(0o644)
    path.write_text("{")
    before = files_of(store)
    with pytest.raises(BadInput, match="damaged"):
        collect(store)
    assert files_of(store) == before


def test_without_locks_whatever_is_young_is_spared(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = publish(store, "select", b"lost")

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("sirev.store.leases.fcntl.flock", refuse)
    assert not survey(store).records
    for path in store.path.rglob("*"):
        os.utime(path, (time.time() - 48 * HOUR,) * 2)
    assert survey(Store(store.path)).records == [(action_key(action("select")), lost.digest)]


Between = Callable[[Callable[[int], None]], list[int]]


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Has something happen after each slice of a collection, told its number; slices delete one thing each."""
    monkeypatch.setattr(sweep, "SLICE_SECONDS", 0.0)
    numbers: list[int] = []

    def happens(what: Callable[[int], None]) -> list[int]:
        really = time.sleep

        def paused(seconds: float) -> None:
            if threading.current_thread() is not threading.main_thread():  # one of another test
                return really(seconds)
            numbers.append(len(numbers))
            what(numbers[-1])
            return None

        monkeypatch.setattr("sirev.store.upkeep.gc.time.sleep", paused)
        return numbers

    return happens


def littered(store: Store, count: int = 4) -> list[Artifact]:
    """Artifacts that nothing reaches, each of two files, one of which all have."""
    files = [{"file.json": f"{n}".encode(), "same.json": b"same"} for n in range(count)]
    return [store.publish(action("select", n), Output(files=dict(one))) for n, one in enumerate(files)]


def test_a_slice_begins_with_records_and_writers_get_in_between_two(store: Store, between: Between) -> None:
    lost = littered(store)
    gone: list[int] = []

    def write(number: int) -> None:
        with Store(store.path).gate.shared():  # which would wait for ten minutes if the collection held it
            gone.append(sum(store.records.get(action_key(action("select", n)), one.digest) is None for n, one in enumerate(lost)))
        publish(Store(store.path), "train", f"new {number}".encode(), number)
        assert_sound(store.path)

    numbers = between(write)
    found = collect(store)
    assert gone[:4] == [1, 2, 3, 4]
    assert len(numbers) == len(found.records) + len(found.objects) - 1
    assert len(list(Store(store.path).records.names())) == len(numbers)


@pytest.mark.parametrize("when", range(8))
@pytest.mark.parametrize("how", ["lease", "run", "pin", "nobody's"])
def test_what_becomes_needed_between_two_slices_is_spared(store: Store, between: Between, how: str, when: int) -> None:
    lost = littered(store)
    n = max(range(4), key=lambda n: action_key(action("select", n)))  # whose record goes last
    last, artifact = action_key(action("select", n)), lost[n]
    other = Store(store.path)
    with other.leasing():
        publish(other, "train", b"so that its lease has begun")

        def need(number: int) -> None:
            if number != when:
                return
            if other.lookup(last) is None or how == "nobody's":  # its record is gone: it is made again, of objects half there
                maker = Store(store.path) if how == "nobody's" else other
                maker.publish(action("select", n), Output(files={"file.json": f"{n}".encode(), "same.json": b"same"}))
            if how == "run":
                a_run(other, "late", {"select:1": (action("select", n), artifact)})
            if how == "pin":
                Keeps(store.path, store.objects).add(Keep("late", artifacts=[artifact.digest]))
            if how != "lease":  # which is over then
                assert other._lease is not None
                other._lease.end()

        between(need)
        collect(store)
        assert_sound(store.path)
        there = Store(store.path).lookup(last)
        if how == "nobody's":  # sound is enough
            assert there is None or there.complete()
        else:
            assert there is not None
            assert there.complete()


@pytest.mark.parametrize("when", range(12))
def test_a_collection_that_ends_between_two_slices_leaves_a_sound_store(store: Store, between: Between, when: int) -> None:
    kept, _ = publish(store, "select", b"kept", 9), littered(store)
    a_run(store, "one", {"select:1": (action("select", 9), kept)})

    def end(number: int) -> None:
        if number == when:
            raise KeyboardInterrupt

    between(end)
    with pytest.raises(KeyboardInterrupt):
        collect(store)
    assert_sound(store.path)
    collect(Store(store.path), Policy(older_than=None))


def test_a_run_that_is_taken_up_again_between_two_slices_is_not_given_up(store: Store, between: Between) -> None:
    runs = [a_run(store, f"run-{n}", {"select:1": (action("select", n), one)}) for n, one in enumerate(littered(store, 3))]
    for run in runs:
        touched(store, run, 1000)
    lease = Lease(store.path)
    between(lambda number: lease.hold(["run-2"]) if number == 0 else None)
    found = collect(store, Policy(older_than=HOUR))
    assert [run.id for run in found.runs] == ["run-0", "run-1"]
    assert Store(store.path).lookup(action_key(action("select", 2))) is not None
    assert_sound(store.path)
    lease.end()


def test_nothing_is_deleted_beside_a_file_among_the_runs_that_is_no_runs_by_its_name(store: Store) -> None:
    publish(store, "select", b"perhaps what it needs")
    before = files_of(store)
    (store.path / "runs").mkdir(exist_ok=True)
    (store.path / "runs" / "_one.json").write_text("{}")
    for look in (survey, collect):
        with pytest.raises(BadInput, match="nothing is deleted"):
            look(store)
    assert files_of(store) == before | {"runs/_one.json"}
