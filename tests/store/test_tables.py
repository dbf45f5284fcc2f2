from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sirev.store.artifacts import Output, write_artifact
from sirev.store.objects import Objects
from sirev.store.tables import Table, from_parquet, rows_digest, to_parquet

COLUMNS = {"id": "string", "n": "int", "right": "bool", "share": "float"}
ROWS = [{"id": "b", "n": 2, "right": True, "share": 0.5}, {"id": "a", "n": 1, "right": False, "share": 1.0}]


def test_rows_come_back_in_the_order_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(to_parquet(COLUMNS, ROWS))
    assert from_parquet([path], ("id",)) == [ROWS[1], ROWS[0]]


def test_rows_of_several_files_are_one_table(tmp_path: Path) -> None:
    for i, row in enumerate(ROWS):
        (tmp_path / f"{i}.parquet").write_bytes(to_parquet(COLUMNS, [row]))
    assert from_parquet([tmp_path / "0.parquet", tmp_path / "1.parquet"], ("id",)) == [ROWS[1], ROWS[0]]


def test_another_encoder_changes_the_bytes_but_no_key(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    table = Table(COLUMNS, ROWS, ("id",))
    ours = write_artifact(objects, Output(tables={"t": table}))
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.Table.from_pylist(table.ordered()), plain, compression="none", use_dictionary=False)
    theirs = write_artifact(objects, Output(tables={"t": table}))
    theirs.manifest["files"]["t.parquet"]["sha256"] = objects.add(plain)[0]
    assert theirs.rows("t") == ours.rows("t")
    assert theirs.manifest["files"] != write_artifact(objects, Output(tables={"t": table})).manifest["files"]
    assert theirs.semantic == ours.semantic


def test_the_digest_sees_every_value_and_every_column() -> None:
    digest = rows_digest(COLUMNS, ROWS)
    assert rows_digest(COLUMNS, [ROWS[0] | {"share": 0.25}, ROWS[1]]) != digest
    assert rows_digest(COLUMNS, ROWS[::-1]) != digest
    assert rows_digest({**COLUMNS, "n": "float"}, ROWS) != digest
