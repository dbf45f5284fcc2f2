from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.store.digests import canonical_json, sha256, unsealed
from sirev.store.runs import RUN_HAS, RUN_MAY_HAVE, Run
from sirev.store.sharing.file_types import JSON_BYTES
from sirev.store.sharing.untrusted import META_BYTES, check_file, check_manifest, check_name, check_record, check_run
from sirev.store.store import Store
from tests.conftest import Study
from tests.store.sharing.small import safetensors, small_store

A, B = "a" * 64, "b" * 64


class Evil:
    """Unpickled, it would leave a trace."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


def manifest(**files: Any) -> dict[str, Any]:
    return {"format": 1, "files": {"config.json": {"sha256": A, "size": 2}, **files}, "tables": {}}


def table(**changed: Any) -> dict[str, Any]:
    entry = {"columns": {"id": "string"}, "order_by": ["id"], "parts": ["t.parquet"], "rows": 1, "rows_sha256": B, **changed}
    return {**manifest(**{"t.parquet": {"sha256": B, "size": 12}}), "tables": {"t": entry}}


def test_everything_that_a_study_writes_is_let_in(smoke: Study) -> None:
    store = smoke.store
    for key, artifact in store.records.names():
        check_record(store.records.path(key, artifact).read_bytes(), key, artifact)
        found = store.artifact(artifact)
        check_manifest(found.manifest)
        for name in found.manifest["files"]:
            check_file(name, found.path(name))
    for run_id in store.runs.ids():
        check_run((store.runs.root / f"{run_id}.json").read_bytes(), run_id)


def test_a_saved_pretrained_model_is_let_in(smollm2: Path) -> None:
    names = [path.name for path in smollm2.iterdir()]
    assert "tokenizer.json" in names
    for name in names:
        check_file(name, smollm2 / name)


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd.json", "../x.json", "a/../x.json", "./x.json", "a//x.json", "x.json/", "", ".."),
        *("a\\x.json", "x\0.json", "x\n.json", "x\u202enosj.json", "\ud800.json", "x" * 300 + ".json", "a/" * 600 + "x.json"),
        *("weights.bin", "model.pt", "optimizer.pkl", "setup.py", "model.ckpt", "x.so", "x.json.sh", "X.JSON", "pickle", "x.zip"),
        *("x.npy", "x.h5", "x.gguf", "x.pth", "training_args.bin", 7, None),
    ],
)
def test_a_name_that_leads_elsewhere_or_promises_code_is_refused(name: Any) -> None:
    with pytest.raises(BadInput, match=r"^refused: file name .{1,400}$"):
        check_name(name)
    if isinstance(name, str):
        with pytest.raises(BadInput):
            check_manifest(manifest(**{name: {"sha256": B, "size": 1}}))


@pytest.mark.parametrize(
    "name", ["model.safetensors", "completions/Précalcul 12-0000.parquet", "a.b/c d.json", "問題-0001.parquet"]
)
def test_names_that_problems_give_their_files_are_let_in(name: str) -> None:
    check_manifest(manifest(**{name: {"sha256": B, "size": 1}}))


@pytest.mark.parametrize(
    "wrong",
    [
        {**manifest(), "format": 2},
        {**manifest(), "format": True},
        {**manifest(), "format": "1"},
        {**manifest(), "more": 1},
        {"format": 1, "files": {}},
        {**manifest(), "files": []},
        {**manifest(), "tables": {"t": {}}},
        [],
        manifest(x={"sha256": A, "size": 1}),  # no ending
        manifest(**{"x.json": {"sha256": A, "size": -1}}),
        manifest(**{"x.json": {"sha256": B, "size": 1.0}}),
        manifest(**{"x.json": {"sha256": B, "size": True}}),
        manifest(**{"x.json": {"sha256": B, "size": 1 << 63}}),
        manifest(**{"x.json": {"sha256": "B" * 64, "size": 1}}),
        manifest(**{"x.json": {"sha256": B[:-1], "size": 1}}),
        manifest(**{"x.json": {"sha256": f"../{B[3:]}", "size": 1}}),
        manifest(**{"x.json": {"sha256": B, "size": 1, "mode": 7}}),
        manifest(**{"x.json": {"sha256": A, "size": 3}}),  # one digest, two sizes
        manifest(**{"config.json/x.json": {"sha256": B, "size": 1}}),
        manifest(**{"CONFIG.json": {"sha256": B, "size": 1}}),
        table(parts=["u.parquet"]),
        table(parts=["config.json"]),
        table(parts=["t.parquet", "t.parquet"]),
        table(parts="t.parquet"),
        table(parts=[["t.parquet"]]),
        table(columns={"id": "object"}),
        table(columns={"id": ["string"]}),
        table(order_by=["draw"]),
        table(order_by=[["id"]]),
        table(rows=-1),
        table(rows_sha256="x"),
        table(pickle="x"),
    ],
)
def test_a_manifest_unlike_those_of_sirev_is_refused(wrong: Any) -> None:
    check_manifest(manifest())
    check_manifest(table())
    with pytest.raises(BadInput, match=r"^refused: "):
        check_manifest(wrong)


def _zip() -> bytes:
    """As torch.save writes it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Evil()))
    return packed.getvalue()


def _tensors(entries: dict[str, Any], data: bytes) -> bytes:
    raw = json.dumps(entries).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def _tensor(begin: Any, end: Any, **more: Any) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [1], "data_offsets": [begin, end], **more}


GOOD: dict[str, bytes] = {
    "x.json": b'{"a": [1, 2.5, null, Infinity]}\n',
    "x.jsonl": b'{"a": 1}\n{"a": 2}\n',
    "x.jsonl.gz": gzip.compress(b'{"a": 1}\n'),
    "x.safetensors": safetensors(1.0, 2.0),
    "x.jinja": b"{{ bos_token }}{% for m in messages %}c{{ m }}\n.{% endfor %}",
    "x.txt": "cats\ndögs\n(R.".encode(),
    "x.model": b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00",
    "model.safetensors.index.json": b'{"weight_map": {"w": "model-00001-of-00002.safetensors"}}',
}
DISGUISED: list[tuple[str, bytes]] = [
    *((name, pickle.dumps(Evil(), protocol)) for name in (*GOOD, "x.parquet") for protocol in range(6)),
    *((name, _zip()) for name in (*GOOD, "x.parquet")),
    *((name, b"\x7fELF\x02\x01\x01") for name in (*GOOD, "x.parquet")),
    *((name, b"#!/bin/sh\ntouch unpickled\n") for name in (*GOOD, "x.parquet")),
    ("x.txt", b"cos\nsystem\n(S'touch unpickled'\ntR."),
    ("x.jsonl.gz", gzip.compress(pickle.dumps(Evil()), mtime=0)),
    ("x.jsonl.gz", gzip.compress(b"{}\n", mtime=0)[:-9]),
    ("x.json", b"{"),
    ("x.json", b""),
    ("x.json", b'"\xff"'),
    ("x.json", '{"a": 1}'.encode("utf-16")),
    ("x.json", b"[" * 100_000),
    ("x.json", b"[" * 100_000 + b"]" * 100_000),
    ("x.json", b"[" * 101 + b"]" * 101),
    ("x.json", b'{"a":' * 101 + b"1" + b"}" * 101),
    ("x.json", b"1" * 5000),
    ("x.txt", b"fine until here \xff"),
    ("x.txt", b"a" * ((1 << 20) - 1) + "é".encode()[:1]),
    ("x.parquet", b"PAR1"),
    ("x.parquet", b"PAR1" + b"\0" * 8),
    ("x.parquet", b"PAR1" + b"\xff\0\0\0" + b"PAR1"),
    ("x.safetensors", b""),
    ("x.safetensors", b"\0" * 8),
    ("x.safetensors", struct.pack("<Q", 1 << 62) + b"{}"),
    ("x.safetensors", struct.pack("<Q", 2) + b"[]"),
    ("x.safetensors", _tensors({}, b"hidden")),
    ("x.safetensors", _tensors({"w": _tensor(0, 3)}, b"abc" + pickle.dumps(Evil()))),
    ("x.safetensors", _tensors({"w": _tensor(0, 9)}, b"abc")),
    ("x.safetensors", _tensors({"w": _tensor(-3, 0)}, b"abc")),
    ("x.safetensors", _tensors({"w": _tensor(0, 2), "v": _tensor(1, 3)}, b"abc")),
    ("x.safetensors", _tensors({"w": _tensor(0, 3, code="x")}, b"abc")),
    ("x.safetensors", _tensors({"w": _tensor(0.0, 3)}, b"abc")),
    ("x.safetensors", _tensors({"w": _tensor(False, 3)}, b"abc")),
    ("x.safetensors", _tensors({"w": [0, 3]}, b"abc")),
    ("x.safetensors", _tensors({"__metadata__": {"a": 1}, "w": _tensor(0, 3)}, b"abc")),
    ("model.safetensors.index.json", b'{"weight_map": {"w": "../../model.safetensors"}}'),
    ("model.safetensors.index.json", b'{"weight_map": {"w": "pytorch_model.bin"}}'),
    ("model.safetensors.index.json", b'{"weight_map": {"w": "config.json"}}'),
    ("model.safetensors.index.json", b'{"weight_map": {"w": 1}}'),
    ("model.safetensors.index.json", b'{"weight_map": ["w"]}'),
]


@pytest.mark.parametrize("name", GOOD)
def test_a_file_that_is_what_its_name_says_is_let_in(tmp_path: Path, name: str) -> None:
    (tmp_path / "object").write_bytes(GOOD[name])
    check_file(name, tmp_path / "object")


@pytest.mark.parametrize(("name", "content"), DISGUISED, ids=[f"{i}-{name}" for i, (name, _) in enumerate(DISGUISED)])
def test_a_file_that_is_something_else_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "object").write_bytes(content)
    with pytest.raises(BadInput, match=r"^refused: .{1,300}$"):
        check_file(name, tmp_path / "object")
    assert not (tmp_path / "unpickled").exists()


def test_a_header_as_long_as_a_pickle_begins_is_no_pickle(tmp_path: Path) -> None:
    """0x0280 bytes of header, little-endian, are the first two bytes of a pickle of protocol 2."""
    header = json.dumps({"w": _tensor(0, 3)}).encode().ljust(0x0280)
    (tmp_path / "object").write_bytes(struct.pack("<Q", len(header)) + header + b"abc")
    assert (tmp_path / "object").read_bytes()[:2] == b"\x80\x02"
    check_file("x.safetensors", tmp_path / "object")


def test_json_too_large_to_be_parsed_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "object").open("wb") as file:
        file.truncate(JSON_BYTES + 1)
    with pytest.raises(BadInput, match=rf"{JSON_BYTES + 1} bytes, more than {JSON_BYTES}"):
        check_file("x.json", tmp_path / "object")


def test_a_packed_note_that_unpacks_without_end_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(gzip.compress(bytes(64 << 20), 9))
    check_file("x.jsonl.gz", tmp_path / "object")


def record_of(store: Store) -> tuple[dict[str, Any], str, str]:
    key, artifact = next(
        (key, artifact)
        for key, artifact in store.records.names()
        if (found := store.records.get(key, artifact)) and "notes" in found.provenance
    )
    return json.loads(store.records.path(key, artifact).read_bytes()), key, artifact


DEEP = b'{"format":1,"action":{"stage":"x","parameters":%s},"artifact":"%s","provenance":{}}'


def test_a_record_of_another_key_artifact_or_form_is_refused(tmp_path: Path) -> None:
    record, key, artifact = record_of(small_store(tmp_path / "store"))
    check_record(canonical_json(record), key, artifact)
    noted = record["provenance"]
    wrong: list[Any] = [
        {**record, "format": 2},
        {**record, "artifact": B},
        {**record, "more": 1},
        {**record, "action": {**record["action"], "version": 2}},
        {**record, "action": []},
        {**record, "provenance": []},
        {**record, "provenance": {**noted, "recorded": 7}},
        {**record, "provenance": {**noted, "seconds": "1"}},
        {**record, "provenance": {**noted, "packages": []}},
        {**record, "provenance": {**noted, "notes": []}},
        {**record, "provenance": {**noted, "notes": {"../x.json": A}}},
        {**record, "provenance": {**noted, "notes": {"x.pkl": A}}},
        {**record, "provenance": {**noted, "notes": {"x.json": "../../etc"}}},
        [],
        None,
    ]
    for one in wrong:
        with pytest.raises(BadInput, match=r"^refused: "):
            check_record(canonical_json(one), key, artifact)
    raws = [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        DEEP % (b"[" * 200 + b"]" * 200, artifact.encode()),
        canonical_json(record).replace(b"0.5", b"NaN"),
        canonical_json(record).replace(b"0.5", b"1e999"),
        canonical_json(record).replace(b'"0.1.0"', b'"\\ud800"'),
        canonical_json(record).ljust(META_BYTES + 1),
    ]
    for raw in raws:
        with pytest.raises(BadInput, match=r"^refused: "):
            check_record(raw, key, artifact)
    with pytest.raises(BadInput):
        check_record(canonical_json(record), sha256(b"another"), artifact)


def test_a_run_of_another_id_or_form_is_refused(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    raw = (store.runs.root / "small-a.json").read_bytes()
    run = unsealed(raw)
    check_run(raw, "small-a")

    def without(name: str) -> dict[str, Any]:
        return {field: value for field, value in run.items() if field != name}

    check_run(canonical_json(without("redone")), "small-a")
    wrong: list[Any] = [
        {**run, "format": 2},
        {**run, "id": "small-b"},
        {**run, "id": 7},
        {**run, "more": 1},
        {**run, "seed": "0"},
        {**run, "settings": []},
        {**run, "status": "evil"},
        {**run, "redo": [1]},
        {**run, "reason": 1},
        {**run, "pins": {"train:1": {"key": A}}},
        {**run, "pins": {"train:1": {"key": A, "artifact": "../x"}}},
        {**run, "pins": {"train:1": {"key": A, "artifact": B, "code": "x"}}},
        {**run, "pins": {"": {"key": A, "artifact": B}}},
        without("pins"),
        without("recipe"),
        [],
    ]
    for one in wrong:
        with pytest.raises(BadInput, match=r"^refused: "):
            check_run(canonical_json(one), "small-a")
    for name in ("../x", "", ".hidden", "a/b", "x" * 251, "a\n"):
        with pytest.raises(BadInput, match=r"^refused: "):
            check_run(canonical_json({**run, "id": name}), name)


def test_what_is_asked_of_a_run_is_what_a_run_has() -> None:
    optional = {f.name for f in fields(Run) if f.default is not MISSING or f.default_factory is not MISSING} - {"pins"}
    assert set(RUN_MAY_HAVE) == optional
    assert set(RUN_HAS) == {f.name for f in fields(Run)} - optional


def test_a_table_that_claims_more_rows_than_its_bytes_can_hold_is_refused() -> None:
    check_manifest(table(rows=1 << 24))
    with pytest.raises(BadInput, match=r"^refused: the table 't' of a manifest claims 20,000,000 rows with 20,000,000 cells"):
        check_manifest(table(rows=20_000_000))
    with pytest.raises(BadInput, match=r"claims 5,000,000 rows with 20,000,000 cells"):
        check_manifest(table(rows=5_000_000, columns=dict.fromkeys(["id", "a", "b", "c"], "int")))
