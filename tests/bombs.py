"""Small files that unpack to large data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def parquet_bomb(path: Path, rows: int, text: str = "A" * 200) -> Path:
    """Write a Parquet file of equal rows, a few bytes per million; when read, its texts are plain strings, as in any table."""
    zeros = pa.array([0] * min(rows, 1_000_000), pa.int32())
    said = {"problem_id": "p", "text": text}
    words = {name: pa.DictionaryArray.from_arrays(zeros, pa.array([word])) for name, word in said.items()}
    batch = pa.table({**words, "draw": zeros.cast(pa.int64()), "tokens": zeros.cast(pa.int64())})
    with pq.ParquetWriter(path, batch.schema, compression="zstd", store_schema=False) as writer:
        for _ in range(rows // len(zeros)):
            writer.write_table(batch, row_group_size=len(zeros))
    return path
