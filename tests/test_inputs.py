from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.inputs import DEPTH, TooDeep, parse_json, refuse_wide_encoding, require_plain_file


@pytest.mark.parametrize("make", [lambda d: "[" * d + "]" * d, lambda d: '{"a":' * d + "1" + "}" * d])
def test_json_is_as_deep_as_is_allowed_and_no_deeper(make: object) -> None:
    for text in (make(DEPTH), make(DEPTH).encode()):  # type: ignore[operator]
        parse_json(text)
    for depth in (DEPTH + 1, 900, 100_000):
        with pytest.raises(TooDeep, match="nested more than 100 levels deep"):
            parse_json(make(depth).encode())  # type: ignore[operator]


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert parse_json("[" + ",".join(["[]"] * 1000) + "]") == [[]] * 1000
    assert parse_json('"' + "[" * 1000 + '"') == "[" * 1000


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("link").symlink_to("pipe")
    Path("file").write_text("")
    Path("good link").symlink_to("file")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        written = "; it would have to be read twice: write it to a file first"
        for name, told in (
            ("pipe", f"pipe: is a pipe, where a file is expected{written}"),
            ("link", f"link: is a pipe, where a file is expected{written}"),
            ("folder", "folder: is a folder, where a file is expected"),
            ("socket", "socket: is a socket, where a file is expected"),
            ("/dev/zero", "/dev/zero: is a device, where a file is expected"),
        ):
            with pytest.raises(BadInput) as caught:
                require_plain_file(name)
            assert str(caught.value) == told
    for name in ("file", "good link", "not there", "\0"):
        require_plain_file(name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_by_their_beginning(encoding: str) -> None:
    with pytest.raises(BadInput, match=rf"^a.jsonl: {encoding[:6].upper()}, where UTF-8 is expected; convert it with: iconv -f "):
        refuse_wide_encoding(Path("a.jsonl"), '{"a": 1}'.encode(encoding))
    for plain in (b"", b"{", b"\0", b'{"', "\ufeff{".encode(), "é".encode()):
        refuse_wide_encoding(Path("a.jsonl"), plain)
