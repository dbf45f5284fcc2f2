"""Verification that the rows of an artifact's tables have the digest in its manifest.

The keys of later actions contain the digest of a table's rows, not of its bytes: a false one would lead to wrong results
without a single damaged byte.
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
"""Bytes of Parquet from which tables are checked on all cores; below, starting processes takes longer than it saves."""


@dataclass(frozen=True)
class TableClaim:
    """The claim of a manifest about one table: its entry, and the digests and sizes in bytes of its parts."""

    entry: dict[str, Any]
    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Size of its Parquet files in bytes."""
        return sum(size for _, size in self.parts)


class Unchecked(str):
    """Why the rows of a table can't be checked; the manifest may be right."""


def false_claims(objects: Path, claims: Sequence[TableClaim], on_progress: Callable[[int, int], None]) -> dict[int, str]:
    """Index into `claims` -> fault, or `Unchecked`. Parts must be undamaged objects below `objects`.

    Equal claims are checked once. `on_progress` receives bytes done and bytes in total.
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
"""Error numbers of temporary faults or faults of the machine."""


def wrong(objects: str, claim: TableClaim) -> str | None:
    """How the rows of a table differ from the claim, `Unchecked` if they are too large to read; None if they agree."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    entry = claim.entry
    try:
        wanted = _schema(tuple(sorted(entry["columns"].items())))
        paths = [
            f"{objects}/{digest[:2]}/{digest[2:]}" for digest, _ in claim.parts
        ]  # opened one at a time: there may be hundreds
        schemas = [pq.read_schema(path) for path in paths]
        # A manifest's column names are sorted; rows are hashed in the table's original order of columns.
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
            raise  # unrelated to the rows
        return f"can't be read as its manifest says: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return None if digest == entry["rows_sha256"] else "has rows that do not hash to what its manifest says"


@cache
def _schema(columns: tuple[tuple[str, str], ...]) -> Any:
    import pyarrow.parquet as pq

    return pq.read_schema(io.BytesIO(to_parquet(dict(columns), [])))
