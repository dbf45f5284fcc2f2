"""What may come from elsewhere: which manifests, records, runs and files of somebody else's store are let in.

A digest says that bytes are those that were named, not that they are harmless. So they are looked at before anything else of
sirev, or a library that loads models, gets to see them. Nothing is unpickled or executed to find out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from sirev.errors import BadInput
from sirev.parquet import TooLarge, check_cells
from sirev.store.artifacts import MANIFEST_FORMAT
from sirev.store.digests import canonical_json, is_digest, unsealed
from sirev.store.records import RECORD_FORMAT, action_key
from sirev.store.runs import RUN_FORMAT, STATUSES, is_run_id, odd_name
from sirev.store.sharing import file_types
from sirev.store.untrusted_files import META_BYTES

_FILES = 100_000
NAME_BYTES, PART_BYTES = 1024, 255
COLUMN_TYPES = ("string", "int", "bool", "float")
ENDINGS = tuple(file_types.CHECKS)
"""How the names of a store's files end: data and text, nothing that a loader would unpickle or run."""

_PROVENANCE = {
    "recorded": str,
    "store": str,
    "started": str,
    "seconds": int | float,
    "packages": dict,
    "hardware": dict,
    "git": dict | None,
    "environment": list,
    "notes": dict,
}
RUN_HAS = {
    **dict.fromkeys(("id", "recipe", "method", "invocation"), str),
    "seed": int,
    "realisation": int,
    "settings": dict,
    "pins": dict,
}
RUN_MAY_HAVE = {"status": str, "reason": str | None, "redo": list, "redone": list}


def check_manifest(manifest: Any) -> None:
    """BadInput unless it is a manifest as sirev writes them, with safe names, of files that can't run code."""
    _form(manifest, "a manifest", MANIFEST_FORMAT, {"files": dict, "tables": dict})
    if max(len(manifest["files"]), len(manifest["tables"])) > _FILES:
        _refuse(f"a manifest of more than {_FILES} files")
    sizes: dict[str, int] = {}
    for name, entry in manifest["files"].items():
        check_name(name)
        _fields(entry, f"the file {name!r} of a manifest", {"sha256": str, "size": int})
        digest, size = entry["sha256"], entry["size"]
        if not is_digest(digest) or not is_size(size) or sizes.setdefault(digest, size) != size:
            _refuse(f"the file {name!r} of a manifest has no proper digest and size")
    parts: set[str] = set()
    for name, table in manifest["tables"].items():
        _check_table(name, table, manifest["files"])
        parts.update(table["parts"])
    _check_apart(manifest["files"], parts)


def check_name(name: Any) -> None:
    """BadInput unless it is the relative path, written with "/", of a file that holds data or text."""
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
    """BadInput unless the file holds what its name says; reads as much of it as that takes."""
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
    """BadInput unless it is the record of this key and artifact, of a form that all of sirev can read."""
    what = f"the record of key {key[:12]}"
    record = opened(raw, what)
    _form(record, what, RECORD_FORMAT, {"action": dict, "artifact": str, "provenance": dict})
    if record["artifact"] != artifact or not is_digest(artifact) or action_key(record["action"]) != key:
        _refuse(f"{what} is of another action or artifact")
    action = record["action"]
    if not isinstance(action.get("stage"), str) or type(action.get("version", 1)) is not int:
        _refuse(f"{what} names no stage, or an odd version")
    if not all(isinstance(action.get(name, {}), dict) for name in ("parameters", "inputs")):
        _refuse(f"{what} has odd parameters or inputs")
    for name, kind in _PROVENANCE.items():
        value = record["provenance"].get(name)
        if name in record["provenance"] and (not isinstance(value, kind) or isinstance(value, bool)):
            _refuse(f"{what} has an odd {name!r}: {value!r}"[:200])
    for name, digest in record["provenance"].get("notes", {}).items():
        check_name(name)
        if not is_digest(digest):
            _refuse(f"{what} has a note {name!r} without a digest")


def check_run(raw: bytes, run_id: str) -> None:
    """BadInput unless it is the run of this id, of a form that all of sirev can read."""
    what = f"the run {run_id[:80]!r}"
    run = opened(raw, what)
    _form(run, what, RUN_FORMAT, RUN_HAS, RUN_MAY_HAVE)
    if run["id"] != run_id or not is_run_id(run_id):
        _refuse(f"{what} calls itself {run['id'][:80]!r}")
    settings = run["settings"]
    if not isinstance(settings.get("env", ""), str) or not isinstance(settings.get("evaluation", {}), dict):
        _refuse(f"{what} has odd settings")
    redo = run.get("redo", []) + run.get("redone", [])
    if run.get("status", "running") not in STATUSES or not all(isinstance(one, str) for one in redo):
        _refuse(f"{what} has an odd status or redo")
    if odd := odd_name(run):
        _refuse(f"{what}: {odd} is no name that sirev gives")
    for step, pin in run["pins"].items():
        _fields(pin, f"{what}, step {step[:80]!r}", {"key": str, "artifact": str})
        if not step or not is_digest(pin["key"]) or not is_digest(pin["artifact"]):
            _refuse(f"{what} pins no proper key and artifact for step {step[:80]!r}")


def parse(raw: bytes, what: str) -> Any:
    """The JSON value of a manifest, a record or a run; BadInput if it is none, or one to choke on."""
    if len(raw) > META_BYTES:
        _refuse(f"{what} has {len(raw)} bytes, more than {META_BYTES}")
    try:
        value = file_types.parse_json(raw)
        canonical_json(value)  # NaN, and halves of a surrogate pair, can be read but neither hashed nor printed
    except (file_types.NotWhatItSays, ValueError, RecursionError) as error:
        _refuse(f"{what} is no proper JSON: {error}")
    return value


def opened(raw: bytes, what: str) -> Any:
    """As `parse`, of what may have a sum, which must fit."""
    value = parse(raw, what)
    try:
        return unsealed(raw) if isinstance(value, dict) else value
    except ValueError as error:
        _refuse(f"{what} is damaged: {error}")


def is_size(value: Any) -> bool:
    """Whether it is a number of bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _check_table(name: str, table: Any, files: dict[str, Any]) -> None:
    what = f"the table {name[:80]!r} of a manifest"
    _fields(table, what, {"columns": dict, "order_by": list, "parts": list, "rows": int, "rows_sha256": str})
    columns, parts = table["columns"], table["parts"]
    if not all(kind in COLUMN_TYPES for kind in columns.values()):
        _refuse(f"{what} has a column that is none of {', '.join(COLUMN_TYPES)}")
    if not all(isinstance(one, str) and one in columns for one in table["order_by"]):
        _refuse(f"{what} is ordered by a column that it has not")
    if not all(isinstance(one, str) and one in files and one.endswith(".parquet") for one in parts) or len({*parts}) != len(
        parts
    ):
        _refuse(f"{what} has a part that is no Parquet file of the manifest")
    if not is_size(table["rows"]) or not is_digest(table["rows_sha256"]):
        _refuse(f"{what} has no proper number and digest of rows")
    try:  # what is read later must have so many
        check_cells(table["rows"], table["rows"] * max(1, len(columns)), sum(files[one]["size"] for one in parts))
    except TooLarge as error:
        _refuse(f"{what} claims {error}")


def _check_apart(files: dict[str, Any], parts: set[str]) -> None:
    """No file may be in the way of another, also where a file system takes "A" and "a" for the same."""
    folders = {name[:at] for name in files for at, char in enumerate(name) if char == "/"}
    if both := sorted(folders.intersection(files)):
        _refuse(f"file name {both[0]!r}: it is also a folder of the manifest")
    seen: set[str] = set()
    for name in files:
        alike = unicodedata.normalize("NFC", name).casefold()
        if alike in seen and name not in parts:  # parts are called by problems' ids, which may differ by case alone
            _refuse(f"file name {name!r}: there is another that differs by case alone")
        seen.add(alike)


def _check_index(path: Path) -> None:
    """The index of weights in several files must not lead a loader to a file of another kind."""
    index = file_types.parse_json(path.read_bytes())
    shards = index.get("weight_map", {}) if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        _refuse(f"{path.name}: it is no index of weights")
    for shard in set(shards.values()):
        check_name(shard)
        if "/" in shard or not shard.endswith(".safetensors"):
            _refuse(f"file name {shard!r}: the index of a model's weights must name .safetensors files beside it")


def _form(
    value: Any, what: str, newest: int, kinds: Mapping[str, Any], may_have: Mapping[str, Any] = MappingProxyType({})
) -> None:
    version = value.get("format") if isinstance(value, dict) else None
    if not is_size(version):
        _refuse(f"{what} has no format")
    if version != newest:
        _refuse(f"{what} is of format {version}; this sirev reads {newest}: upgrade sirev")
    _fields(value, what, {"format": int, **kinds}, may_have)


def _fields(value: Any, what: str, kinds: Mapping[str, Any], may_have: Mapping[str, Any] = MappingProxyType({})) -> None:
    if not isinstance(value, dict) or not kinds.keys() <= value.keys() <= kinds.keys() | may_have.keys():
        _refuse(f"{what} should have {', '.join(kinds)} and nothing else")
    for name, found in value.items():
        if not isinstance(found, kinds.get(name) or may_have[name]) or isinstance(found, bool):
            _refuse(f"{what} has an odd {name!r}: {found!r}"[:200])


def _refuse(message: str) -> NoReturn:
    raise BadInput(f"refused: {message}")
