from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev import parquet
from sirev.errors import BadInput
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json, sealed, sha256, unsealed
from sirev.store.records import Record, action_key
from sirev.store.store import Store
from sirev.store.tables import Table, TableRow, rows_digest, to_parquet
from sirev.store.untrusted_files import META_BYTES
from sirev.store.upkeep.hashing import hash_objects
from sirev.store.upkeep.repair import marker_damage, mend_marker, repair
from sirev.store.upkeep.rows import TableClaim, Unchecked, wrong
from sirev.store.upkeep.verify import verify
from sirev.store.upkeep.verify_report import Damage, Findings
from tests.bombs import parquet_bomb
from tests.conftest import Study, tree
from tests.store.small_store import SmallStore, action, build


@pytest.fixture
def small(tmp_path: Path) -> SmallStore:
    return build(tmp_path)


def damage(found: Findings) -> dict[str, Damage]:
    return {one.path: one for one in found.damage}


def below(small: SmallStore, path: Path) -> str:
    return str(path.relative_to(small.path))


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_whole_store_is_found_whole_and_nothing_is_written(small: SmallStore) -> None:
    before = tree(small.path)
    found = verify(Store(small.path))
    assert found.whole
    assert (found.unchecked, found.remarks, found.leftovers) == ([], [], 0)
    objects = [path for path in (small.path / "objects").rglob("*") if path.is_file()]
    assert (found.runs, found.records, found.objects) == (2, len(small.actions), len(objects))
    assert found.size == sum(path.stat().st_size for path in objects)
    assert tree(small.path) == before


def test_a_real_study_is_found_whole(smoke: Study) -> None:
    before = tree(smoke.store.path)
    found = verify(smoke.store)
    assert (found.damage, found.unchecked, found.remarks) == ([], [], [])
    assert found.runs == len(smoke.results)
    assert tree(smoke.store.path) == before


def test_every_digest_is_what_sha256sum_says(small: SmallStore) -> None:
    hashed = hash_objects(small.path / "objects", (), lambda done, total: None)
    printed = subprocess.run("sha256sum */*", shell=True, cwd=small.path / "objects", capture_output=True, text=True, check=True)
    assert {line.split()[0] for line in printed.stdout.splitlines()} == hashed.whole.keys()


def test_progress_reaches_the_end_of_objects_and_of_tables(small: SmallStore) -> None:
    told: list[tuple[str, int, int]] = []
    found = verify(Store(small.path), lambda *at: told.append(at))
    last = {what: (done, total) for what, done, total in told}
    assert last["objects"] == (found.size, found.size)
    assert last["tables"][0] == last["tables"][1] > 0


def test_a_rotten_object_is_found_though_its_stamp_says_that_it_is_known(small: SmallStore) -> None:
    path = small.object_path("train:1", "model.safetensors")
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[12345] ^= 4
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Store(small.path).artifact(small.artifacts["train:1"].digest).path("model.safetensors") == path  # nobody looks
    (found,) = verify(Store(small.path)).damage
    assert (found.kind, found.path, found.remedy) == ("object", below(small, path), "drop")
    assert found.belongs == (*(f"{run}:1:train" for run in small.runs), "pin paper")
    with pytest.raises(Exception, match="was damaged"):
        Store(small.path).artifact(small.artifacts["train:1"].digest).path("model.safetensors")  # the stamp is gone


def test_a_shared_file_is_named_with_all_that_stands_on_it(small: SmallStore) -> None:
    path = small.object_path("sample/test:1", "completions/p0-1.parquet")
    overwrite(path, b"PAR1")
    found = damage(verify(Store(small.path)))
    key = action_key(small.actions["shard/1"])[:12]
    assert {*found[below(small, path)].belongs} == {f"sample-shard {key}", *(f"{run}:1:sample/test" for run in small.runs)}
    shard = found.pop(below(small, small.record_path("shard/1")))
    assert (shard.kind, shard.remedy) == ("remnant", "drop")  # no run stands on it, so that nobody would ever mend it
    assert found.keys() == {below(small, path)}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-20],
        lambda raw: raw.replace(b'"grader":"exact"', b'"grader":"loose"'),
        lambda raw: b"[1]",
        lambda raw: b"",
        lambda raw: b"[" * 100_000,
    ],
    ids=["cut", "another action", "a list", "empty", "deep"],
)
def test_a_damaged_record_is_dropped_and_its_steps_are_named(small: SmallStore, spoil: Any) -> None:
    path = small.record_path("grade/test:1")
    overwrite(path, spoil(path.read_bytes()))
    store = Store(small.path)
    found = verify(store)
    (one,) = found.damage
    assert (one.kind, one.path, one.remedy) == ("record", below(small, path), "drop")
    assert one.belongs == tuple(f"{run}:1:grade/test" for run in small.runs)
    before = tree(small.path)
    assert repair(store, found).dropped == [one]
    assert before.keys() - tree(small.path).keys() == {below(small, path)}
    after = verify(Store(small.path)).damage
    assert [(one.kind, one.path, one.remedy) for one in after] == [("missing", below(small, path), "again")]


def test_what_runs_stand_on_and_is_gone_is_missing(small: SmallStore) -> None:
    file, manifest = small.object_path("train:1", "config.json"), small.manifest_path("measure/test:1")
    for path in (file, manifest):
        path.unlink()
    found = damage(verify(Store(small.path)))
    assert found.keys() == {below(small, file), below(small, manifest)}
    assert {one.kind for one in found.values()} == {"missing"}
    assert found[below(small, manifest)].belongs == tuple(f"{run}:1:measure/test" for run in small.runs)


def test_an_artifact_whose_files_were_given_up_is_no_damage_but_one_without_the_mark_is(small: SmallStore) -> None:
    assert verify(Store(small.path)).whole
    (mark,) = (small.path / "hollow").iterdir()
    mark.unlink()
    (one,) = verify(Store(small.path)).damage
    assert (one.kind, one.path) == ("missing", below(small, small.object_path("train:0", "model.safetensors")))


def test_a_manifest_that_lies_about_its_rows_is_found_and_not_used_after_a_repair(small: SmallStore) -> None:
    store = Store(small.path)
    honest = small.artifacts["grade/test:1"]
    lie = json.loads(canonical_json(honest.manifest))
    lie["tables"]["grades"]["rows_sha256"] = small.artifacts["sample/test:1"].manifest["tables"]["completions"]["rows_sha256"]
    digest, _ = store.objects.add(canonical_json(lie))
    store.records.add(Record({**small.actions["grade/test:1"], "version": 2}, digest, {"recorded": "2020"}))
    key = action_key({**small.actions["grade/test:1"], "version": 2})
    assert Store(small.path).lookup(key) is not None
    found = verify(store)
    (one,) = found.damage
    assert (one.kind, one.path) == ("claim", f"records/{key[:2]}/{key}/{digest}.json")
    assert "table 'grades' has rows that do not hash" in one.what
    assert repair(store, found).dropped == [one]
    assert Store(small.path).lookup(key) is None
    assert verify(Store(small.path)).whole


@pytest.mark.parametrize(
    "manifest",
    [
        b'{"format":1}',
        b"[]",
        b"not JSON",
        b'{"format":1,"files":{"../../etc":{"sha256":"' + b"0" * 64 + b'","size":1}},"tables":{}}',
        b'{"format":1,"files":{"a":{"sha256":"x","size":1}},"tables":{}}',
        b'{"format":1,"files":{},"tables":{"t":{}}}',
    ],
)
def test_an_object_that_is_no_manifest_is_no_artifact(small: SmallStore, manifest: bytes) -> None:
    store = Store(small.path)
    digest, _ = store.objects.add(manifest)
    store.records.add(Record(action("grade", {}), digest, {"recorded": "2020"}))
    (one,) = verify(store).damage
    assert (one.kind, one.remedy) == ("claim", "drop")


def test_a_manifest_with_a_wrong_size_can_never_be_whole(small: SmallStore) -> None:
    store = Store(small.path)
    lie = json.loads(canonical_json(small.artifacts["compare"].manifest))
    lie["files"]["comparison.json"]["size"] += 1
    digest, _ = store.objects.add(canonical_json(lie))
    store.records.add(Record(action("compare", {}), digest, {"recorded": "2020"}))
    (one,) = verify(store).damage
    assert (one.kind, one.remedy) == ("claim", "drop")
    assert "can never be whole" in one.what


def test_a_newer_format_is_named_and_never_dropped(small: SmallStore) -> None:
    store = Store(small.path)
    record, run = small.record_path("compare"), small.path / "runs" / f"{small.runs[1]}.json"
    for path in (record, run):
        overwrite(path, sealed(unsealed(path.read_bytes()) | {"format": 7}))
    digest, _ = store.objects.add(b'{"format":9,"blobs":[]}')
    store.records.add(Record(action("grade", {}), digest, {"recorded": "2020"}))
    before = tree(small.path)
    found = verify(store)
    assert found.whole
    assert {one.path for one in found.unchecked} == {below(small, record), below(small, run), below(small, small.file_of(digest))}
    assert repair(store, found).dropped == []
    assert before.items() <= tree(small.path).items()


def test_an_input_that_nothing_here_makes_is_worth_a_remark_unless_it_never_is_an_artifact(small: SmallStore) -> None:
    store = Store(small.path)
    inputs = {"model": "f" * 64, "prompts": "e" * 64}
    store.publish(action("sample-shard", inputs, first=9), Output(files={"a": b"1"}))
    found = verify(store)
    assert found.whole
    (remark,) = found.remarks
    assert "its input model (ffffffffffff)" in remark.what


def test_a_lost_note_is_a_remark_and_a_damaged_one_is_damage(small: SmallStore) -> None:
    note = small.file_of(small.note("grade/test:1"))
    overwrite(note, b"other")
    store = Store(small.path)
    found = verify(store)
    (one,) = found.damage
    assert (one.kind, one.path) == ("object", below(small, note))
    repair(store, found)
    after = verify(Store(small.path))
    assert after.whole
    assert [remark.path for remark in after.remarks] == [below(small, small.record_path("grade/test:1"))]


def test_strangers_are_remarked_and_left_alone(small: SmallStore, tmp_path: Path) -> None:
    (small.path / "objects" / "notes.txt").write_text("mine")
    (small.path / "objects" / "ab").mkdir(exist_ok=True)
    (small.path / "objects" / "ab" / "short").write_text("mine")
    (small.path / "records" / "00").mkdir(exist_ok=True)
    (small.path / "records" / "00" / "readme").symlink_to(tmp_path)
    (small.path / "runs" / "list.txt").write_text("mine")
    (small.path / "tmp" / "123-dead").write_bytes(b"x" * 100)
    store = Store(small.path)
    found = verify(store)
    assert found.whole
    assert [one.path for one in found.remarks] == ["objects/ab/short", "objects/notes.txt", "records/00/readme", "runs/list.txt"]
    assert (found.leftovers, found.leftover_size) == (1, 100)
    before = tree(small.path)
    assert repair(store, found).dropped == []
    assert before.items() <= tree(small.path).items()


def test_a_link_in_the_place_of_an_object_is_dropped_and_what_it_points_at_stays(small: SmallStore, tmp_path: Path) -> None:
    path = small.object_path("compare", "comparison.json")
    outside = tmp_path / "outside"
    shutil.move(path, outside)
    path.symlink_to(outside)
    store = Store(small.path)
    found = verify(store)
    (one,) = found.damage
    assert "is a symbolic link in the place of an object" in one.what
    assert repair(store, found).dropped == [one]
    assert not os.path.lexists(path)
    assert outside.is_file()


def test_a_folder_with_something_in_it_is_not_deleted(small: SmallStore) -> None:
    path = small.object_path("compare", "comparison.json")
    path.unlink()
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")
    store = Store(small.path)
    mended = repair(store, verify(store))
    assert mended.dropped == []
    ((one, reason),) = mended.left
    assert one.path == below(small, path)
    assert "move it away" in reason
    assert (path / "thesis.tex").read_text() == "years of work"


def test_what_was_mended_meanwhile_is_not_dropped(small: SmallStore) -> None:
    file, record, run = (
        small.object_path("compare", "comparison.json"),
        small.record_path("grade/test:1"),
        small.path / "runs" / f"{small.runs[0]}.json",
    )
    whole = {path: path.read_bytes() for path in (file, record, run)}
    for path in whole:
        overwrite(path, b"{}")
    store = Store(small.path)
    found = verify(store)
    assert {one.path for one in found.damage if one.remedy == "drop"} == {below(small, path) for path in whole}
    for path, content in whole.items():
        path.write_bytes(content)
    assert repair(store, found).dropped == []
    assert {path: path.read_bytes() for path in whole} == whole


def test_a_damaged_pin_is_named_and_left_for_a_person(small: SmallStore) -> None:
    pin = small.path / "pins" / "paper.json"
    overwrite(pin, pin.read_bytes().replace(b"paper", b"pager"))
    store = Store(small.path)
    found = verify(store)
    (one,) = found.damage
    assert (one.kind, one.remedy) == ("pin", "hand")
    assert repair(store, found).dropped == []
    assert pin.is_file()


def test_a_pinned_run_that_is_gone_is_missing(small: SmallStore) -> None:
    (small.path / "runs" / f"{small.runs[0]}.json").unlink()
    (one,) = verify(Store(small.path)).damage
    assert (one.kind, one.path, one.belongs) == ("missing", f"runs/{small.runs[0]}.json", ("pin paper",))


def test_a_wrong_digest_of_a_file_of_the_users_is_found(small: SmallStore) -> None:
    (path,) = (small.path / "local").iterdir()
    entry = json.loads(path.read_bytes())
    overwrite(path, canonical_json({**entry, "digest": sha256(b"something else")}))
    store = Store(small.path)
    found = verify(store)
    (one,) = found.damage
    assert (one.kind, one.remedy) == ("local digest", "drop")
    assert repair(store, found).dropped == [one]


@pytest.mark.parametrize("content", [b"", b"{", b'{"format":1,"id":"x"}', b'{"format":0,"id":"0123456789abcdef"}'])
def test_a_damaged_marker_is_mended_by_a_new_id(small: SmallStore, content: bytes) -> None:
    old = Store(small.path).id
    overwrite(small.path / "sirev-store.json", content)
    assert marker_damage(small.path) == "does not hold the store's format and id"
    new = mend_marker(small.path)
    assert marker_damage(small.path) is None
    assert Store(small.path).id == new != old
    assert verify(Store(small.path)).whole


def test_a_marker_of_a_newer_format_is_left_to_a_newer_sirev(small: SmallStore) -> None:
    overwrite(small.path / "sirev-store.json", b'{"format":2,"id":"x"}')
    assert marker_damage(small.path) is None
    with pytest.raises(BadInput, match="upgrade sirev"):
        Store(small.path)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.text(max_size=8),
                "n": st.integers(-(2**63), 2**63 - 1),
                "x": st.floats(allow_nan=False, allow_infinity=False),
                "yes": st.booleans(),
            }
        ),
        max_size=12,
    )
)
def test_rows_are_hashed_as_they_were_when_the_table_was_made(
    tmp_path_factory: pytest.TempPathFactory, rows: list[TableRow]
) -> None:
    columns = {"name": "string", "n": "int", "x": "float", "yes": "bool"}
    table = Table(columns, rows, ("n", "name"))
    content = to_parquet(columns, rows)  # in another order than the table's
    objects = tmp_path_factory.mktemp("objects")
    digest = sha256(content)
    (objects / digest[:2]).mkdir()
    (objects / digest[:2] / digest[2:]).write_bytes(content)
    entry = {
        "columns": dict(sorted(columns.items())),  # as canonical JSON has them
        "order_by": ["n", "name"],
        "rows": len(rows),
        "rows_sha256": rows_digest(columns, table.ordered()),
    }
    claim = TableClaim(entry, ((digest, len(content)),))
    assert wrong(str(objects), claim) is None
    assert wrong(str(objects), TableClaim({**entry, "rows": len(rows) + 1}, claim.parts)) is not None
    assert wrong(str(objects), TableClaim({**entry, "rows_sha256": "0" * 64}, claim.parts)) is not None
    assert wrong(str(objects), TableClaim({**entry, "columns": {**columns, "n": "float"}}, claim.parts)) is not None
    assert wrong(str(objects), TableClaim({**entry, "order_by": ["none"]}, claim.parts)) is not None


def test_many_tables_are_spread_over_the_cores_and_the_lie_among_them_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    columns = {"id": "int", "text": "string"}
    artifacts: list[Artifact] = []
    for i in range(6):
        rows = [{"id": n, "text": os.urandom(400).hex()} for n in range(4000)]
        output = Output(tables={"rows": Table(columns, rows, ("id",))})
        artifacts.append(store.publish(action("source", {}, i=i), output))
    assert sum(artifact.size for artifact in artifacts) > 8 << 20
    assert verify(store).whole
    lie = json.loads(canonical_json(artifacts[3].manifest))
    lie["tables"]["rows"]["rows_sha256"] = "1" * 64
    digest, _ = store.objects.add(canonical_json(lie))
    store.records.add(Record(action("source", {}, i=9), digest, {"recorded": "2020"}))
    (one,) = verify(store).damage
    assert digest in one.path


def test_a_table_of_more_rows_than_its_bytes_can_hold_is_refused_unread(tmp_path: Path) -> None:
    path = parquet_bomb(tmp_path / "bomb.parquet", 20_000_000)
    digest = sha256(path.read_bytes())
    target = tmp_path / digest[:2] / digest[2:]
    target.parent.mkdir()
    path.rename(target)
    columns = {"problem_id": "string", "text": "string", "draw": "int", "tokens": "int"}
    entry = {"columns": columns, "order_by": ["draw"], "rows": 20_000_000, "rows_sha256": "0" * 64}
    said = wrong(str(tmp_path), TableClaim(entry, ((digest, target.stat().st_size),)))
    assert isinstance(said, Unchecked)
    assert str(said).startswith("has 20,000,000 rows with 80,000,000 cells in ")


def test_a_table_that_is_larger_than_is_read_is_no_damage_and_never_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    table = Table({"n": "int"}, [{"n": n} for n in range(1000)], ("n",))
    artifact = store.publish(action("source", {}), Output(tables={"t": table}))
    monkeypatch.setattr(parquet, "FREE_CELLS", 10)
    monkeypatch.setattr(parquet, "CELLS_PER_BYTE", 0)
    found = verify(store)
    assert found.whole
    (one,) = found.unchecked
    assert one.path == f"objects/{artifact.digest[:2]}/{artifact.digest[2:]}"
    assert one.what.startswith("its table 't' has 1,000 rows with 1,000 cells in ")
    assert repair(store, found).dropped == []


def test_a_manifest_larger_than_is_read_is_no_damage_and_never_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, META_BYTES + 1)
    digest, _ = store.objects.add(large)
    store.create()
    store.records.add(Record(action("source", {}), digest, {"recorded": "2020"}))
    found = verify(store)
    assert found.whole
    (one,) = found.unchecked
    assert one.path == f"objects/{digest[:2]}/{digest[2:]}"
    with pytest.raises(BadInput, match="can't be read"):
        store.artifact(digest)
