"""Checkout of artifacts as ordinary files outside the store.

Every file is a copy, hashed after it was written, never a link into the store, because users may change it. File systems
that can share blocks do so until then. A checkout is complete or leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.artifacts import Artifact
from sirev.store.copying import copy_file
from sirev.store.objects import MEND, DamagedObject, Objects
from sirev.store.store import Store
from sirev.store.tables import from_parquet, rows_digest, to_parquet
from sirev.store.untrusted_files import open_regular

NOTES = "notes"
"""Subfolder for the notes of an artifact's record."""


def hand_out(store: Store, artifact: Artifact, to: Path, notes: Mapping[str, str] | None = None) -> dict[str, int]:
    """Write an artifact's files into the new or empty folder `to`; returns name -> size in bytes, sorted by name.

    Files keep their names. A table becomes one Parquet file, NAME.parquet, in the table's order; its stored parts are left
    out. `notes` (name -> digest, as in a record) go to notes/. Every copy is hashed, and the rows of tables too. Raises
    BadInput for a target that can't be written or a hollow artifact, and DamagedObject for files that differ from the
    manifest; `to` is then as it was before.
    """
    refuse_hollow(store, artifact)
    with _filled(store, to) as folder:
        try:
            for name, entry in artifact.manifest["files"].items():
                _copy(store.objects, entry["sha256"], entry["size"], folder / name)
            for name in artifact.manifest["tables"]:
                _one_file(folder, artifact, name)
            for name, digest in (notes or {}).items():
                _copy(store.objects, digest, None, folder / NOTES / _plain(name))
        except OSError as error:
            raise BadInput(f"{to} can't be written: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedObject(f"artifact {artifact.digest[:12]} has a manifest that can't be true: {_line(error)}") from None
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}


def refuse_hollow(store: Store, artifact: Artifact, otherwise: str = "") -> None:
    """Raise BadInput, with the remedy, for a hollow artifact; `otherwise` ends the message."""
    if store.is_hollow(artifact.digest):
        raise BadInput(
            f"the files of artifact {artifact.digest[:12]} were given up to save space; "
            f"restore them from a shared store: sirev store pull URL RUN{otherwise}"
        )


@contextlib.contextmanager
def _filled(store: Store, to: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `to` at the end. On an error it is deleted, as are the parents made for it."""
    to = Path(os.path.abspath(to))
    if Path(os.path.realpath(to)).is_relative_to(os.path.realpath(store.path)):
        raise BadInput(f"{to} lies inside the store; name a folder elsewhere")
    there = os.path.lexists(to)
    try:
        if there and (not to.is_dir() or any(to.iterdir())):
            raise BadInput(f"{to} is not an empty folder; name one that is new or empty")
        missing = [parent for parent in to.parents if not parent.exists()]
        # An existing folder is kept, since it may be somebody's working directory: the files are put together inside it.
        folder = (to if there else to.parent) / f".sirev-{secrets.token_hex(8)}"
        folder.mkdir(parents=True)
    except OSError as error:
        raise BadInput(f"{to} can't be written: {error.strerror or error}") from None
    moved: list[Path] = []
    try:
        yield folder
        try:
            if not there:
                os.rename(folder, to)
                return
            for path in list(folder.iterdir()):
                moved.append(to / path.name)
                os.rename(path, moved[-1])
            folder.rmdir()
        except OSError as error:
            raise BadInput(f"{to} can't be written: {error.strerror or error}") from None
    except BaseException:  # Ctrl-C too
        for path in (folder, *moved):
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.unlink()
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _copy(objects: Objects, digest: str, size: int | None, target: Path) -> None:
    """Copy an object to a new file; DamagedObject unless the copy has this digest and, if given, this size in bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = open_regular(objects.path(digest))
    except OSError as error:
        raise DamagedObject(f"object {digest[:12]} can't be read from {objects.root}: {error.strerror}; {MEND}") from None
    with open(fd, "rb", buffering=0) as source:
        found, length = copy_file(source, target, durable=False)
    if found != digest or length != (length if size is None else size):
        raise DamagedObject(f"object {digest[:12]} in {objects.root} is damaged; {MEND}")


def _one_file(folder: Path, artifact: Artifact, name: str) -> None:
    """Replace the parts of a table in `folder` with one file, with its rows checked and in order."""
    table = artifact.manifest["tables"][name]
    if not set(table["parts"]) <= artifact.manifest["files"].keys():
        raise ValueError(f"a part of table {name} is not a file of it")
    parts = [folder / part for part in table["parts"]]
    target = folder / f"{_plain(name)}.parquet"
    try:
        rows = from_parquet(parts, [], table.get("rows"))
        ordered = sorted(rows, key=lambda row: tuple(row[column] for column in table["order_by"]))
        # A manifest's JSON sorts the column names. Their order is that of the rows, which an empty table does not have.
        columns = {column: table["columns"][column] for column in (rows[0] if rows else table["columns"])}
        right = rows_digest(columns, ordered) == table["rows_sha256"]
    except MemoryError:
        raise
    except Exception as error:  # pyarrow raises many kinds of errors for bytes that are not Parquet
        raise DamagedObject(f"table {name} of artifact {artifact.digest[:12]} can't be read: {_line(error)}") from None
    if not right:
        raise DamagedObject(f"table {name} of artifact {artifact.digest[:12]} has other rows than its manifest says")
    if parts == [target] and rows == ordered:
        return
    for part in parts:
        part.unlink()
    for emptied in sorted({parent for part in parts for parent in part.parents if parent.is_relative_to(folder)}, reverse=True):
        if emptied != folder and not any(emptied.iterdir()):
            emptied.rmdir()
    with target.open("xb") as file:
        file.write(to_parquet(columns, ordered))


def _plain(name: str) -> str:
    # As for files: a name from another store must not lead out of the folder.
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"unsafe name {name!r}")
    return name


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
