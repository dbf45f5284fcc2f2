"""Keeps: named roots of the garbage collection that no policy gives up; `sirev store pin` makes them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.digests import is_digest, sealed, unsealed
from sirev.store.objects import Objects
from sirev.store.provenance import now
from sirev.store.runs import is_run_id
from sirev.store.shared import remove_file
from sirev.store.untrusted_files import read_regular

KEEP_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,249}")


@dataclass(frozen=True)
class Keep:
    """The runs (ids) and artifacts (manifest digests) kept under `name`; `made` is the time of creation in UTC."""

    name: str
    runs: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    made: str = field(default_factory=now)


class Keeps:
    """The keeps below `root`/pins, one JSON file per keep."""

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root = root / "pins"
        self._objects = objects

    def add(self, keep: Keep) -> None:
        """Write a keep; one of the same name is replaced. BadInput for a name that is not allowed."""
        if not _NAME.fullmatch(keep.name):
            raise BadInput(f"{keep.name!r} can't name a pin: letters, digits and . _ @ + - are allowed, up to 250")
        self._objects.write(sealed({"format": KEEP_FORMAT, **asdict(keep)}), self.root / f"{keep.name}.json")

    def remove(self, name: str) -> bool:
        """Delete a keep; returns whether it existed."""
        try:
            return remove_file(self._objects.root, self.root / f"{name}.json")
        except OSError as error:
            raise BadInput(f"{self.root / name}.json can't be deleted: {error.strerror}") from None

    def all(self) -> list[Keep]:
        """All keeps, sorted by name. BadInput if one can't be read, since what it keeps is unknown."""
        return [parsed_keep(_read(path), path.stem, str(path)) for path in sorted(self.root.glob("*.json"))]


def parsed_keep(raw: bytes, name: str, where: str) -> Keep:
    """The keep in a file's bytes; BadInput, which names `where`, unless they are a sound keep of this name."""
    try:
        data = unsealed(raw)
        if data["format"] > KEEP_FORMAT:
            raise BadInput(f"{where} is of format {data['format']}, newer than this sirev reads ({KEEP_FORMAT}): upgrade sirev")
        del data["format"]
        keep = Keep(**data)
        sound = keep.name == name and _NAME.fullmatch(name) is not None and isinstance(keep.made, str)
        sound = sound and all(map(is_run_id, keep.runs)) and all(map(is_digest, keep.artifacts))
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise BadInput(f"the pin {where} is damaged; delete it, and pin again what it was to keep: sirev store pin RUN")
    return keep


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError:
        return b""
