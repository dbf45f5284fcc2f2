from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput, SirevError
from sirev.store.artifacts import Artifact, Output, TableParts
from sirev.store.checkout import hand_out
from sirev.store.digests import canonical_json, sha256
from sirev.store.objects import DamagedObject
from sirev.store.store import Store
from sirev.store.tables import Table, from_parquet, to_parquet

COLUMNS = {"problem_id": "string", "draw": "int", "text": "string"}
ROWS = [{"problem_id": f"p{i:02}", "draw": draw, "text": f"{i} {draw}"} for i in range(4) for draw in range(3)]
ORDER = ("problem_id", "draw")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def model(store: Store) -> Artifact:
    """Files as a model has them, one larger than what is hashed in one go."""
    files: dict[str, bytes | Path] = {"config.json": b"{}", "sub/model.safetensors": os.urandom(3 << 20), "empty": b""}
    return store.publish({"stage": "train"}, Output(files=files))


@pytest.fixture
def completions(store: Store) -> Artifact:
    """A table in three parts that overlap in the table's order, and whose names sort in yet another order."""
    parts = {}
    for name, draw in (("b", 0), ("c", 1), ("a", 2)):
        rows = [row for row in ROWS if row["draw"] == draw]
        parts[f"completions/{name}.parquet"] = store.objects.add(to_parquet(COLUMNS, rows))
    return store.publish({"stage": "sample"}, Output(tables={"completions": TableParts(Table(COLUMNS, ROWS, ORDER), parts)}))


def refused(call: Callable[[], object], kind: type[SirevError]) -> str:
    with pytest.raises(kind) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    return line


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def spoil(store: Store, digest: str, how: Callable[[Path], object]) -> None:
    path = store.objects.path(digest)
    path.chmod(0o644)
    how(path)


def published(store: Store, manifest: dict[str, Any]) -> Artifact:
    """An artifact by a manifest that somebody else wrote."""
    digest, _ = store.objects.add(canonical_json(manifest))
    return Artifact(digest, manifest, store.objects)


def test_files_are_copies_that_a_user_may_write_to(store: Store, model: Artifact, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder"
    written = hand_out(store, model, target)
    assert written == {name: entry["size"] for name, entry in sorted(model.manifest["files"].items())}
    assert everything(target) == ["config.json", "empty", "sub", "sub/model.safetensors"]
    for name, entry in model.manifest["files"].items():
        path = target / name
        assert sha256(path.read_bytes()) == entry["sha256"]
        assert not path.is_symlink()
        assert path.stat().st_nlink == 1
        assert path.stat().st_mode & 0o777 == 0o644
        path.write_bytes(b"mine now")
        assert sha256(store.objects.path(entry["sha256"]).read_bytes()) == entry["sha256"]


def test_a_table_of_parts_becomes_one_file_in_its_order(store: Store, completions: Artifact, tmp_path: Path) -> None:
    assert list(hand_out(store, completions, tmp_path / "out")) == ["completions.parquet"]
    assert everything(tmp_path / "out") == ["completions.parquet"]
    assert from_parquet([tmp_path / "out" / "completions.parquet"], []) == ROWS
    import pyarrow.parquet as pq

    assert pq.read_schema(tmp_path / "out" / "completions.parquet").names == list(COLUMNS)


def test_datasets_reads_a_table_in_its_order(store: Store, completions: Artifact, tmp_path: Path) -> None:
    hand_out(store, completions, tmp_path / "out")
    file, cache = str(tmp_path / "out" / "completions.parquet"), str(tmp_path / "cache")
    import datasets

    read = datasets.load_dataset("parquet", data_files=file, split="train", cache_dir=cache)
    assert read.to_list() == ROWS
    assert {name: read.features[name].dtype for name in COLUMNS} == {"problem_id": "string", "draw": "int64", "text": "string"}


def test_a_table_of_one_file_keeps_its_bytes_beside_other_files(store: Store, tmp_path: Path) -> None:
    tables: dict[str, Table | TableParts] = {"t": Table(COLUMNS, ROWS, ORDER), "none": Table(COLUMNS, [], ORDER)}
    artifact = store.publish({"stage": "select"}, Output(files={"summary.json": b"{}"}, tables=tables))
    hand_out(store, artifact, tmp_path / "out")
    assert everything(tmp_path / "out") == ["none.parquet", "summary.json", "t.parquet"]
    for name, entry in artifact.manifest["files"].items():
        assert sha256((tmp_path / "out" / name).read_bytes()) == entry["sha256"]


def test_a_table_stored_out_of_order_is_put_into_order(store: Store, tmp_path: Path) -> None:
    made = store.publish({"stage": "select"}, Output(tables={"t": Table(COLUMNS, ROWS, ORDER)}))
    digest, size = store.objects.add(to_parquet(COLUMNS, ROWS[::-1]))
    other = published(store, {**made.manifest, "files": {"t.parquet": {"sha256": digest, "size": size}}})
    assert other.semantic == made.semantic
    hand_out(store, other, tmp_path / "out")
    assert from_parquet([tmp_path / "out" / "t.parquet"], []) == ROWS


def test_notes_lie_in_a_folder_of_their_own(store: Store, model: Artifact, tmp_path: Path) -> None:
    note, _ = store.objects.add(b"said beside")
    written = hand_out(store, model, tmp_path / "out", {"programs.jsonl.gz": note})
    assert written["notes/programs.jsonl.gz"] == 11
    assert (tmp_path / "out" / "notes" / "programs.jsonl.gz").read_bytes() == b"said beside"


def test_an_empty_folder_that_is_there_stays_the_same_folder(store: Store, model: Artifact, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(target)
    inode = target.stat().st_ino
    hand_out(store, model, tmp_path / "link")
    assert everything(target) == ["config.json", "empty", "sub", "sub/model.safetensors"]
    assert (target.stat().st_ino, target.stat().st_mode & 0o777) == (inode, 0o700)


@pytest.mark.parametrize("there", ["full", "file", "link", "dangling"])
def test_what_is_there_already_is_not_written_over(store: Store, model: Artifact, tmp_path: Path, there: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("years")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = everything(tmp_path)
    assert "is not an empty folder; name one that is new or empty" in refused(
        lambda: hand_out(store, model, tmp_path / there), BadInput
    )
    assert everything(tmp_path) == before


def test_no_artifact_is_handed_out_into_the_store_itself(store: Store, model: Artifact, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store.path)
    before = everything(store.path)
    for target in (store.path / "out", store.path / "objects" / ".." / "out", tmp_path / "link" / "out"):
        with pytest.raises(BadInput, match="lies inside the store"):
            hand_out(store, model, target)
    assert everything(store.path) == before


def link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILT: dict[str, Callable[[Path], object]] = {
    "flipped": lambda path: path.write_bytes(b"\x00" + path.read_bytes()[1:]),
    "cut short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b"\x00"),
    "gone": lambda path: path.unlink(),
    "a link": link,
    "a pipe": pipe,
    "a folder": folder,
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("empty_folder", [True, False])
def test_damage_is_found_and_nothing_is_left_behind(
    store: Store, model: Artifact, tmp_path: Path, how: str, empty_folder: bool
) -> None:
    digest = model.manifest["files"]["sub/model.safetensors"]["sha256"]
    model.path("sub/model.safetensors")  # leaves a stamp that says it is whole
    spoil(store, digest, SPOILT[how])
    target = tmp_path / "out" if empty_folder else tmp_path / "a" / "b" / "out"
    if empty_folder:
        target.mkdir()
    before = everything(tmp_path)
    line = refused(lambda: hand_out(store, model, target), DamagedObject)
    assert digest[:12] in line
    assert "sirev store verify --repair" in line
    assert everything(tmp_path) == before


def test_a_stamp_is_not_taken_at_its_word(store: Store, model: Artifact, tmp_path: Path) -> None:
    path = model.path("sub/model.safetensors")
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"\x00\x01\x02\x03")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Store(store.path).artifact(model.digest).path("sub/model.safetensors") == path  # by its stamp it is whole
    assert "is damaged" in refused(lambda: hand_out(store, model, tmp_path / "out"), DamagedObject)


def test_a_damaged_note_is_found_too(store: Store, model: Artifact, tmp_path: Path) -> None:
    note, _ = store.objects.add(b"said beside")
    spoil(store, note, lambda path: path.write_bytes(b"else"))
    assert note[:12] in refused(lambda: hand_out(store, model, tmp_path / "out", {"n": note}), DamagedObject)
    assert not (tmp_path / "out").exists()


HOSTILE = ["../escaped", "a/../../escaped", "/tmp/escaped", "", "a//b", "nul\0byte", "\ud800"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("what", ["table", "note", "part"])
def test_no_name_leads_out_of_the_folder(store: Store, model: Artifact, tmp_path: Path, name: str, what: str) -> None:
    made = store.publish({"stage": "select"}, Output(tables={"t": Table(COLUMNS, ROWS, ORDER)}))
    note, _ = store.objects.add(b"said beside")
    tables = {"t": made.manifest["tables"]["t"]}
    if what == "table":
        tables = {name: tables["t"]}
    elif what == "part":
        tables = {"t": {**tables["t"], "parts": [name]}}
    artifact = Artifact(made.digest, {**made.manifest, "tables": tables}, store.objects)
    before = everything(tmp_path)
    refused(lambda: hand_out(store, artifact, tmp_path / "out", {name: note} if what == "note" else {}), DamagedObject)
    assert everything(tmp_path) == before


MANIFESTS: dict[str, dict[str, Any]] = {
    "a wrong size": {"files": {"a": {"size": 5}}},
    "a file where a folder is": {"files": {"a": {}, "a/b": {}}},
    "no digest": {"files": {"a": {"sha256": None}}},
    "a digest that leads elsewhere": {"files": {"a": {"sha256": "../../../../etc/passwd"}}},
    "no Parquet": {"files": {"a": {}}, "tables": {"t": {"parts": ["a"]}}},
    "an order by what is no column": {"tables": {"t": {"order_by": ["nothing"]}}},
    "other rows": {"tables": {"t": {"rows_sha256": "0" * 64}}},
    "a column of no known kind": {"tables": {"t": {"columns": {**COLUMNS, "text": "code"}}}},
    "a table over a file": {"tables": {"config": {"parts": ["t.parquet"]}}, "files": {"config.parquet": {}}},
    "tables that are none": {"tables": ["t"]},
    "files that are none": {"files": ["t"]},
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_that_lies_is_one_line_and_nothing_is_written(store: Store, tmp_path: Path, what: str) -> None:
    made = store.publish({"stage": "select"}, Output(files={"a": b"1234"}, tables={"t": Table(COLUMNS, ROWS, ORDER)}))
    changes, files, tables = MANIFESTS[what], dict(made.manifest["files"]), made.manifest["tables"]
    if isinstance(changed := changes.get("files", {}), dict):
        files |= {name: {**files["a"], **entry} for name, entry in changed.items()}
    else:
        files = changed
    if isinstance(changed := changes.get("tables", {}), dict):
        tables = {name: {**tables["t"], **entry} for name, entry in changed.items()} or tables
    else:
        tables = changed
    artifact = published(store, {"format": 1, "files": files, "tables": tables})
    before = everything(tmp_path)
    refused(lambda: hand_out(store, artifact, tmp_path / "out"), SirevError)
    assert everything(tmp_path) == before


def test_a_hollow_artifact_says_how_to_get_its_files_back(store: Store, model: Artifact, tmp_path: Path) -> None:
    store.hollow.add(model.digest)
    assert hand_out(store, model, tmp_path / "still there")  # what the mark says comes true only later
    store.objects.path(model.manifest["files"]["sub/model.safetensors"]["sha256"]).unlink()
    line = refused(lambda: hand_out(store, model, tmp_path / "out"), BadInput)
    assert "were given up" in line
    assert "sirev store pull URL RUN" in line
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_behind(store: Store, model: Artifact, tmp_path: Path) -> None:
    """As `ulimit -f` makes it: a file can't grow beyond a megabyte."""
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from sirev.store.checkout import hand_out; from sirev.store.store import Store\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "store = Store(sys.argv[1])\n"
        "hand_out(store, store.artifact(sys.argv[2]), Path(sys.argv[3]))\n"
    )
    before = everything(tmp_path)
    command = [sys.executable, "-c", program, str(store.path), model.digest, str(tmp_path / "x" / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "BadInput" in done.stderr.splitlines()[-1]
    assert "can't be written: File too large" in done.stderr
    assert everything(tmp_path) == before
