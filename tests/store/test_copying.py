from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from sirev.store import copying
from sirev.store.copying import copy_file

CONTENT = os.urandom(3 << 20)


def copied(source: Path, target: Path, durable: bool = True) -> tuple[str, int]:
    with source.open("rb", buffering=0) as read:
        return copy_file(read, target, durable)


def no_range(*_: object) -> int:
    raise OSError(18, "Invalid cross-device link")


@pytest.mark.parametrize("by_kernel", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_a_copy_has_the_bytes_and_the_digest_that_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_kernel: bool, behind: bool
) -> None:
    monkeypatch.setattr(copying, "BEHIND_FROM", 0 if behind else 1 << 40)
    monkeypatch.setattr(copying, "SYNC_EVERY", 1 << 20)
    if not by_kernel:
        monkeypatch.setattr(copying.os, "copy_file_range", no_range)
    for content in (CONTENT, b"", b"x"):
        (tmp_path / "source").write_bytes(content)
        assert copied(tmp_path / "source", tmp_path / "copy") == (hashlib.sha256(content).hexdigest(), len(content))
        assert (tmp_path / "copy").read_bytes() == content


@pytest.mark.parametrize("behind", [True, False])
def test_a_disk_that_is_full_says_so_and_no_thread_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: bool) -> None:
    import threading

    monkeypatch.setattr(copying, "BEHIND_FROM", 0 if behind else 1 << 40)
    (tmp_path / "source").write_bytes(CONTENT)
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="No space left"):
        copied(tmp_path / "source", Path("/dev/full"))
    assert set(threading.enumerate()) <= before


def test_a_copy_is_no_link_and_shares_blocks_where_the_file_system_can(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    copied(tmp_path / "source", tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_ino != (tmp_path / "source").stat().st_ino
    (tmp_path / "copy").write_bytes(b"changed")
    assert (tmp_path / "source").read_bytes() == CONTENT
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    try:
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system with reflinks can be made here: {error}")
    try:
        (place / "source").write_bytes(os.urandom(50 << 20))
        os.sync()
        free = os.statvfs(place).f_bavail
        copied(place / "source", place / "copy")
        os.sync()
        spent = (free - os.statvfs(place).f_bavail) * os.statvfs(place).f_frsize
        assert spent < 5 << 20
    finally:
        subprocess.run(["umount", place], check=True)
