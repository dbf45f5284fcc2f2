"""Artifacts handed out as ordinary files, for whoever does not know the store.

What is handed out is a copy that was hashed as it lies there, never a link into the store: a user may write to it. A file
system that can shares the blocks until then. Either all of an artifact is handed out, or nothing.
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
"""The folder of what was noted beside an artifact."""


def hand_out(store: Store, artifact: Artifact, to: Path, notes: Mapping[str, str] | None = None) -> dict[str, int]:
    """Write an artifact's files into the folder `to`, which is new or empty; returns name -> bytes, sorted by name.

    Files keep their names. A table becomes one Parquet file, NAME.parquet, in the table's order, however many parts it is
    stored in, so that any reader has the rows as they are meant; the parts are left out. `notes` (name -> digest, as a record
    has them) go to notes/. Everything is hashed as it was copied, and tables by their rows too. Raises BadInput for a target
    that can't be written or an artifact whose files were given up, DamagedObject for files that are not what the manifest
    says; there is nothing at `to` then that was not there before.
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
    """BadInput, saying what to do, for an artifact whose files were given up on purpose; `otherwise` ends the line."""
    if store.is_hollow(artifact.digest):
        raise BadInput(
            f"the files of artifact {artifact.digest[:12]} were given up to save space; "
            f"restore them from a shared store: sirev store pull URL RUN{otherwise}"
        )


@contextlib.contextmanager
def _filled(store: Store, to: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `to` at the end; on an error it is gone, and so are parents made for it."""
    to = Path(os.path.abspath(to))
    if Path(os.path.realpath(to)).is_relative_to(os.path.realpath(store.path)):
        raise BadInput(f"{to} lies inside the store; name a folder elsewhere")
    there = os.path.lexists(to)
    try:
        if there and (not to.is_dir() or any(to.iterdir())):
            raise BadInput(f"{to} is not an empty folder; name one that is new or empty")
        missing = [parent for parent in to.parents if not parent.exists()]
        # A folder that is there stays the same one, since somebody may be in it: what it is to hold is put together inside.
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
    """Copy an object to a new file; DamagedObject unless what was copied is what `digest` (and `size`) say."""
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
    """Leave a table as one file in `folder`, its rows checked and in order, whatever parts it came in."""
    table = artifact.manifest["tables"][name]
    if not set(table["parts"]) <= artifact.manifest["files"].keys():
        raise ValueError(f"a part of table {name} is not a file of it")
    parts = [folder / part for part in table["parts"]]
    target = folder / f"{_plain(name)}.parquet"
    try:
        rows = from_parquet(parts, [], table.get("rows"))
        ordered = sorted(rows, key=lambda row: tuple(row[column] for column in table["order_by"]))
        # A manifest's JSON sorts the names of columns; their order is the files', and an empty table has none to tell.
        columns = {column: table["columns"][column] for column in (rows[0] if rows else table["columns"])}
        right = rows_digest(columns, ordered) == table["rows_sha256"]
    except MemoryError:
        raise
    except Exception as error:  # pyarrow says in many ways that bytes are no Parquet
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
    # As for files: a name from somebody else's store must not lead out of the folder.
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"unsafe name {name!r}")
    return name


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
