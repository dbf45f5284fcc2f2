from __future__ import annotations

import gzip
import os
import re
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from sirev.tasks.external.files import file_form, read_rows
from sirev.tasks.rows import Row, read_hub, read_jsonl, text
from tests.bombs import parquet_bomb
from tests.hub_cache import COMMIT, OTHER, HubCache
from tests.tasks.conftest import OnTheHub, refusal


def test_plain_and_gzipped_files_give_the_same_rows_with_their_lines(tmp_path: Path) -> None:
    content = '{"q": "é\u2028x"}\n\n  \n{"q": "b"}'.encode()
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
    rows = read_jsonl(tmp_path / "a.jsonl")
    assert rows == [
        Row(f"{tmp_path / 'a.jsonl'}:1", {"q": "é\u2028x"}),
        Row(f"{tmp_path / 'a.jsonl'}:4", {"q": "b"}),
    ]
    assert [row.values for row in read_jsonl(str(tmp_path / "a.jsonl.gz"))] == [row.values for row in rows]


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b'{"q": 1}\n{"q": \n', ":2", "not JSON"),
        (b'{"q": 1}\n[1, 2]\n', ":2", "not a JSON object but [1, 2] (list)"),
        (b'{"q": 1}\n"text"\n', ":2", "not a JSON object but 'text'"),
        (b'\n{"q": "\xff"}\n', ":2", "not UTF-8: byte 0xff at column 8"),
        (b"[" * 100_000, ":1", "JSON nested more than 100 levels deep"),
        (b"", "", "holds no row"),
        (b"\n \n", "", "holds no row"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, content: bytes, line: str, why: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    assert refusal(lambda: read_jsonl(path)).startswith(f"{path}{line}: {why}")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    for name, pack in (("a.jsonl", bytes), ("a.jsonl.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(b'\xef\xbb\xbf{"q": 1}\n{"q": 2}\n'))
        assert [row.values for row in read_jsonl(tmp_path / name)] == [{"q": 1}, {"q": 2}]
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf[{"q": 1}]')
    assert [row.values for row in read_rows(tmp_path / "a.json", ".json")] == [{"q": 1}]


def test_cut_off_damaged_and_false_gzip_files_are_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"q": "%d"}\n' % (i * 7919 % 1000) for i in range(5000)))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content in (whole[: len(whole) // 2], bytes(damaged), b'{"q": 1}\n'):
        path = tmp_path / "broken.jsonl.gz"
        path.write_bytes(content)
        said = refusal(partial(read_jsonl, path))
        assert said.startswith(f"{path}:")
        assert "the gzip data is cut off or damaged" in said or "not JSON" in said or "not UTF-8" in said


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert (
        refusal(lambda: read_jsonl(tmp_path / "no.jsonl")) == f"{tmp_path / 'no.jsonl'}: can't be read: No such file or directory"
    )
    assert refusal(lambda: read_jsonl(tmp_path)) == f"{tmp_path}: is a folder, where a file is expected"


def test_text_names_place_field_and_what_was_found() -> None:
    row = Row("f.jsonl:3", {"a": 5, "b": "", "c": " \n", "d": "fine", "e": "\ud800", "f": ["x" * 1000], "g": None})
    assert text(row, "d") == "fine"
    assert text(row, "b", empty=True) == ""
    assert refusal(lambda: text(row, "a")) == "f.jsonl:3: field 'a' must be a string, found 5 (int)"
    assert refusal(lambda: text(row, "b")) == "f.jsonl:3: field 'b' is empty"
    assert refusal(lambda: text(row, "c")) == "f.jsonl:3: field 'c' is empty"
    assert refusal(lambda: text(row, "h")) == "f.jsonl:3: field 'h' is missing (there: a, b, c, d, e, f, g)"
    assert refusal(lambda: text(row, "e")) == "f.jsonl:3: field 'e' holds half of a surrogate pair: '\\ud800'"
    assert refusal(lambda: text(row, "g")) == "f.jsonl:3: field 'g' must be a string, found null"
    assert len(refusal(lambda: text(row, "f"))) < 130


def test_hub_rows_say_repository_revision_split_and_index(on_the_hub: OnTheHub) -> None:
    assert on_the_hub([{"q": "a"}, {"q": "b"}])[1] == Row(f"somebody/something@{COMMIT} train[1]", {"q": "b"})


def test_a_pinned_revision_is_the_one_that_is_read_whichever_is_the_latest(hub: HubCache) -> None:
    hub.dataset("openai/gsm8k", {"train": [{"q": "old"}]}, commit=COMMIT)
    hub.dataset("openai/gsm8k", {"train": [{"q": "new"}]}, commit=OTHER)
    assert [row.values["q"] for row in read_hub("openai/gsm8k", "main", COMMIT, "train")] == ["old"]
    assert [row.values["q"] for row in read_hub("openai/gsm8k", "main", OTHER, "train")] == ["new"]
    assert [row.values["q"] for row in read_hub("openai/gsm8k", "main", None, "train")] == ["new"]


def test_another_revision_than_the_cached_one_is_refused_offline(hub: HubCache) -> None:
    hub.dataset("openai/gsm8k", {"train": [{"q": "new"}]}, commit=OTHER)
    said = refusal(lambda: read_hub("openai/gsm8k", "main", COMMIT, "train"))
    assert said.startswith(f"data set: openai/gsm8k at {COMMIT} is not on this machine, and the Hub can't be reached (")
    assert "go online once" in said
    assert said.endswith("or name local files with `path` next to `hub` (task.data.path)")


@pytest.mark.parametrize(
    ("repository", "config", "split", "why"),
    [
        ("openai/gsm9k", "main", "train", "go online once"),
        ("openai gsm8k", "main", "train", "'openai gsm8k' is not the name of a repository on the Hub, ORGANISATION/NAME"),
        ("openai/gsm8k", "mian", "train", "BuilderConfig 'mian' not found. Available: ['main']; check its hub, config"),
        ("openai/gsm8k", "main", "tran", "Should be one of ['train', 'test'].; check its hub, config and revision"),
    ],
)
def test_what_is_not_in_the_cache_is_one_line_with_advice(
    hub: HubCache, repository: str, config: str, split: str, why: str
) -> None:
    hub.dataset("openai/gsm8k", {"train": [{"q": "a"}], "test": [{"q": "b"}]})
    said = refusal(lambda: read_hub(repository, config, COMMIT, split))
    assert why in said
    assert said.endswith("or name local files with `path` next to `hub` (task.data.path)")


def test_without_a_network_what_is_cached_is_read_and_what_is_not_is_refused_at_once(
    hub: HubCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not offline by its settings, but nothing answers: a download would try again and again."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    hub.dataset("openai/gsm8k", {"train": [{"q": "a"}]})
    pauses: list[float] = []
    really = time.sleep

    def pause(seconds: float) -> None:
        here = threading.current_thread() is threading.main_thread()
        pauses.append(seconds) if here else really(seconds)  # another thread is one of another test

    monkeypatch.setattr(time, "sleep", pause)
    assert len(read_hub("openai/gsm8k", "main", COMMIT, "train")) == 1
    assert "go online once" in refusal(lambda: read_hub("openai/gsm8k", "main", OTHER, "train"))
    assert pauses == []  # nothing is tried again


def test_a_folder_of_the_same_name_does_not_hide_the_hubs(hub: HubCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "openai" / "gsm8k").mkdir(parents=True)
    (tmp_path / "openai" / "gsm8k" / "train.jsonl").write_text('{"q": "another"}')
    hub.dataset("openai/gsm8k", {"train": [{"q": "a"}]})
    assert [row.values for row in read_hub("openai/gsm8k", "main", COMMIT, "train")] == [{"q": "a"}]


def test_utf_16_is_named(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json"):
        (tmp_path / name).write_bytes('{"q": 1}\n'.encode("utf-16"))
        told = refusal(lambda name=name: read_rows(tmp_path / name, file_form(tmp_path / name)))
        assert told == f"{tmp_path / name}: UTF-16, where UTF-8 is expected; convert it with: iconv -f UTF-16 -t UTF-8"


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz", "a.parquet"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    told = refusal(lambda: read_rows(tmp_path / name, file_form(tmp_path / name)))
    assert told.startswith(f"{tmp_path / name}: is a pipe, where a file is expected; it would have to be read twice")


@pytest.mark.parametrize(
    "content", [b'{"q": "' + b"0" * 2_000_000 + b'"}', b"\n" * 2_000_000, b"[" + b'{"q": 1},' * 200_000 + b"0]"]
)
def test_gzip_that_unpacks_to_no_end_is_refused(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.inputs.GZIP_SLACK", 1_000_000)
    for name, place in (("a.jsonl.gz", r":\d+"), ("a.json.gz", "")):
        (tmp_path / name).write_bytes(gzip.compress(content))
        told = refusal(lambda name=name: read_rows(tmp_path / name, file_form(tmp_path / name)))
        size = (tmp_path / name).stat().st_size
        assert re.fullmatch(
            rf"{tmp_path / name}{place}: its {size:,} bytes unpack to more than {1_000_000 + 200 * size:,}; .*", told
        )


def test_a_file_of_one_endless_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.tasks.rows.LINE_BYTES", 1000)
    for name, pack in (("a.jsonl", bytes), ("a.jsonl.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(b'{"q": 1}\n' + b"0" * 1001))
        assert refusal(lambda name=name: read_jsonl(tmp_path / name)).startswith(
            f"{tmp_path / name}:2: a line of more than 1,000 bytes"
        )
        (tmp_path / name).write_bytes(pack(b'{"q": "' + b"0" * 990 + b'"}\n'))
        assert len(read_jsonl(tmp_path / name)) == 1


def test_a_parquet_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = parquet_bomb(tmp_path / "m.parquet", 20_000_000)
    assert refusal(lambda: read_rows(path, ".parquet")).startswith(f"{path}: 20,000,000 rows with 80,000,000 cells in ")


def test_deep_json_is_refused_with_its_line(tmp_path: Path) -> None:
    deep = b'{"q": ' + b"[" * 200 + b"]" * 200 + b"}"
    (tmp_path / "a.jsonl").write_bytes(b'{"q": 1}\n' + deep)
    assert refusal(lambda: read_jsonl(tmp_path / "a.jsonl")) == f"{tmp_path}/a.jsonl:2: JSON nested more than 100 levels deep"
    (tmp_path / "a.json").write_bytes(deep)
    assert refusal(lambda: read_rows(tmp_path / "a.json", ".json")) == f"{tmp_path}/a.json: JSON nested more than 100 levels deep"
