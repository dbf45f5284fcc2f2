from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sirev import parquet
from sirev.parquet import FREE_CELLS, TooLarge, read_batches
from tests.bombs import parquet_bomb


def read(path: Path, rows: int | None = None) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for batch in read_batches([path], rows):
        for name, values in batch.items():
            found.setdefault(name, []).extend(values)
    return found


def test_every_type_is_read_as_pyarrow_reads_it(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["x", "y", None, "x"],
            "list": [["p", "q"], None, [], ["p", None]],
            "lists": [[["a"], ["b", "c"]], [], None, [None]],
            "struct": [{"t": "u", "n": 1}, None, {"t": "v", "n": 2}, {"t": None, "n": 3}],
            "list of structs": [[{"r": "x"}], [], None, [{"r": None}]],
            "bytes": [b"1", b"2", None, b"3"],
            "a.b": ["1", "2", "3", "4"],
            "int": [1, 2, 3, None],
            "float": [0.5, None, 2.0, 1e300],
            "time": pa.array([1, 2, 3, 4], type=pa.timestamp("ms")),
            "large": pa.array(["1", "2", "3", "4"], type=pa.large_string()),
            "dictionary": pa.array(["k", "k", None, "m"]).dictionary_encode(),
            "map": pa.array([[("k", "v")], [], None, [("q", "r")]], type=pa.map_(pa.string(), pa.string())),
            "fixed": pa.array([b"12", b"34", None, b"56"], type=pa.binary(2)),
        }
    )
    for encoded in (True, False):
        pq.write_table(table, tmp_path / "t.parquet", use_dictionary=encoded, row_group_size=3)
        assert read(tmp_path / "t.parquet") == {name: table.column(name).to_pylist() for name in table.column_names}


def test_20_million_equal_rows_in_a_small_file_are_refused_unread(tmp_path: Path) -> None:
    path = parquet_bomb(tmp_path / "bomb.parquet", 20_000_000)
    size = path.stat().st_size
    assert size < 2 << 20
    with pytest.raises(TooLarge) as caught:
        read(path)
    assert str(caught.value).startswith(f"20,000,000 rows with 80,000,000 cells in {size:,} bytes of Parquet, where at most ")
    assert pa.total_allocated_bytes() < 64 << 20


def test_a_bomb_in_many_files_is_refused_as_one(tmp_path: Path) -> None:
    one = parquet_bomb(tmp_path / "0.parquet", 1_000_000)
    with pytest.raises(TooLarge, match="rows with"):
        next(read_batches([one] * 10))


@pytest.mark.slow
def test_a_long_text_said_a_million_times_is_refused_before_it_is_written_out(tmp_path: Path) -> None:
    path = parquet_bomb(tmp_path / "long.parquet", 1_000_000, text="A" * 10_000_000)
    assert path.stat().st_size < 1 << 20
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(TooLarge, match="bytes or more in"):
        read(path)
    assert max(before, pa.default_memory_pool().max_memory()) < 2 << 30


def test_the_same_in_lists_is_refused(tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["A" * 100_000]))
    table = pa.table({"texts": pa.ListArray.from_arrays(pa.array([0, 1_000_000], pa.int32()), words)})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd")
    with pytest.raises(TooLarge, match="bytes or more in"):
        read(tmp_path / "t.parquet")


def test_a_table_with_another_number_of_rows_than_was_said_is_refused_unread(tmp_path: Path) -> None:
    path = parquet_bomb(tmp_path / "t.parquet", 1000)
    assert len(read(path, 1000)["draw"]) == 1000
    with pytest.raises(ValueError, match="1,000 rows where its manifest says 999"):
        read(path, 999)


@pytest.mark.parametrize("verdict", ["all wrong", "mixed"])
def test_honest_tables_that_repeat_themselves_are_read(tmp_path: Path, verdict: str) -> None:
    """320,000 grades of 5,000 problems, one row like the other but for problem and draw: 68 cells a byte at most."""
    problems, draws = 5000, 64
    random.seed(0)
    right = [verdict == "mixed" and random.random() < 0.4 for _ in range(problems * draws)]
    table = pa.table(
        {
            "problem_id": [str(p) for p in range(problems) for _ in range(draws)],
            "draw": [d for _ in range(problems) for d in range(draws)],
            "correct": right,
            "reason": ["right" if one else "wrong" for one in right],
            "answer": [""] * len(right),
        }
    )
    assert table.num_rows * table.num_columns < FREE_CELLS
    pq.write_table(table, tmp_path / "grades.parquet", compression="zstd")
    found = read(tmp_path / "grades.parquet", problems * draws)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(table.column_names, problems * draws)


def test_a_model_that_says_one_thing_all_the_time_is_read_and_takes_its_memory_once(tmp_path: Path) -> None:
    path = parquet_bomb(tmp_path / "t.parquet", 300_000, text="So the answer is 4. " * 200)
    texts = read(path)["text"]
    assert len(texts) == 300_000
    assert len({id(text) for text in texts}) == 1


@pytest.mark.parametrize("kind", ["JSON", "two of a name"])
def test_texts_that_pyarrow_reads_as_no_dictionary_are_read_in_small_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(parquet, "BATCH_BYTES", 1 << 12)
    said = [f'{{"n":{n}}}' for n in range(1000)]
    column = pa.array(said, pa.json_() if kind == "JSON" else pa.string())
    table = pa.table([column, pa.array(said)], names=["a", "b"] if kind == "JSON" else ["a", "a"])
    pq.write_table(table, tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert found == dict.fromkeys(table.column_names, said)
