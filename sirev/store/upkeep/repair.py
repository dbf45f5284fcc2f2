"""Repair of a store: damaged files are dropped, so that they are computed or pulled again, and no others.

Links are not followed: a symbolic link in place of an object is itself dropped, never its target.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.artifacts import open_artifact
from sirev.store.digests import canonical_json
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.objects import DamagedObject, Objects
from sirev.store.records import DamagedRecord
from sirev.store.runs import parsed_run
from sirev.store.store import MARKER, Store, marker_bytes, new_id
from sirev.store.untrusted_files import read_regular
from sirev.store.upkeep.hashing import object_fault
from sirev.store.upkeep.local import local_fault
from sirev.store.upkeep.verify import marker_fault
from sirev.store.upkeep.verify_report import Damage, DamageKind, Findings

_ORDER: tuple[DamageKind, ...] = ("marker", "object", "local digest", "hollow mark", "record", "claim", "remnant", "run")
"""The order of repairs: objects before the records that need them, runs last, since they name all the others."""

MISSING = "is missing"
"""The fault of a missing marker, without which the store can still be read."""


@dataclass
class Repaired:
    """The damage that was dropped, and the damage that is left, with reasons."""

    dropped: list[Damage] = field(default_factory=list)
    left: list[tuple[Damage, str]] = field(default_factory=list)


def repair(store: Store, findings: Findings) -> Repaired:
    """Drop the damage that `verify` found. Each file is checked again just before: what was mended meanwhile stays."""
    store.check_no_links()
    told = Repaired()
    droppable = [one for one in findings.damage if one.remedy == "drop"]
    for damage in sorted(droppable, key=lambda one: _ORDER.index(one.kind)):
        try:
            if damage.kind == "marker":
                mend_marker(store.path)
                told.dropped.append(damage)
                continue
            with store.gate.alone():  # no publishing or lookup between the check and the deletion
                if STILL[damage.kind](store, damage):
                    _drop(store.path / damage.path)
                    told.dropped.append(damage)
        except FileNotFoundError:
            continue
        except OSError as error:  # a read-only store, say
            told.left.append((damage, _reason(error)))
    return told


def marker_damage(path: Path) -> str | None:
    """The fault of the marker of the store in `path`; None if it is sound or there is no store. BadInput if unreadable."""
    try:
        return marker_fault(read_regular(path / MARKER))
    except (FileNotFoundError, NotADirectoryError):
        there = any((path / folder).is_dir() for folder in ("objects", "records", "runs"))
        return MISSING if there else None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise BadInput(f"{path / MARKER} can't be read: {error.strerror}") from None
        return "is not a plain file"


def mend_marker(path: Path) -> str:
    """Give a store with a damaged marker a new id, which is returned. Its results then count as made elsewhere.

    The only effect: where a key has several realisations, one made under the new id is preferred.
    """
    marker = path / MARKER
    if marker.is_dir() and not marker.is_symlink():
        try:
            marker.rmdir()
        except OSError as error:
            raise BadInput(f"{marker} is a folder, which can't be removed: {error.strerror}; move it away") from None
    name = new_id()
    Objects(path).write(marker_bytes(name), marker)
    return name


def _object(store: Store, damage: Damage) -> bool:
    fault = object_fault(store.path / damage.path, damage.path.removeprefix("objects/").replace("/", ""))
    return fault is not None and not fault.barred


def _record(store: Store, damage: Damage) -> bool:
    path = Path(damage.path)
    try:
        store.records.get(path.parent.name, path.stem)
    except DamagedRecord:
        return True
    except BadInput:  # of a newer format, say
        pass
    return False


def _claim(store: Store, damage: Damage) -> bool:
    return True  # objects don't change: a false manifest stays false


def _remnant(store: Store, damage: Damage) -> bool:
    if Path(damage.path).stem in store.hollow:
        return False
    try:
        return not open_artifact(store.objects, Path(damage.path).stem).complete()
    except DamagedObject:
        return True


def _run(store: Store, damage: Damage) -> bool:
    path = store.path / damage.path
    try:
        parsed_run(read_regular(path), path.stem, damage.path)
    except (BadInput, OSError):
        return os.path.lexists(path)
    return False


def _hollow(store: Store, damage: Damage) -> bool:
    name = Path(damage.path).stem
    with contextlib.suppress(OSError):
        return read_regular(store.path / damage.path) != canonical_json({"format": HOLLOW_FORMAT, "artifact": name})
    return True


def _local(store: Store, damage: Damage) -> bool:
    path = store.path / damage.path
    with contextlib.suppress(OSError):
        return local_fault(path.stem, read_regular(path)) is not None
    return True


STILL: dict[DamageKind, Callable[[Store, Damage], bool]] = {
    "object": _object,
    "record": _record,
    "claim": _claim,
    "remnant": _remnant,
    "run": _run,
    "hollow mark": _hollow,
    "local digest": _local,
}
"""Checks whether damage is still there, by kind."""


def _drop(path: Path) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        path.rmdir()  # fails for a folder that is not empty, which may be the user's
    else:
        path.unlink()


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        return "not dropped: the folder in its place has files in it: move it away"
    return f"can't be dropped: {error.strerror or error}"
