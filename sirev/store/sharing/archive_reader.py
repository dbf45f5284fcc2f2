"""Receiving an archive: every file is read once, into a folder of its own, and checked; nothing of it is in a store yet."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.store.digests import canonical_json
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.sharing import archive_index, tarball, untrusted
from sirev.store.sharing.archive_index import INDEX, INDEX_BYTES, Member
from sirev.store.store import STORE_FORMAT, parse_marker

RATIO, SLACK = 200, 64 << 20
"""How much may come out of a file: so many times its bytes, and so many bytes besides. Of stores about twice as much does."""


@dataclass
class Arrival:
    """What has come of an archive so far.

    `files`: where each member's bytes lie. `pins`: key and artifact of every step of its runs. `manifests`: by digest.
    `hollow`: artifacts whose files are left out. `notes`: digest -> names of the notes that its records mention.
    """

    files: dict[Member, Path] = field(default_factory=dict)
    pins: set[tuple[str, str]] = field(default_factory=set)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    hollow: set[str] = field(default_factory=set)
    notes: dict[str, set[str]] = field(default_factory=dict)

    @property
    def artifacts(self) -> set[str]:
        """Manifest digests of all that the runs pin."""
        return {artifact for _, artifact in self.pins}

    def of(self, kind: str) -> list[Member]:
        """The members of a kind, in their order."""
        return [member for member in self.files if member.kind == kind]


def receive(file: Path, folder: Path) -> Arrival:
    """Read an archive into `folder`; BadInput for the first thing that is not as it must be.

    It must hold its runs and all that they stand on, nothing besides, each file with the bytes that it is named by.
    """
    with tarball.reading(file) as archive:
        index = archive.first(INDEX, INDEX_BYTES)
        members = archive_index.from_json(index)
        _check_room(archive_index.total(index, members), file.stat().st_size, folder)
        arrival = Arrival()

        def received(member: Member) -> Path:
            path = arrival.files[member] = folder / str(len(arrival.files))
            _copy(archive, member, path)
            return path

        for member in (one for one in members if one.kind != "object"):
            _check_small(member, received(member).read_bytes(), arrival)
        _check_pins(arrival)
        objects = [member for member in members if member.kind == "object"]
        artifacts = arrival.artifacts
        manifests = [member for member in objects if member.sha256 in artifacts]
        for member in manifests:  # which come first
            _check_manifest(member, received(member).read_bytes(), arrival)
        names = _check_listed(arrival, objects)
        for member in objects[len(manifests) :]:
            received(member)
        archive.end()
        for member in objects:
            for name in sorted(names.get(member.sha256, ())):
                untrusted.check_file(name, arrival.files[member])
    return arrival


def _copy(archive: tarball.Reader, member: Member, path: Path) -> None:
    digest = hashlib.sha256()
    pieces = archive.member(member.name, member.size)
    try:
        with path.open("xb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
    except OSError as error:
        raise BadInput(f"can't be unpacked: {path.parent}: {error.strerror or error}") from None
    if digest.hexdigest() != member.sha256:
        raise BadInput(f"{member.name} is damaged: it has other bytes than are listed")


def _check_room(total: int, packed: int, folder: Path) -> None:
    if total > RATIO * packed + SLACK:
        raise BadInput(f"refused: {packed} bytes that would unpack to {total}, which no store does")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise BadInput(f"unpacked it has {total} bytes, and {folder.parent} has {free} left")


def _check_small(member: Member, raw: bytes, arrival: Arrival) -> None:
    if member.kind == "marker":
        try:
            version, _ = parse_marker(raw)
        except ValueError:
            raise BadInput(f"refused: its {member.name} is no marker of a store") from None
        if version > STORE_FORMAT:
            raise BadInput(f"it is of a store of format {version}; this sirev reads up to {STORE_FORMAT}: upgrade sirev")
    elif member.kind == "run":
        untrusted.check_run(raw, member.stem)
        arrival.pins |= {(pin["key"], pin["artifact"]) for pin in untrusted.parse(raw, member.name)["pins"].values()}
    elif member.kind == "record":
        untrusted.check_record(raw, member.key, member.stem)
        for name, digest in untrusted.parse(raw, member.name)["provenance"].get("notes", {}).items():
            arrival.notes.setdefault(digest, set()).add(name)
    else:
        if raw != canonical_json({"format": HOLLOW_FORMAT, "artifact": member.stem}):
            raise BadInput(f"refused: {member.name} does not say what its name does")
        arrival.hollow.add(member.stem)


def _check_pins(arrival: Arrival) -> None:
    records = {(member.key, member.stem) for member in arrival.of("record")}
    if not arrival.of("run"):
        raise BadInput("it holds no run")
    if lacking := sorted(arrival.pins - records):
        raise BadInput(
            f"it lacks the record of key {lacking[0][0][:12]} and artifact {lacking[0][1][:12]}, which a run of it pins"
        )
    if records - arrival.pins or arrival.hollow - arrival.artifacts:
        raise BadInput("refused: it holds records, or marks, that none of its runs stands on")


def _check_manifest(member: Member, raw: bytes, arrival: Arrival) -> None:
    manifest = untrusted.parse(raw, f"the manifest {member.sha256[:12]}")
    untrusted.check_manifest(manifest)
    arrival.manifests[member.sha256] = manifest


def _check_listed(arrival: Arrival, objects: list[Member]) -> dict[str, set[str]]:
    """Under which names the objects go that are files and notes; BadInput unless these, and the manifests, are all there are."""
    names = {digest: set(called) for digest, called in arrival.notes.items()}
    sizes = {member.sha256: member.size for member in objects}
    for artifact, manifest in arrival.manifests.items():
        for name, entry in manifest["files"].items() if artifact not in arrival.hollow else ():
            digest = entry["sha256"]
            names.setdefault(digest, set()).add(name)
            if sizes.get(digest, entry["size"]) != entry["size"]:
                raise BadInput(f"{name} of artifact {artifact[:12]} is listed with {sizes[digest]} bytes, not {entry['size']}")
    wanted = {*names, *arrival.artifacts}
    if lacking := sorted(wanted - set(sizes)):
        raise BadInput(f"it lacks object {lacking[0][:12]}, which its runs stand on")
    if besides := sorted(set(sizes) - wanted):
        raise BadInput(f"refused: it holds object {besides[0][:12]}, which none of its runs stands on")
    return names
