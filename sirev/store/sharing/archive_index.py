"""The index at the beginning of an archive, `archive.json`: names, order, sizes and digests of the other files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.store.digests import canonical_json, is_digest
from sirev.store.forms import is_size
from sirev.store.sharing import file_types
from sirev.store.sharing.tarball import END, taken
from sirev.store.untrusted_files import META_BYTES

ARCHIVE_FORMAT = 1
INDEX = "archive.json"
INDEX_BYTES = 64 << 20
"""Largest size of an index in bytes: enough for 400,000 files."""
FILE_KINDS = {
    "marker": re.compile(r"sirev-store\.json"),
    "run": re.compile(r"runs/([A-Za-z0-9][A-Za-z0-9_.@-]{0,249})\.json"),
    "record": re.compile(r"records/([0-9a-f]{2})/(\1[0-9a-f]{62})/([0-9a-f]{64})\.json"),
    "hollow": re.compile(r"hollow/([0-9a-f]{64})\.json"),
    "object": re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})"),
}
"""Kind of a member -> pattern of its name, in the order of the kinds in an archive."""


@dataclass(frozen=True)
class Member:
    """A file of an archive: its name there and in a store, size in bytes, and sha256."""

    name: str
    size: int
    sha256: str

    @property
    def kind(self) -> str:
        """The kind, of FILE_KINDS; BadInput if the name fits none."""
        for kind, pattern in FILE_KINDS.items():
            if pattern.fullmatch(self.name):
                return kind
        raise BadInput(f"it lists {self.name[:200]!r}, which is not a file of a store")

    @property
    def stem(self) -> str:
        """The last part of the name without its ending: a run's id, or a digest."""
        return self.name.rpartition("/")[2].removesuffix(".json")

    @property
    def key(self) -> str:
        """The key of a record; only for members of that kind."""
        return self.name.split("/")[2]


def in_order(members: Iterable[Member]) -> list[Member]:
    """Sort members: marker, runs, records, hollow marks, manifests, all other objects; by name within each.

    So a reader knows the role of every object before reading it.
    """
    found = list(members)
    manifests = {member.stem for member in found if member.kind == "record"}
    places = {kind: place for place, kind in enumerate(FILE_KINDS)}
    return sorted(found, key=lambda one: (places[one.kind], one.kind == "object" and one.sha256 not in manifests, one.name))


def of_kind(kind: str, members: Iterable[Member]) -> list[Member]:
    """The members of a kind, in their order."""
    return [member for member in members if member.kind == kind]


def to_json(members: Collection[Member]) -> bytes:
    """The index of an archive of these members."""
    return canonical_json({"format": ARCHIVE_FORMAT, "members": [[one.name, one.size, one.sha256] for one in members]})


def from_json(raw: bytes) -> list[Member]:
    """The members listed in an index; BadInput if it is not an index, or lists something that is not allowed."""
    try:
        index = file_types.parse_untrusted_json(raw)
    except file_types.NotWhatItSays as error:
        raise BadInput(f"its {INDEX} is {error}") from None
    version = index.get("format") if isinstance(index, dict) else None
    if not is_size(version):
        raise BadInput(f"its {INDEX} is not the index of an archive")
    if version != ARCHIVE_FORMAT:
        raise BadInput(f"it has format {version}; this sirev reads {ARCHIVE_FORMAT}: upgrade sirev")
    if set(index) != {"format", "members"} or not isinstance(index["members"], list):
        raise BadInput(f"its {INDEX} should have format and members, and nothing else")
    members = [_member(one) for one in index["members"]]
    if len({member.name for member in members}) != len(members):
        raise BadInput("it lists a file twice")
    if members[:1] != [one for one in members if one.kind == "marker"] or members != in_order(members):
        raise BadInput("its files are not in their order, the store's marker first")
    return members


def total(raw_index: bytes, members: Iterable[Member]) -> int:
    """Size of the whole uncompressed tar in bytes."""
    return taken(INDEX, len(raw_index)) + sum(taken(one.name, one.size) for one in members) + len(END)


def _member(listed: Any) -> Member:
    if not (isinstance(listed, list) and len(listed) == 3 and isinstance(listed[0], str)):
        raise BadInput(f"its {INDEX} lists something other than [name, size, sha256]")
    member = Member(*listed)
    if not is_size(member.size) or not is_digest(member.sha256):
        raise BadInput(f"it lists {member.name[:200]!r} without a valid size and digest")
    if member.kind == "object":
        if member.name != f"objects/{member.sha256[:2]}/{member.sha256[2:]}":
            raise BadInput(f"it lists {member.name} with another digest than its name")
    elif member.size > META_BYTES:
        raise BadInput(f"it lists {member.name} with {member.size} bytes, more than {META_BYTES}")
    return member
