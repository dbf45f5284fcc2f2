from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.untrusted_files import META_BYTES, open_regular, read_if_there, read_regular


def test_a_file_is_read_whole_up_to_so_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_regular(path) == read_regular(path, 10) == b"0123456789"
    with pytest.raises(OSError, match="it has more than 9 bytes") as caught:
        read_regular(path, 9)
    assert caught.value.errno == errno.EFBIG


def test_what_grows_while_it_is_read_is_bounded_too(tmp_path: Path) -> None:
    assert read_regular("/proc/self/status").endswith(b"\n")  # whose size is said to be 0
    with pytest.raises(OSError, match="it has more than 9 bytes"):
        read_regular("/proc/self/status", 9)


def test_a_sparse_file_is_not_read_into_memory_but_named(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.touch()
    os.truncate(path, META_BYTES + 1)
    with pytest.raises(BadInput, match=f"the run file {path} can't be read: it has more than"):
        read_if_there(path, "the run file")


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    (tmp_path / "file").touch()
    if kind == "link":
        path.symlink_to(tmp_path / "file")
    else:
        path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(OSError, match=r"plain file|symbolic link"):
        open_regular(path)
