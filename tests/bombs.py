"""Small files that stand for a great deal."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def parquet_bomb(path: Path, rows: int, text: str = "A" * 200) -> Path:
    """Equal rows: a few bytes a million. Read, its texts are plain strings, as those of any table."""
    zeros = pa.array([0] * min(rows, 1_000_000), pa.int32())
    said = {"problem_id": "p", "text": text}
    words = {name: pa.DictionaryArray.from_arrays(zeros, pa.array([word])) for name, word in said.items()}
    batch = pa.table({**words, "draw": zeros.cast(pa.int64()), "tokens": zeros.cast(pa.int64())})
    with pq.ParquetWriter(path, batch.schema, compression="zstd", store_schema=False) as writer:
        for _ in range(rows // len(zeros)):
            writer.write_table(batch, row_group_size=len(zeros))
    return path
