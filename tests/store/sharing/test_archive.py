from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import sirev
from sirev.errors import BadInput
from sirev.store.digests import canonical_json, sealed, sha256, unsealed
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run
from sirev.store.sharing.archive import export_runs, import_file
from sirev.store.sharing.archive_index import INDEX_BYTES
from sirev.store.sharing.tarball import header
from sirev.store.store import MARKER, Store
from tests.conftest import Study, semantic_digests
from tests.store.sharing.small import small_store

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Read it only."""
    return small_store(tmp_path_factory.mktemp("small") / "store")


def everything(folder: Path) -> list[tuple[str, int, int, bytes]]:
    """Every path below a folder, with its kind, time and content."""
    return [
        (
            str(path.relative_to(folder)),
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    ]


def packed(data: bytes) -> bytes:
    """zstd."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def unpacked(file: Path) -> bytes:
    with pa.input_stream(str(file), compression="zstd") as stream:
        return bytes(stream.read())


def files_of(file: Path) -> Files:
    with tarfile.open(fileobj=io.BytesIO(unpacked(file))) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def indexed(files: Files) -> bytes:
    """The index that fits these files, in the order given."""
    listed = [[name, len(data), sha256(data)] for name, data in files.items() if name != "archive.json"]
    return canonical_json({"format": 1, "members": listed})


def tarred(files: Files) -> bytes:
    return b"".join(header(name, len(data)) + data + bytes(-len(data) % 512) for name, data in files.items()) + bytes(1024)


def built(files: Files) -> bytes:
    """An archive of these files that is right in everything but perhaps the files."""
    ranks = ["archive.json", "sirev-store.json", "runs", "records", "hollow", "objects"]
    manifests = {name[-69:-5] for name in files if name.startswith("records/")}
    ordered = {
        name: files[name]
        for name in sorted(
            files,
            key=lambda n: (ranks.index(n.split("/")[0]), n[:8] == "objects/" and n[8:].replace("/", "") not in manifests, n),
        )
    }
    return packed(tarred({**ordered, "archive.json": indexed(ordered)}))


def object_name(data: bytes) -> str:
    return f"objects/{sha256(data)[:2]}/{sha256(data)[2:]}"


@pytest.fixture(scope="module")
def good(small: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("good") / "small.tar.zst"
    export_runs(small, small.runs.all(), file)
    return file


def test_a_study_goes_into_one_file_and_comes_back_whole(smoke: Study, tmp_path: Path) -> None:
    file = tmp_path / "smoke.tar.zst"
    assert export_runs(smoke.store, smoke.store.runs.all(), file) == file.stat().st_size
    there = Store(tmp_path / "there")
    imported = import_file(there, file)
    assert imported.runs == smoke.store.runs.ids()
    assert imported.here_already == []
    assert imported.hollow == 0
    assert semantic_digests(there) == semantic_digests(smoke.store)
    assert imported.objects == sum(1 for path in (there.path / "objects").rglob("*") if path.is_file())
    results = sirev.iterate("tiny_smoke", store=there)
    assert [result.computed for result in results] == [()] * len(results)
    assert [result.iterations for result in results] == [result.iterations for result in smoke.results]


def test_an_archive_without_models_replays_and_keeps_their_marks(smoke: Study, tmp_path: Path) -> None:
    models = {
        pin.artifact
        for run in smoke.store.runs.all()
        for step, pin in run.pins.items()
        if step.partition(":")[0] in ("train", "pretrain")
    }
    whole, lean = tmp_path / "whole.tar.zst", tmp_path / "lean.tar.zst"
    export_runs(smoke.store, smoke.store.runs.all(), whole)
    export_runs(smoke.store, smoke.store.runs.all(), lean, hollow=models)
    assert lean.stat().st_size < whole.stat().st_size
    there = Store(tmp_path / "there")
    assert import_file(there, lean).hollow == len(models)
    assert set(there.hollow) == models
    assert all(not there.artifact(model).complete() for model in models)
    assert [result.computed for result in sirev.iterate("tiny_smoke", store=there)] == [()] * len(smoke.results)

    again = tmp_path / "again.tar.zst"  # what is hollow stays so from hand to hand
    export_runs(there, there.runs.all(), again)
    assert set(files_of(again)) == set(files_of(lean))
    assert import_file(there, whole).objects > 0
    assert set(there.hollow) == set()
    assert all(there.artifact(model).complete() for model in models)
    assert import_file(there, lean).objects == 0
    assert set(there.hollow) == set()  # files that are here are not forgotten for an archive that lacks them


def test_equal_stores_give_equal_files(small: Store, tmp_path: Path) -> None:
    copy = shutil.copytree(small.path, tmp_path / "copy")
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    export_runs(small, small.runs.all(), tmp_path / "a.tar.zst")
    export_runs(Store(copy), list(reversed(Store(copy).runs.all())), tmp_path / "b.tar.zst")
    assert (tmp_path / "a.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


def test_plain_tar_unpacks_an_archive_into_a_store(small: Store, good: Path, tmp_path: Path) -> None:
    assert shutil.which("zstd"), "tar calls it"
    subprocess.run(["tar", "--zstd", "-xf", good], cwd=tmp_path, check=True)
    there = Store(tmp_path)
    assert there.id == small.id
    assert semantic_digests(there) == semantic_digests(small)
    assert all(there.artifact(pin.artifact).complete() for run in there.runs.all() for pin in run.pins.values())
    listed = json.loads((tmp_path / "archive.json").read_bytes())["members"]
    assert all([len(data), sha256(data)] == rest for name, *rest in listed for data in [(tmp_path / name).read_bytes()])
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o444}


def test_only_what_the_runs_stand_on_is_exported(small: Store, tmp_path: Path) -> None:
    export_runs(small, [run for run in small.runs.all() if run.id == "small-a"], tmp_path / "a.tar.zst")
    names = set(files_of(tmp_path / "a.tar.zst"))
    assert {name for name in names if name.startswith("runs/")} == {"runs/small-a.json"}
    assert len([name for name in names if name.startswith("records/")]) == 4
    there = Store(tmp_path / "there")
    assert import_file(there, tmp_path / "a.tar.zst").runs == ["small-a"]
    assert there.runs.ids() == ["small-a"]


def test_what_is_here_already_stays(small: Store, good: Path, tmp_path: Path) -> None:
    there = Store(tmp_path / "there")
    mine = small.runs.get("small-a")
    assert mine is not None
    there.create()
    there.runs.save(Run(**{**mine.__dict__, "status": "running", "pins": {}}))
    imported = import_file(there, good)
    assert (imported.runs, imported.here_already, imported.differing) == (["small-b"], ["small-a"], ["small-a"])
    assert (kept := there.runs.get("small-a"))
    assert kept.status == "running"
    before = everything(there.path / "objects"), everything(there.path / "records"), everything(there.path / "runs")
    again = import_file(there, good)
    assert (again.here_already, again.differing) == (["small-a", "small-b"], ["small-a"])
    assert (again.runs, again.records, again.objects, again.bytes) == ([], 0, 0, 0)
    assert before == (everything(there.path / "objects"), everything(there.path / "records"), everything(there.path / "runs"))


def test_an_import_leaves_nothing_beside_the_store(good: Path, tmp_path: Path) -> None:
    import_file(Store(tmp_path / "deep" / "store"), good)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["store"]
    assert list((tmp_path / "deep" / "store" / "tmp").iterdir()) == []


def test_a_run_with_a_long_name_travels(small: Store, tmp_path: Path) -> None:
    copy = Store(shutil.copytree(small.path, tmp_path / "copy"))
    run = small.runs.get("small-a")
    assert run is not None
    run.id = "long" * 40
    copy.runs.save(run)
    export_runs(copy, [run], tmp_path / "long.tar.zst")
    assert f"runs/{run.id}.json" in files_of(tmp_path / "long.tar.zst")
    assert import_file(Store(tmp_path / "there"), tmp_path / "long.tar.zst").runs == [run.id]


def test_tar_reads_the_header_of_a_file_larger_than_octal_digits_can_say() -> None:
    size = 1 << 40
    info = tarfile.TarInfo.frombuf(header("objects/aa/bb", size), "utf-8", "strict")
    assert (info.name, info.size, info.mode, info.isreg()) == ("objects/aa/bb", size, 0o444, True)


def test_an_export_writes_over_nothing_and_leaves_nothing_half_done(small: Store, tmp_path: Path) -> None:
    runs = small.runs.all()
    file = tmp_path / "a.tar.zst"
    file.write_text("mine")
    with pytest.raises(BadInput, match=r"a\.tar\.zst is there already; delete it"):
        export_runs(small, runs, file)
    assert file.read_text() == "mine"
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="is there already"):
        export_runs(small, runs, file)
    with pytest.raises(BadInput, match=r"ends in \.tar\.zst"):
        export_runs(small, runs, tmp_path / "small-b")
    with pytest.raises(BadInput, match=r"^\S+/none/a\.tar\.zst can't be written: there is no folder [^\n]*$"):
        export_runs(small, runs, tmp_path / "none" / "a.tar.zst")
    with pytest.raises(BadInput, match="has no run to export"):
        export_runs(small, [], tmp_path / "b.tar.zst")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.zst"]


def test_a_damaged_store_is_not_exported(small: Store, tmp_path: Path) -> None:
    def spoiled(spoil: Callable[[Store], None]) -> str:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        store = Store(shutil.copytree(small.path, tmp_path / "copy"))
        spoil(store)
        with pytest.raises((BadInput, DamagedObject), match="sirev store verify --repair") as refused:
            export_runs(store, store.runs.all(), tmp_path / "out.tar.zst")
        assert [path.name for path in tmp_path.iterdir()] == ["copy"]
        return str(refused.value)

    def flip(store: Store) -> None:
        path = store.objects.path(_file(store, "model.safetensors"))
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)

    assert "is damaged" in spoiled(flip)
    assert "lacks object" in spoiled(lambda store: store.objects.path(_file(store, "measures.json")).unlink())
    assert "lacks object" in spoiled(lambda store: store.objects.path(_note(store)).unlink())
    assert "lacks the record" in spoiled(lambda store: store.records.path(*_record(store)).unlink())


def _artifact(store: Store, stage: str) -> str:
    return next(
        artifact
        for key, artifact in store.records.names()
        if (record := store.records.get(key, artifact)) and record.action["stage"] == stage
    )


def _record(store: Store) -> tuple[str, str]:
    artifact = _artifact(store, "train")
    return next(one for one in store.records.names() if one[1] == artifact)


def _file(store: Store, name: str) -> str:
    found = (store.artifact(artifact).manifest["files"] for _, artifact in store.records.names())
    return str(next(files[name]["sha256"] for files in found if name in files))


def _note(store: Store) -> str:
    found = (store.records.get(key, artifact) for key, artifact in store.records.names())
    return str(next(one.provenance["notes"]["programs.jsonl.gz"] for one in found if one and "notes" in one.provenance))


# What follows is hostile. Each archive is made from a good one by one change, everything else is put right again.


def _relinked(files: Files, change: Callable[[dict[str, Any]], None], stage: str = "train") -> Files:
    """The files with the manifest of a stage's artifact changed, and record, runs and names made to fit."""
    name = next(n for n, raw in files.items() if n.startswith("records/") and json.loads(raw)["action"]["stage"] == stage)
    record = unsealed(files[name])
    old = record["artifact"]
    manifest = json.loads(files[f"objects/{old[:2]}/{old[2:]}"])
    change(manifest)
    raw = canonical_json(manifest)
    new = sha256(raw)
    out = {n: data for n, data in files.items() if n not in (name, f"objects/{old[:2]}/{old[2:]}")}
    out[object_name(raw)] = raw
    out[name.replace(old, new)] = sealed({**unsealed(files[name]), "artifact": new})
    return {n: _pointed(data, old, new) if n.startswith("runs/") else data for n, data in out.items()}


def _pointed(raw: bytes, old: str, new: str) -> bytes:
    """A run or a record that names another artifact."""
    return sealed(json.loads(canonical_json(unsealed(raw)).replace(old.encode(), new.encode())))


def _swapped(files: Files, name: str, content: bytes, called: str | None = None) -> Files:
    """The files with the content (and the name) of a file of the model's manifest changed."""
    gone: list[str] = []

    def change(manifest: dict[str, Any]) -> None:
        gone.append(manifest["files"].pop(name)["sha256"])
        manifest["files"][called or name] = {"sha256": sha256(content), "size": len(content)}

    out = _relinked(files, change)
    del out[f"objects/{gone[0][:2]}/{gone[0][2:]}"]
    return {**out, object_name(content): content}


def _raw_member(files: Files, place: int, **fields: Any) -> bytes:
    """The archive with one member's header made by tarfile with other fields."""
    names = list(files)
    out = io.BytesIO()
    for at, name in enumerate(names):
        if at == place:
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            for field, value in fields.items():
                setattr(info, field, value)
            out.write(info.tobuf(tarfile.GNU_FORMAT))
            data = files[name] if info.isreg() else b""
        else:
            data = files[name]
            out.write(header(name, len(data)))
        out.write(data + bytes(-len(data) % 512))
    return packed(out.getvalue() + bytes(1024))


def _listed(files: Files, change: Callable[[list[list[Any]]], None]) -> bytes:
    """The archive with its index changed and nothing else."""
    index = json.loads(files["archive.json"])
    change(index["members"])
    return packed(tarred({**files, "archive.json": canonical_json(index)}))


def _with(files: Files, name: str, content: bytes) -> bytes:
    return built({**files, name: content})


def _without(files: Files, beginning: str) -> bytes:
    gone = [name for name in files if name.startswith(beginning)][-1]
    return built({name: data for name, data in files.items() if name != gone})


def _rekeyed(files: Files, old: str, new: str) -> bytes:
    """An archive in which a record lies under another key, which the runs pin."""
    moved = {name.replace(f"{old[:2]}/{old}", f"{new[:2]}/{new}"): data for name, data in files.items()}
    return built({name: _pointed(data, old, new) if name.startswith("runs/") else data for name, data in moved.items()})


def _first(files: Files, beginning: str) -> str:
    return next(name for name in files if name.startswith(beginning))


def _changed_record(files: Files, **fields: Any) -> bytes:
    name = _first(files, "records/")
    return built({**files, name: sealed({**unsealed(files[name]), **fields})})


def _changed_run(files: Files, **fields: Any) -> bytes:
    return built({**files, "runs/small-a.json": sealed({**unsealed(files["runs/small-a.json"]), **fields})})


def _escaping(manifest: dict[str, Any]) -> None:
    manifest["files"]["../../x.json"] = manifest["files"].pop("config.json")


def _newer_manifest(manifest: dict[str, Any]) -> None:
    manifest["format"] = 2


def _oversized(manifest: dict[str, Any]) -> None:
    manifest["files"]["config.json"]["size"] += 1


def _set(place: int, field: int, value: Any) -> Callable[[list[list[Any]]], None]:
    def change(members: list[list[Any]]) -> None:
        members[place][field] = value

    return change


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


PICKLE = pickle.dumps(Evil())
BOMB = 1 << 50
HOSTILE: dict[str, tuple[Callable[[Files], bytes], str]] = {
    # what tar could do
    "absolute path": (lambda f: _listed(f, _set(3, 0, "/tmp/x.json")), "is not a file of a store"),
    "absolute path in the tar alone": (lambda f: _raw_member(f, 3, name="/tmp/x.json"), "there is something else"),
    "path that climbs out": (lambda f: _listed(f, _set(3, 0, "objects/../../x")), "is not a file of a store"),
    "run that climbs out": (lambda f: _with(f, "runs/../../x.json", f["runs/small-a.json"]), "is not a file of a store"),
    "path that climbs out in the tar alone": (lambda f: _raw_member(f, 3, name="objects/../../x"), "there is something else"),
    "file of another kind": (lambda f: _listed(f, _set(3, 0, "local/x.json")), "is not a file of a store"),
    "symbolic link": (lambda f: _raw_member(f, 3, type=tarfile.SYMTYPE, linkname="/etc/passwd"), "there is something else"),
    "hard link": (lambda f: _raw_member(f, 3, type=tarfile.LNKTYPE, linkname="archive.json"), "there is something else"),
    "character device": (lambda f: _raw_member(f, 3, type=tarfile.CHRTYPE, devmajor=1, devminor=5), "there is something else"),
    "block device": (lambda f: _raw_member(f, 3, type=tarfile.BLKTYPE, devmajor=8), "there is something else"),
    "fifo": (lambda f: _raw_member(f, 3, type=tarfile.FIFOTYPE), "there is something else"),
    "folder": (lambda f: _raw_member(f, 3, type=tarfile.DIRTYPE), "there is something else"),
    "sparse file": (lambda f: _raw_member(f, 3, type=tarfile.GNUTYPE_SPARSE), "there is something else"),
    "set-uid file": (lambda f: _raw_member(f, 3, mode=0o4755), "there is something else"),
    "extended header": (lambda f: _raw_member(f, 3, type=tarfile.XHDTYPE, size=1 << 33), "there is something else"),
    "duplicate member": (lambda f: packed(tarred(f)[:-1024] + tarred({"runs/small-a.json": b""})), "more than it lists"),
    "duplicate in the index": (
        lambda f: _listed(f, lambda members: members.append(members[-1])),
        "lists a file twice",
    ),
    "member that is not listed": (lambda f: packed(tarred({**f, "x": b"y"})), "more than it lists"),
    "bytes after the end": (lambda f: packed(tarred(f) + b"\0"), "more than it lists"),
    "bytes between members": (
        lambda f: packed(tarred(f).replace(f["sirev-store.json"] + b"\0", f["sirev-store.json"] + b"x")),
        "between its members",
    ),
    "member that is missing": (lambda f: packed(tarred(dict(list(f.items())[:-1]))), "there is something else"),
    "other order": (lambda f: _listed(f, lambda members: members.insert(1, members.pop())), "not in their order"),
    "no marker": (lambda f: built({name: data for name, data in f.items() if name != MARKER}), "marker first"),
    # what its bytes could be
    "wrong digest": (lambda f: _listed(f, _set(1, 2, "0" * 64)), "has other bytes than are listed"),
    "wrong digest of an object": (lambda f: _listed(f, _set(-1, 2, "0" * 64)), "another digest than its name"),
    "flipped object": (
        lambda f: packed(tarred({n: b"X" + d[1:] if n == list(f)[-1] else d for n, d in f.items()})),
        "has other bytes than are listed",
    ),
    "size too small": (lambda f: _listed(f, lambda members: members[-1].__setitem__(1, members[-1][1] - 1)), "something else"),
    "size too large": (lambda f: _listed(f, lambda members: members[1].__setitem__(1, members[1][1] + 1)), "something else"),
    "size below nothing": (lambda f: _listed(f, _set(1, 1, -5)), "valid size"),
    "size that is no number": (lambda f: _listed(f, _set(1, 1, True)), "valid size"),
    "bomb that is declared": (lambda f: _listed(f, _set(-1, 1, BOMB)), "which no store does"),
    "bomb of a run": (lambda f: _listed(f, _set(1, 1, 1 << 30)), "bytes, more than"),
    "bomb of zeros": (lambda f: _with(f, object_name(bytes(80 << 20)), bytes(80 << 20)), "which no store does"),
    "bomb of an index": (lambda f: packed(header("archive.json", INDEX_BYTES + 1) + bytes(1 << 20)), "bytes, more than"),
    "index that is a bomb to parse": (lambda f: packed(tarred({"archive.json": b"[" * 100_000})), "nested too deep"),
    "index of another form": (lambda f: packed(tarred({"archive.json": b'{"format":1,"members":{}}'})), "format and members"),
    "index of odd entries": (lambda f: packed(tarred({"archive.json": b'{"format":1,"members":[[1]]}'})), "something other than"),
    "no JSON": (lambda f: packed(tarred({"archive.json": b"\xff"})), "is not JSON"),
    "cut short": (lambda f: packed(tarred(f))[:-100], "damaged or cut short"),
    "cut short before it was packed": (lambda f: packed(tarred(f)[:-2000]), "cut short"),
    "flipped bits": (lambda f: packed(tarred(f))[:200] + b"\xff" * 50 + packed(tarred(f))[250:], ""),
    "needs too much memory": (lambda f: b"\x28\xb5\x2f\xfd\x00\xb0" + bytes(100), "too much memory"),
    # what it could be instead
    "tar that is not packed": (tarred, "a tar that is not compressed"),
    "gzip": (lambda f: gzip.compress(tarred(f)), "it is a gzip file"),
    "zip": (lambda f: b"PK\x03\x04" + bytes(100), "it is a zip file"),
    "text": (lambda f: b"hello", "it is not a zstd file"),
    "nothing": (lambda f: b"", "it is empty"),
    "archive of something else": (lambda f: packed(tarred({"README.md": b"hello"})), "`sirev store export` writes"),
    "zstd of something else": (lambda f: packed(b"hello " * 1000), "`sirev store export` writes"),
    "newer format": (
        lambda f: packed(tarred({**f, "archive.json": f["archive.json"].replace(b'"format":1', b'"format":2')})),
        "format 2; this sirev reads 1: upgrade sirev",
    ),
    "store of a newer format": (lambda f: _with(f, MARKER, b'{"format":2,"id":"x"}'), "upgrade sirev"),
    "marker that is none": (lambda f: _with(f, MARKER, b'{"id":"x"}'), "not the marker of a store"),
    # what its contents could be
    "pickle as safetensors": (lambda f: built(_swapped(f, "model.safetensors", PICKLE)), "not what its name says"),
    "pickle behind a safetensors header": (
        lambda f: built(_swapped(f, "model.safetensors", b"\x02" + bytes(7) + b"{}" + PICKLE)),
        "not what its name says",
    ),
    "pickled weights": (lambda f: built(_swapped(f, "model.safetensors", PICKLE, "pytorch_model.bin")), "hold no code"),
    "module": (lambda f: built(_swapped(f, "config.json", b"import os\n", "modeling.py")), "hold no code"),
    "index that leads to a pickle": (
        lambda f: built(_swapped(f, "config.json", b'{"weight_map":{"w":"x.bin"}}', "model.safetensors.index.json")),
        "hold no code",
    ),
    "pickle as a note": (
        lambda f: built(_noted(f, PICKLE)),
        "not what its name says",
    ),
    "deep JSON": (lambda f: built(_swapped(f, "config.json", b"[" * 100_000)), "nested too deep"),
    "manifest that climbs out": (lambda f: built(_relinked(f, _escaping)), "leads out of its folder"),
    "manifest of a newer format": (lambda f: built(_relinked(f, _newer_manifest)), "upgrade sirev"),
    "manifest with another size": (lambda f: built(_relinked(f, _oversized)), "bytes, not"),
    "manifest that is deep JSON": (lambda f: built(_manifest(f, b"[" * 100_000)), "nested too deep"),
    "object that nothing names": (lambda f: _with(f, object_name(b"besides"), b"besides"), "none of its runs needs"),
    "object that is missing": (lambda f: _without(f, "objects/"), "lacks object"),
    "record that is missing": (lambda f: _without(f, "records/"), "lacks the record"),
    "record that nothing pins": (lambda f: built({n: d for n, d in f.items() if n != "runs/small-b.json"}), "none of its runs"),
    "record with another key": (
        lambda f: _rekeyed(f, _first(f, "records/").split("/")[2], "0" * 64),
        "another action or artifact",
    ),
    "record of another artifact": (lambda f: _changed_record(f, artifact="0" * 64), "another action or artifact"),
    "record of a newer format": (lambda f: _changed_record(f, format=2), "upgrade sirev"),
    "record with odd provenance": (lambda f: _changed_record(f, provenance={"recorded": 1}), "odd 'recorded'"),
    "record that is deep JSON": (lambda f: _with(f, _first(f, "records/"), b"[" * 100_000), "nested too deep"),
    "run with another id": (lambda f: _changed_run(f, id="small-b"), "calls itself 'small-b'"),
    "run of a newer format": (lambda f: _changed_run(f, format=2), "upgrade sirev"),
    "run that pins what is not there": (
        lambda f: _changed_run(f, pins={"train:1": {"key": "0" * 64, "artifact": "1" * 64}}),
        "lacks the record",
    ),
    "run that is deep JSON": (lambda f: _with(f, "runs/small-a.json", b"[" * 100_000), "nested too deep"),
    "no run": (lambda f: built({n: d for n, d in f.items() if not n.startswith("runs/")}), "no run"),
    "mark of something else": (lambda f: _with(f, f"hollow/{'0' * 64}.json", b"{}"), "none of its runs needs"),
    "mark that does not say what its name does": (
        lambda f: _with(f, f"hollow/{_first(f, 'records/')[-69:-5]}.json", b"{}"),
        "none of its runs needs",
    ),
    "mark that nothing needs": (
        lambda f: _with(f, f"hollow/{'0' * 64}.json", canonical_json({"format": 1, "artifact": "0" * 64})),
        "none of its runs needs",
    ),
}


def _noted(files: Files, content: bytes) -> Files:
    name = next(n for n, raw in files.items() if n.startswith("records/") and b"programs.jsonl.gz" in raw)
    record = unsealed(files[name])
    old = record["provenance"]["notes"]["programs.jsonl.gz"]
    record["provenance"]["notes"]["programs.jsonl.gz"] = sha256(content)
    out = {n: data for n, data in files.items() if n != f"objects/{old[:2]}/{old[2:]}"}
    return {**out, name: sealed(record), object_name(content): content}


def _manifest(files: Files, content: bytes) -> Files:
    """The files with other bytes as the model's manifest, and all that names it made to fit."""
    name = next(n for n, raw in files.items() if n.startswith("records/") and json.loads(raw)["action"]["stage"] == "train")
    old, new = json.loads(files[name])["artifact"], sha256(content)
    named = ("runs/", "records/")
    out = {n.replace(old, new): _pointed(raw, old, new) if n.startswith(named) else raw for n, raw in files.items()}
    del out[f"objects/{old[:2]}/{old[2:]}"]
    return {**out, object_name(content): content}


@pytest.mark.parametrize("which", HOSTILE)
def test_a_hostile_archive_is_refused_with_nothing_written(
    good: Path, small: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make, reason = HOSTILE[which]
    file = tmp_path / "hostile.tar.zst"
    file.write_bytes(make(files_of(good)))
    shutil.copytree(small.path, tmp_path / "there")
    shutil.rmtree(tmp_path / "there" / "tmp")
    (tmp_path / "empty").mkdir()
    before = everything(tmp_path)
    for store in ("there", "empty", "new", "new/deep/store"):
        with pytest.raises(BadInput) as refused:
            import_file(Store(tmp_path / store), file)
        assert str(refused.value).startswith(f"{file}: ")
        assert "\n" not in str(refused.value)
        assert reason in str(refused.value)
    assert [one[:2] + one[3:] for one in everything(tmp_path)] == [one[:2] + one[3:] for one in before]


def test_the_archives_that_hostile_ones_are_made_from_are_taken_in(good: Path, tmp_path: Path) -> None:
    files = files_of(good)
    assert built(files) == good.read_bytes()
    for number, same in enumerate((built(_relinked(files, lambda manifest: None)), _listed(files, lambda members: None))):
        (tmp_path / f"{number}.tar.zst").write_bytes(same)
        assert import_file(Store(tmp_path / str(number)), tmp_path / f"{number}.tar.zst").runs == ["small-a", "small-b"]


def test_what_is_no_file_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.tar.zst")
    for name in ("none.tar.zst", "fifo.tar.zst", "."):
        with pytest.raises(BadInput, match=r"there is no such file|it is a folder|it is a pipe"):
            import_file(Store(tmp_path / "store"), tmp_path / name)
    assert not (tmp_path / "store").exists()


def test_an_archive_larger_than_the_disk_is_refused(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = len(unpacked(good))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=total - 1))
    with pytest.raises(BadInput, match=rf"unpacked it has {total} bytes, and \S+ has {total - 1} left"):
        import_file(Store(tmp_path / "store"), good)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=total))
    import_file(Store(tmp_path / "store"), good)


KILLED = """
import os, sys
from pathlib import Path
from sirev.store.objects import Objects
from sirev.store.sharing.archive import import_file
from sirev.store.store import Store

publish = Objects.publish
for at in range(1000):
    child = os.fork()
    if child == 0:
        left = at
        def publish_or_die(self, scratch, target):
            global left
            if left == 0:
                os.kill(os.getpid(), 9)
            left -= 1
            publish(self, scratch, target)
        Objects.publish = publish_or_die
        import_file(Store(f"{sys.argv[1]}/{at}"), Path(sys.argv[2]))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def test_an_import_that_is_killed_shows_no_run_that_is_not_whole_and_can_be_run_again(good: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, good], timeout=240, check=True)
    stores = sorted(path for path in tmp_path.iterdir() if path.name.isdigit())
    assert len(stores) > 15
    complete = []
    for path in stores:
        store = Store(path)
        for record in store.records.all():
            assert store.artifact(record.artifact).complete()
        for run in store.runs.all():
            assert all(store.lookup(pin.key, pin.artifact) for pin in run.pins.values())
        complete.append(len(store.runs.ids()) == 2)
        import_file(store, good)
        assert store.runs.ids() == ["small-a", "small-b"]
        assert all(store.lookup(pin.key, pin.artifact) for run in store.runs.all() for pin in run.pins.values())
    assert complete.count(True) == 1


def test_links_at_names_that_can_be_guessed_are_not_written_through(small: Store, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    for number in (os.getpid(), 1, 2):
        (shared / f".study.tar.zst.{number}").symlink_to(precious)
    export_runs(small, small.runs.all(), shared / "study.tar.zst")
    assert precious.read_text() == "mine"
    assert [path.name for path in shared.iterdir() if not path.is_symlink()] == ["study.tar.zst"]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_who_may_read_an_archive_is_as_the_umask_says(small: Store, tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        export_runs(small, small.runs.all(), tmp_path / "study.tar.zst")
    finally:
        os.umask(before)
    assert (tmp_path / "study.tar.zst").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("field", ["recipe", "method", "invocation"])
def test_names_that_a_shell_would_run_are_not_given_out(small: Store, tmp_path: Path, field: str) -> None:
    odd = Store(shutil.copytree(small.path, tmp_path / "odd"))
    path = odd.path / "runs" / "small-a.json"
    raw = sealed({**unsealed(path.read_bytes()), field: "tiny; touch x #"})
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(BadInput, match=f"the {field} 'tiny; touch x #' is not a name that sirev gives"):
        export_runs(odd, [run for run in small.runs.all() if run.id == "small-a"], tmp_path / "study.tar.zst")
