"""Whether the rows of an artifact's tables are those that its manifest names.

The keys of later actions hold a table's digest of rows, not of bytes: a manifest that lies about it would lead to wrong
results without a single damaged byte.
"""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from sirev.parquet import TooLarge, read_batches
from sirev.processes.workers import spread
from sirev.store.digests import canonical_json
from sirev.store.tables import to_parquet

_SPREAD_FROM = 8 << 20
"""Bytes of Parquet from which the tables are spread over the cores: below, starting processes takes longer than it saves."""
_BATCH_BYTES = 1 << 20
LINES, LINES_BYTES = 4096, 64 << 20
"""Rows that are hashed at a time, and about the most that they have together."""


@dataclass(frozen=True)
class TableClaim:
    """What a manifest says of one table: its entry there, and the digests and sizes in bytes of its parts."""

    entry: dict[str, Any]
    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes of its Parquet."""
        return sum(size for _, size in self.parts)


class Unchecked(str):
    """Why the rows of a table can't be looked at, in words: they may be what its manifest says."""


def false_claims(objects: Path, claims: Sequence[TableClaim], on_progress: Callable[[int, int], None]) -> dict[int, str]:
    """What is wrong, or `Unchecked`, by the place of the claim among `claims`. Parts must be whole objects below `objects`.

    Equal claims are looked at once. Tells bytes done and bytes in all.
    """
    places: dict[bytes, list[int]] = {}
    for i, claim in enumerate(claims):
        places.setdefault(canonical_json([claim.entry, [digest for digest, _ in claim.parts]]), []).append(i)
    unique = [(claims[at[0]], at) for at in places.values()]
    total = sum(claim.size for claim, _ in unique)
    on_progress(0, total)
    found: dict[int, str] = {}
    done = 0
    batches = _batches([claim for claim, _ in unique])
    with _all_wrong(str(objects), batches, total) as answers:
        for (claim, at), wrong in zip(unique, answers, strict=True):
            done += claim.size
            on_progress(done, total)
            if wrong is not None:
                found.update(dict.fromkeys(at, wrong))
    return found


def _batches(claims: Sequence[TableClaim]) -> list[list[TableClaim]]:
    batches: list[list[TableClaim]] = [[]]
    held = 0
    for claim in claims:
        batches[-1].append(claim)
        held += claim.size
        if held >= _BATCH_BYTES:
            batches.append([])
            held = 0
    return [batch for batch in batches if batch]


@contextmanager
def _all_wrong(objects: str, batches: list[list[TableClaim]], total: int) -> Iterator[Iterator[str | None]]:
    """`wrong` of each claim, in order, as it is found."""
    check = partial(_wrong_of, objects)
    if total < _SPREAD_FROM:
        yield chain.from_iterable(map(check, batches))
        return
    with spread(check, batches) as answers:
        yield chain.from_iterable(answers)


def _wrong_of(objects: str, claims: list[TableClaim]) -> list[str | None]:
    return [wrong(objects, claim) for claim in claims]


PASSING = (errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOMEM)
"""Errors of the moment or of the machine."""


def wrong(objects: str, claim: TableClaim) -> str | None:
    """What the rows of a table are that its manifest does not say; None if they are what it says."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    entry = claim.entry
    try:
        wanted = _schema(tuple(sorted(entry["columns"].items())))
        paths = [
            f"{objects}/{digest[:2]}/{digest[2:]}" for digest, _ in claim.parts
        ]  # opened one at a time: there may be hundreds
        schemas = [pq.read_schema(path) for path in paths]
        # A manifest's names are sorted; rows are hashed in the order of the columns that the table was made with.
        columns: dict[str, list[Any]] = {name: [] for name in (schemas[0].names if schemas else wanted.names)}
        for schema in schemas:
            if sorted(schema.names) != sorted(wanted.names) or any(schema.field(n) != wanted.field(n) for n in wanted.names):
                return "has other columns than its manifest says"
        for batch in read_batches(paths, entry["rows"]):
            for name, values in columns.items():
                values.extend(batch[name])
        digest = _digest(entry["columns"], columns, entry["order_by"])
    except TooLarge as error:
        return Unchecked(f"has {error}")
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in PASSING:
            raise  # it says nothing about the rows
        return f"can't be read as its manifest says: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return None if digest == entry["rows_sha256"] else "has rows that do not hash to what its manifest says"


@cache
def _schema(columns: tuple[tuple[str, str], ...]) -> Any:
    import pyarrow.parquet as pq

    return pq.read_schema(io.BytesIO(to_parquet(dict(columns), [])))


def _digest(kinds: dict[str, str], columns: dict[str, list[Any]], order_by: Sequence[str]) -> str:
    """As `sirev.store.tables.rows_digest` of the ordered rows, several times as fast: column by column, many lines at a time."""
    count = len(next(iter(columns.values()), []))
    by = [columns[name] for name in order_by]
    order = sorted(range(count), key=list(zip(*by, strict=True)).__getitem__) if by else range(count)
    texts = [_TEXT[kinds[name]](values) for name, values in columns.items()]
    if by and order != list(range(count)):
        texts = [[one[i] for i in order] for one in texts]
    digest = hashlib.sha256(canonical_json(kinds) + b"\n")
    lines = map(",".join, zip(*texts, strict=True))
    longest = sum(max(map(len, one), default=0) for one in texts)
    at_once = max(1, min(LINES, LINES_BYTES // max(1, longest)))
    while batch := list(islice(lines, at_once)):
        digest.update(("[" + "]\n[".join(batch) + "]\n").encode())
    return digest.hexdigest()


def _strings(values: list[Any]) -> list[str]:
    told: dict[Any, str] = {None: "null"}  # equal texts are one object, however many there are
    for value in values:
        if value not in told:
            told[value] = encode_basestring(value)
    return [*map(told.__getitem__, values)]


def _integers(values: list[Any]) -> list[str]:
    if None in values:
        return ["null" if value is None else str(value) for value in values]
    return [*map(str, values)]


def _floats(values: list[Any]) -> list[str]:
    return [canonical_json(value).decode() for value in values]


def _booleans(values: list[Any]) -> list[str]:
    return ["null" if value is None else "true" if value else "false" for value in values]


_TEXT: dict[str, Callable[[list[Any]], list[str]]] = {
    "string": _strings,
    "int": _integers,
    "float": _floats,
    "bool": _booleans,
}
"""A column's values as canonical JSON has them."""
