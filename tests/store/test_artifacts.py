from __future__ import annotations

from pathlib import Path

import pytest

from sirev import parquet
from sirev.errors import BadInput
from sirev.store.artifacts import Output, TableParts, open_artifact, write_artifact
from sirev.store.digests import canonical_json
from sirev.store.objects import DamagedObject, Objects
from sirev.store.tables import Table, to_parquet
from tests.bombs import parquet_bomb

COLUMNS = {"id": "string"}


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "store")


def test_equal_content_is_one_artifact(objects: Objects) -> None:
    first = write_artifact(objects, Output(files={"a": b"1", "b/c": b"2"}))
    again = write_artifact(objects, Output(files={"b/c": b"2", "a": b"1"}))
    assert first.digest == again.digest
    assert open_artifact(objects, first.digest).manifest == first.manifest


def test_what_is_recorded_beside_it_is_not_in_it(objects: Objects) -> None:
    first = write_artifact(objects, Output(files={"a": b"1"}, provenance={"seconds": 1.5}))
    assert first.digest == write_artifact(objects, Output(files={"a": b"1"}, provenance={"seconds": 2.5})).digest


def test_a_table_of_parts_says_the_same_as_a_whole_one(objects: Objects) -> None:
    rows = [{"id": "a"}, {"id": "b"}]
    whole = write_artifact(objects, Output(tables={"t": Table(COLUMNS, rows, ("id",))}))
    parts = {f"t/{row['id']}.parquet": objects.add(to_parquet(COLUMNS, [row])) for row in rows}
    sharded = write_artifact(objects, Output(tables={"t": TableParts(Table(COLUMNS, rows, ("id",)), parts)}))
    assert sharded.digest != whole.digest
    assert sharded.semantic == whole.semantic
    assert sharded.rows("t") == rows


def test_it_is_incomplete_without_one_of_its_files(objects: Objects) -> None:
    artifact = write_artifact(objects, Output(files={"a": b"1", "b": b"2"}))
    assert artifact.complete()
    objects.path(artifact.manifest["files"]["b"]["sha256"]).unlink()
    assert not artifact.complete()


def test_links_lead_to_checked_objects(objects: Objects, tmp_path: Path) -> None:
    artifact = write_artifact(objects, Output(files={"a": b"1", "b/c": b"2"}))
    folder = artifact.link_into(tmp_path / "out")
    assert (folder / "b" / "c").read_bytes() == b"2"
    assert (folder / "a").is_symlink()


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a//b", "", "."])
def test_a_manifest_that_points_outside_is_refused(objects: Objects, name: str) -> None:
    digest, size = objects.add(b"payload")
    lie, _ = objects.add(canonical_json({"format": 1, "files": {name: {"sha256": digest, "size": size}}, "tables": {}}))
    with pytest.raises(DamagedObject, match="unsafe"):
        open_artifact(objects, lie)


def test_what_is_no_manifest_is_refused(objects: Objects) -> None:
    for data in (b"[]", b"\x00weights", canonical_json({"format": 99})):
        digest, _ = objects.add(data)
        with pytest.raises(DamagedObject, match="not a manifest"):
            open_artifact(objects, digest)


def test_a_damaged_manifest_is_refused(objects: Objects) -> None:
    artifact = write_artifact(objects, Output(files={"a": b"1"}))
    path = objects.path(artifact.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    with pytest.raises(DamagedObject, match="damaged"):
        open_artifact(objects, artifact.digest)


def test_a_table_that_is_not_what_its_manifest_says_is_refused_in_a_line(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    artifact = write_artifact(objects, Output(tables={"t": Table({"n": "int"}, [{"n": 1}, {"n": 2}], ("n",))}))
    artifact.manifest["tables"]["t"]["rows"] = 3
    named = f"artifact {artifact.digest[:12]}: the table 't' can't be read: "
    with pytest.raises(DamagedObject) as caught:
        artifact.rows("t")
    assert str(caught.value) == f"{named}2 rows where its manifest says 3; mend the store with: sirev store verify --repair"
    artifact.manifest["tables"]["t"]["rows"] = 20_000_000
    artifact.manifest["files"]["t.parquet"]["sha256"] = objects.add(parquet_bomb(tmp_path / "bomb.parquet", 20_000_000))[0]
    with pytest.raises(BadInput, match=r"too large to be read: 20,000,000 rows with 80,000,000 cells in "):
        artifact.rows("t")
    artifact.manifest["files"]["t.parquet"]["sha256"] = objects.add(b"PAR1 and nothing else")[0]
    with pytest.raises(DamagedObject, match=named) as caught:
        artifact.rows("t")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sharded", [False, True])
def test_a_table_that_could_not_be_read_again_is_not_written(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, sharded: bool
) -> None:
    table = Table({"n": "int", "text": "string"}, [{"n": n, "text": "A" * 100} for n in range(20_000)], ("n",))
    part = objects.add(to_parquet(table.columns, table.rows))
    output = Output(tables={"t": TableParts(table, {"t/0.parquet": part}) if sharded else table})
    write_artifact(objects, output)
    monkeypatch.setattr(parquet, "CELLS_PER_BYTE", 0)
    monkeypatch.setattr(parquet, "FREE_CELLS", 39_999)
    with pytest.raises(BadInput, match="the table 't' would be too large to be read again: 20,000 rows with 40,000 cells"):
        write_artifact(objects, output)
    monkeypatch.setattr(parquet, "FREE_CELLS", 40_000)
    monkeypatch.setattr(parquet, "BYTES_PER_BYTE", 0)
    monkeypatch.setattr(parquet, "FREE_BYTES", 2_000_000)
    with pytest.raises(BadInput, match="the table 't' would be too large to be read again: 2,360,000 bytes or more"):
        write_artifact(objects, output)


@pytest.mark.parametrize("content", [b"[" * 200 + b"]" * 200, b"[" * 100_000, b"{"])
def test_a_file_that_is_no_json_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    artifact = write_artifact(Objects(tmp_path), Output(files={"measures.json": content}))
    with pytest.raises(DamagedObject, match=f"artifact {artifact.digest[:12]}: measures.json is not JSON that sirev wrote: "):
        artifact.json("measures.json")
