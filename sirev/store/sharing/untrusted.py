"""Checks of untrusted manifests, records, runs and files from other stores.

A digest identifies bytes but does not make them harmless. So they are checked before any other code of sirev, or a library
that loads models, reads them. The checks unpickle and execute nothing.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any, NoReturn

from sirev.errors import BadInput
from sirev.parquet import TooLarge, check_cells
from sirev.store.artifacts import MANIFEST_FORMAT, odd_manifest
from sirev.store.digests import canonical_json, unsealed
from sirev.store.forms import is_size
from sirev.store.records import RECORD_FORMAT, odd_record
from sirev.store.runs import RUN_FORMAT, odd_run
from sirev.store.sharing import file_types
from sirev.store.untrusted_files import META_BYTES

_FILES = 100_000
NAME_BYTES, PART_BYTES = 1024, 255
ENDINGS = tuple(file_types.CHECKS)
"""Allowed endings of file names: data and text, nothing that a loader would unpickle or run."""


def check_manifest(manifest: Any) -> None:
    """Raise BadInput unless `manifest` has sirev's form and safe names, of files that can't run code."""
    _check_format(manifest, "a manifest", MANIFEST_FORMAT)
    if odd := odd_manifest(manifest):
        _refuse(odd)
    if max(len(manifest["files"]), len(manifest["tables"])) > _FILES:
        _refuse(f"a manifest of more than {_FILES} files")
    for name in manifest["files"]:
        check_name(name)
    for name, table in manifest["tables"].items():
        _check_claim(f"the table {name[:80]!r} of a manifest", table, manifest["files"])
    _check_apart(manifest["files"], {part for table in manifest["tables"].values() for part in table["parts"]})


def check_name(name: Any) -> None:
    """Raise BadInput unless `name` is the relative path, with "/", of a file with data or text."""
    shown = repr(name)[:200]
    if not isinstance(name, str) or not name or len(name.encode(errors="replace")) > NAME_BYTES:
        _refuse(f"file name {shown}: empty or too long")
    if "\\" in name or any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name):
        _refuse(f"file name {shown}: it has a backslash or control characters")
    if any(part in ("", ".", "..") or len(part.encode()) > PART_BYTES for part in name.split("/")):
        _refuse(f"file name {shown}: it leads out of its folder, or a part of it is too long")
    if not name.endswith(ENDINGS):
        _refuse(f"file name {shown}: not one of {', '.join(ENDINGS)}, which hold no code that a loader would run")


def check_file(name: str, path: Path) -> None:
    """Raise BadInput unless the file has the format of its name's ending; reads no more of it than needed."""
    check_name(name)
    ending = next(one for one in ENDINGS if name.endswith(one))
    try:
        file_types.CHECKS[ending](path)
        if name.endswith(".index.json"):
            _check_index(path)
    except OSError as error:
        _refuse(f"{name} can't be read: {error.strerror or error}")
    except file_types.NotWhatItSays as error:
        _refuse(f"{name} is not what its name says: {error}")


def check_record(raw: bytes, key: str, artifact: str) -> None:
    """Raise BadInput unless `raw` is a sound record of this key and artifact."""
    what = f"the record of key {key[:12]}"
    record = opened(raw, what)
    _check_format(record, what, RECORD_FORMAT)
    if odd := odd_record(record, key, artifact):
        _refuse(f"{what} {odd}")
    for name in record["provenance"].get("notes", {}):
        check_name(name)


def check_run(raw: bytes, run_id: str) -> None:
    """Raise BadInput unless `raw` is a sound run with this id."""
    what = f"the run {run_id[:80]!r}"
    run = opened(raw, what)
    _check_format(run, what, RUN_FORMAT)
    if odd := odd_run(run, run_id):
        _refuse(f"{what} {odd}")


def parse(raw: bytes, what: str) -> Any:
    """The JSON value of a manifest, a record or a run; BadInput if it is invalid, too large or nested too deep."""
    if len(raw) > META_BYTES:
        _refuse(f"{what} has {len(raw)} bytes, more than {META_BYTES}")
    try:
        value = file_types.parse_untrusted_json(raw)
        canonical_json(value)  # NaN and lone surrogates can be read but neither hashed nor printed
    except (file_types.NotWhatItSays, ValueError, RecursionError) as error:
        _refuse(f"{what} is not valid JSON: {error}")
    return value


def opened(raw: bytes, what: str) -> Any:
    """Like `parse`, for a value that may have a `sum`, which is removed; BadInput if it is wrong."""
    value = parse(raw, what)
    try:
        return unsealed(raw) if isinstance(value, dict) else value
    except ValueError as error:
        _refuse(f"{what} is damaged: {error}")


def _check_claim(what: str, table: dict[str, Any], files: dict[str, Any]) -> None:
    try:  # later reads insist on this number of rows
        check_cells(
            table["rows"], table["rows"] * max(1, len(table["columns"])), sum(files[part]["size"] for part in table["parts"])
        )
    except TooLarge as error:
        _refuse(f"{what} claims {error}")


def _check_apart(files: dict[str, Any], parts: set[str]) -> None:
    """Refuse files that collide with each other, also on file systems that ignore case."""
    folders = {name[:at] for name in files for at, char in enumerate(name) if char == "/"}
    if both := sorted(folders.intersection(files)):
        _refuse(f"file name {both[0]!r}: it is also a folder of the manifest")
    seen: set[str] = set()
    for name in files:
        alike = unicodedata.normalize("NFC", name).casefold()
        if alike in seen and name not in parts:  # parts are named by problem ids, which may differ by case alone
            _refuse(f"file name {name!r}: there is another that differs by case alone")
        seen.add(alike)


def _check_index(path: Path) -> None:
    """Refuse an index of weights that would lead a loader to anything but .safetensors files next to it."""
    index = file_types.parse_untrusted_json(path.read_bytes())
    shards = index.get("weight_map", {}) if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        _refuse(f"{path.name}: it is not an index of weights")
    for shard in set(shards.values()):
        check_name(shard)
        if "/" in shard or not shard.endswith(".safetensors"):
            _refuse(f"file name {shard!r}: the index of a model's weights must name .safetensors files next to it")


def _check_format(value: Any, what: str, newest: int) -> None:
    version = value.get("format") if isinstance(value, dict) else None
    if not is_size(version):
        _refuse(f"{what} has no format")
    if version != newest:
        _refuse(f"{what} is of format {version}; this sirev reads {newest}: upgrade sirev")


def _refuse(message: str) -> NoReturn:
    raise BadInput(f"refused: {message}")
