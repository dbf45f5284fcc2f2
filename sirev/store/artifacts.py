"""Artifacts: small trees of files described by a manifest, which is itself an object.

The digest of the manifest names the artifact. The `semantic` digest covers the content (rows for tables, bytes for
all other files). The keys of later actions contain semantic digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.inputs import parse_json
from sirev.parquet import TooLarge
from sirev.store.digests import canonical_json, is_digest, sha256
from sirev.store.forms import is_size, odd_fields
from sirev.store.objects import MEND, DamagedObject, Objects, refuse_barred
from sirev.store.tables import COLUMN_TYPES, Table, TableRow, check_readable, from_parquet, rows_digest, to_parquet
from sirev.store.untrusted_files import read_regular

MANIFEST_FORMAT = 1
_JSON_BYTES = 256 << 20
"""Largest size of a stage's JSON file in bytes; the one of `measure` has a few hundred bytes per problem."""


@dataclass(frozen=True)
class TableParts:
    """A table whose parts are files of other artifacts, not copied. `parts`: path -> (digest, size in bytes)."""

    table: Table
    parts: Mapping[str, tuple[str, int]]


@dataclass
class Output:
    """The output of a stage: files by relative path, tables by name, and provenance for the record.

    `notes` are files outside the artifact and its digests, since they differ between equal runs. The record lists their
    names and digests.
    """

    files: dict[str, bytes | Path] = field(default_factory=dict)
    tables: dict[str, Table | TableParts] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """An artifact in a store. `digest` is the digest of its manifest. The bytes of a file are checked when it is opened."""

    digest: str
    manifest: dict[str, Any]
    objects: Objects

    @cached_property
    def semantic(self) -> str:
        """Digest of the content: equal for equal rows and bytes, whatever the encoding of the tables."""
        parts = {path for table in self.manifest["tables"].values() for path in table["parts"]}
        files = {path: entry["sha256"] for path, entry in self.manifest["files"].items() if path not in parts}
        tables = {name: table["rows_sha256"] for name, table in self.manifest["tables"].items()}
        return sha256(canonical_json({"files": files, "tables": tables}))

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum(entry["size"] for entry in self.manifest["files"].values())

    def complete(self) -> bool:
        """Whether every file exists with the size in the manifest; bytes are checked when a file is opened."""
        return all(self.objects.present(e["sha256"], e["size"]) for e in self.manifest["files"].values())

    def path(self, name: str) -> Path:
        """Path of the file `name`, after a check of its bytes; DamagedObject if they are wrong."""
        return self.objects.checked(self.manifest["files"][name]["sha256"])

    def json(self, name: str) -> Any:
        """The parsed JSON file `name`; DamagedObject if it is not valid JSON, BadInput if it can't be read."""
        try:
            return parse_json(read_regular(self.path(name), _JSON_BYTES))
        except OSError as error:
            raise BadInput(f"artifact {self.digest[:12]}: {name} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise DamagedObject(f"artifact {self.digest[:12]}: {name} is not JSON that sirev wrote: {error}; {MEND}") from None

    def rows(self, table: str) -> list[TableRow]:
        """The rows of a table, in its order; DamagedObject if they can't be read as the manifest says, BadInput if too large."""
        entry = self.manifest["tables"][table]
        paths = [self.path(part) for part in entry["parts"]]
        try:
            return from_parquet(paths, entry["order_by"], entry.get("rows"))
        except TooLarge as error:
            raise BadInput(f"artifact {self.digest[:12]}: the table {table!r} is too large to be read: {error}") from None
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            NotImplementedError,
        ) as error:  # pyarrow's errors are subclasses of these
            told = " ".join(str(error).split()) or type(error).__name__
            raise DamagedObject(f"artifact {self.digest[:12]}: the table {table!r} can't be read: {told}; {MEND}") from None

    def link_into(self, folder: Path) -> Path:
        """Fill `folder` with symbolic links to the checked, read-only objects of the artifact; returns `folder`."""
        for name in self.manifest["files"]:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(self.path(name).resolve())
        return folder


def write_artifact(objects: Objects, output: Output) -> Artifact:
    """Store every file of `output`, then the manifest. BadInput for a table too large to be read again."""
    files: dict[str, dict[str, Any]] = {}
    tables: dict[str, dict[str, Any]] = {}
    for name, source in output.files.items():
        files[_safe(name)] = _entry(*objects.add(source))
    for name, table in output.tables.items():
        rows_of = table.table if isinstance(table, TableParts) else table
        ordered = rows_of.ordered()
        if isinstance(table, TableParts):
            _check_readable(name, rows_of, sum(size for _, size in table.parts.values()))
            parts = {_safe(path): _entry(*where) for path, where in table.parts.items()}
        else:
            packed = to_parquet(table.columns, ordered)
            _check_readable(name, rows_of, len(packed))
            parts = {f"{name}.parquet": _entry(*objects.add(packed))}
        files.update(parts)
        tables[name] = {
            "columns": rows_of.columns,
            "order_by": list(rows_of.order_by),
            "parts": sorted(parts),
            "rows": len(ordered),
            "rows_sha256": rows_digest(rows_of.columns, ordered),
        }
    manifest = {"format": MANIFEST_FORMAT, "files": files, "tables": tables}
    digest, _ = objects.add(canonical_json(manifest))
    return Artifact(digest, manifest, objects)


def _check_readable(name: str, table: Table, size: int) -> None:
    try:
        check_readable(table.columns, table.rows, size)
    except TooLarge as error:
        raise BadInput(f"the table {name!r} would be too large to be read again: {error}; make fewer rows") from None


def open_artifact(objects: Objects, digest: str) -> Artifact:
    """The artifact with this manifest digest; DamagedObject if the manifest is missing, damaged or not sirev's.

    BadInput if it can't be read or has a newer format.
    """
    try:
        raw = read_regular(objects.path(digest))
    except OSError as error:
        refuse_barred(objects.path(digest), error)
        raise DamagedObject(f"artifact {digest[:12]} is missing from {objects.root}") from error
    if sha256(raw) != digest:
        raise DamagedObject(f"the manifest {digest[:12]} in {objects.root} is damaged")
    try:
        manifest = parse_json(raw)
    except ValueError:
        manifest = None
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version > MANIFEST_FORMAT and "files" in manifest:
        told = f"artifact {digest[:12]} has a manifest of format {version}"
        raise BadInput(f"{told}; this sirev reads up to {MANIFEST_FORMAT}: upgrade sirev")
    if version != MANIFEST_FORMAT:
        raise DamagedObject(f"object {digest[:12]} in {objects.root} is not a manifest of format {MANIFEST_FORMAT}")
    if odd := odd_manifest(manifest):
        raise DamagedObject(f"object {digest[:12]} in {objects.root} is not a manifest that sirev wrote: {odd}")
    return Artifact(digest, manifest, objects)


def odd_manifest(manifest: Any) -> str | None:
    """The first fault in the form of a manifest, as text; None if it is sound. Imports check file names more strictly."""
    if odd := odd_fields(manifest, {"format": int, "files": dict, "tables": dict}):
        return f"a manifest {odd}"
    files: dict[str, Any] = manifest["files"]
    sizes: dict[str, int] = {}
    for name, entry in files.items():
        if not _is_safe(name):
            return f"file name {name!r:.200} is unsafe: it leads out of its folder"
        if odd := odd_fields(entry, {"sha256": str, "size": int}):
            return f"the file {name!r} of a manifest {odd}"
        digest, size = entry["sha256"], entry["size"]
        if not is_digest(digest) or not is_size(size) or sizes.setdefault(digest, size) != size:
            return f"the file {name!r} of a manifest has no valid digest and size"
    for name, table in manifest["tables"].items():
        if odd := _odd_table(table, files):
            return f"the table {name[:80]!r} of a manifest {odd}"
    return None


def _odd_table(table: Any, files: dict[str, Any]) -> str | None:
    kinds = {"columns": dict, "order_by": list, "parts": list, "rows": int, "rows_sha256": str}
    if odd := odd_fields(table, kinds):
        return odd
    columns, parts = table["columns"], table["parts"]
    if not all(isinstance(kind, str) and kind in COLUMN_TYPES for kind in columns.values()):
        return f"has a column that is none of {', '.join(COLUMN_TYPES)}"
    if not all(isinstance(column, str) and column in columns for column in table["order_by"]):
        return "is ordered by a column that it lacks"
    in_files = all(isinstance(part, str) and part in files and part.endswith(".parquet") for part in parts)
    if not in_files or len({*parts}) != len(parts):
        return "has a part that is not a Parquet file of the manifest"
    if not is_size(table["rows"]) or not is_digest(table["rows_sha256"]):
        return "has no valid number and digest of rows"
    return None


def _entry(digest: str, size: int) -> dict[str, Any]:
    return {"sha256": digest, "size": size}


def _is_safe(name: str) -> bool:
    # A manifest may come from another store: it must not name a file outside its own folder.
    return not any(part in ("", ".", "..") for part in name.split("/"))


def _safe(name: str) -> str:
    if not _is_safe(name):
        raise DamagedObject(f"unsafe file name in a manifest: {name!r}")
    return name
