"""Which files a path, a folder or a pattern names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sirev.tasks.external.files import file_form, files_at
from tests.tasks.conftest import refusal


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with four shards, something hidden and something of another kind."""
    for name in ("m1-10.jsonl", "m1-2.jsonl", "m1-1.jsonl.gz", "m2-1.jsonl", ".hidden.jsonl", "notes.txt"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "deeper.jsonl").mkdir()
    return tmp_path


def test_a_folder_or_a_pattern_names_its_files_in_the_order_of_their_numbers(shards: Path) -> None:
    assert [path.name for path in files_at(shards / "m1-*")] == ["m1-1.jsonl.gz", "m1-2.jsonl", "m1-10.jsonl"]
    assert [path.name for path in files_at(str(shards))] == ["m1-1.jsonl.gz", "m1-2.jsonl", "m1-10.jsonl", "m2-1.jsonl"]
    assert files_at(shards / "m2-1.jsonl") == [shards / "m2-1.jsonl"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    for name in ("m[1].jsonl", "m1.jsonl"):
        (tmp_path / name).write_text("{}\n")
    assert files_at(tmp_path / "m[1].jsonl") == [tmp_path / "m[1].jsonl"]


def test_a_file_that_is_not_there_is_left_to_whoever_knows_its_content(tmp_path: Path) -> None:
    assert files_at(tmp_path / "gone.jsonl") == [tmp_path / "gone.jsonl"]


def test_places_that_name_no_file_are_refused(shards: Path) -> None:
    assert refusal(lambda: files_at(shards / "m3-*")) == f"{shards / 'm3-*'}: no file matches this pattern"
    empty = shards / "deeper.jsonl"
    assert refusal(lambda: files_at(empty)) == f"{empty}: the folder holds no .parquet, .eval, .json or .jsonl file"
    (shards / "results.json").write_text("{}")
    assert "the folder holds .json and .jsonl files; choose by a pattern, such as" in refusal(lambda: files_at(shards))


@pytest.mark.parametrize(("name", "kind"), [("m.csv", "CSV"), ("m.csv.gz", "CSV"), ("M.XLSX", "XLSX"), ("m.pkl", "PKL")])
def test_files_of_other_kinds_are_refused_by_their_names(name: str, kind: str) -> None:
    assert refusal(lambda: file_form(Path(name))) == f"{name}: {kind} is not read; JSONL, JSON or Parquet"


@pytest.mark.parametrize(("name", "form"), [("a.json.gz", ".json"), ("a.JSONL", ".jsonl"), ("a.txt", ".jsonl"), ("a", ".jsonl")])
def test_the_name_says_how_a_file_is_written(name: str, form: str) -> None:
    assert file_form(Path(name)) == form
