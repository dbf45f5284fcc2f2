"""Unpacking of an archive into a separate folder: every file has the name, the place and the bytes listed in the index.

The caller checks there that the files are sound and complete, before anything enters a store.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.sharing import archive_index, tarball
from sirev.store.sharing.archive_index import INDEX, INDEX_BYTES, Member
from sirev.store.store import MARKER, STORE_FORMAT, parse_marker

RATIO, SLACK = 200, 64 << 20
"""Limit of the unpacked size: RATIO times the archive's size plus SLACK bytes. Stores unpack to about twice the size."""


def receive(file: Path, folder: Path) -> list[Member]:
    """Unpack an archive into `folder`, which then is a store; BadInput if it holds anything unlisted, or too much."""
    with tarball.reading(file) as archive:
        index = archive.first(INDEX, INDEX_BYTES)
        members = archive_index.from_json(index)
        _check_room(archive_index.total(index, members), file.stat().st_size, folder)
        for member in members:
            _copy(archive, member, folder / member.name)
        archive.end()
    _check_marker(folder / MARKER)
    if not archive_index.of_kind("run", members):
        raise BadInput("it holds no run")
    return members


def _copy(archive: tarball.Reader, member: Member, path: Path) -> None:
    digest = hashlib.sha256()
    pieces = archive.member(member.name, member.size)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
    except OSError as error:
        raise BadInput(f"can't be unpacked: {path}: {error.strerror or error}") from None
    if digest.hexdigest() != member.sha256:
        raise BadInput(f"{member.name} is damaged: it has other bytes than are listed")


def _check_room(total: int, packed: int, folder: Path) -> None:
    if total > RATIO * packed + SLACK:
        raise BadInput(f"refused: {packed} bytes that would unpack to {total}, which no store does")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise BadInput(f"unpacked it has {total} bytes, and {folder.parent} has {free} left")


def _check_marker(path: Path) -> None:
    try:
        version, _ = parse_marker(path.read_bytes())
    except ValueError:
        raise BadInput(f"refused: its {MARKER} is not the marker of a store") from None
    if version > STORE_FORMAT:
        raise BadInput(f"it is of a store of format {version}; this sirev reads up to {STORE_FORMAT}: upgrade sirev")
