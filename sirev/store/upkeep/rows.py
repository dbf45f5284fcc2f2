"""Verification that the rows of an artifact's tables are those that its manifest names.

The keys of later actions hold a table's digest of rows, not of bytes: a manifest that lies about it would lead to wrong
results without a single damaged byte.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from sirev.parquet import TooLarge, read_batches
from sirev.processes.workers import spread
from sirev.store.digests import canonical_json
from sirev.store.tables import to_parquet, values_digest

_SPREAD_FROM = 8 << 20
"""Bytes of Parquet from which the tables are spread over the cores: below, starting processes takes longer than it saves."""


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
    unique = [claims[at[0]] for at in places.values()]
    total = sum(claim.size for claim in unique)
    on_progress(0, total)
    found: dict[int, str] = {}
    done = 0
    check = partial(wrong, str(objects))
    with spread(check, unique) if total >= _SPREAD_FROM else nullcontext(map(check, unique)) as answers:
        for claim, at, fault in zip(unique, places.values(), answers, strict=True):
            done += claim.size
            on_progress(done, total)
            if fault is not None:
                found.update(dict.fromkeys(at, fault))
    return found


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
        names = schemas[0].names if schemas else wanted.names
        for schema in schemas:
            if sorted(schema.names) != sorted(wanted.names) or any(schema.field(n) != wanted.field(n) for n in wanted.names):
                return "has other columns than its manifest says"
        batches = (zip(*map(batch.__getitem__, names), strict=True) for batch in read_batches(paths, entry["rows"]))
        rows = list(chain.from_iterable(batches))
        by = [names.index(name) for name in entry["order_by"]]
        rows.sort(key=lambda row: [row[at] for at in by])
        digest = values_digest(entry["columns"], rows)
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
