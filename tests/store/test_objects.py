from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store import objects as module
from sirev.store import shared
from sirev.store.digests import sha256
from sirev.store.objects import STAMPED_FROM, DamagedObject, Objects


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "store")


def test_an_object_is_named_by_its_bytes_and_read_only(objects: Objects) -> None:
    digest, size = objects.add(b"hello")
    path = objects.checked(digest)
    assert digest == sha256(b"hello")
    assert path.read_bytes() == b"hello"
    assert path.stat().st_mode & 0o777 == 0o444
    assert objects.present(digest, size)
    assert not objects.present(digest, size + 1)


def test_a_file_is_copied_not_moved(objects: Objects, tmp_path: Path) -> None:
    source = tmp_path / "weights"
    source.write_bytes(b"w" * 1000)
    digest, _ = objects.add(source)
    source.write_bytes(b"changed")
    assert objects.checked(digest).read_bytes() == b"w" * 1000


@pytest.mark.parametrize("size", [10, STAMPED_FROM + 10], ids=["small", "stamped"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "swap"])
def test_damaged_bytes_are_never_read(tmp_path: Path, size: int, damage: str) -> None:
    data = os.urandom(size)
    digest, _ = Objects(tmp_path).add(data)
    path = Objects(tmp_path).checked(digest)  # leaves a stamp, if it is large
    path.chmod(0o644)
    if damage == "flip":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "truncate":
        path.write_bytes(data[:-1])
    else:
        other = tmp_path / "other"
        other.write_bytes(os.urandom(size))
        os.replace(other, path)
    with pytest.raises(DamagedObject, match=digest[:12]):
        Objects(tmp_path).checked(digest)
    assert not path.exists()  # so that it is computed again


def test_an_added_object_mends_a_damaged_one(objects: Objects) -> None:
    digest, _ = objects.add(b"right")
    path = objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    objects.add(b"right")
    assert objects.checked(digest).read_bytes() == b"right"


def test_a_large_object_is_hashed_once(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, _ = objects.add(b"x" * STAMPED_FROM)
    objects.checked(digest)

    def refuse(path: Path) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(module, "sha256_file", refuse)
    assert Objects(objects.root).checked(digest).is_file()


def test_a_missing_object_is_said_to_be_missing(objects: Objects) -> None:
    with pytest.raises(DamagedObject, match="missing"):
        objects.checked("0" * 64)


def test_nothing_is_left_of_a_failed_write(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        objects.add(b"data")
    assert [path for path in objects.root.rglob("*") if path.is_file()] == []


def test_a_folder_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("I am a file")
    with pytest.raises(BadInput, match=r"can't be written.*--store"):
        Objects(tmp_path / "store").add(b"data")


def test_what_killed_writers_left_is_swept_up_after_a_day(objects: Objects) -> None:
    (objects.root / "tmp").mkdir(parents=True)
    old, new = objects.root / "tmp" / "1-old", objects.root / "tmp" / "2-new"
    for path in (old, new):
        path.write_bytes(b"half a model")
    os.utime(old, (0, 0))
    objects.sweep_temporary()
    assert not old.exists()
    assert new.exists()


def test_sweeping_follows_no_link_and_takes_nothing_that_is_not_ours(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "store"
    (home / "thesis").mkdir(parents=True)
    (home / "12-ab").write_text("kept")
    root.mkdir()
    (root / "tmp").symlink_to(home)
    for path in (home / "thesis", home / "12-ab"):
        os.utime(path, (0, 0))
    Objects(root).sweep_temporary()
    assert {path.name for path in home.iterdir()} == {"thesis", "12-ab"}
    (root / "tmp").unlink()
    (root / "tmp").mkdir()
    for name in ("notes.txt", "12-0123456789abcdef", ".12-staging"):
        (root / "tmp" / name).write_text("")
        os.utime(root / "tmp" / name, (0, 0))
    os.mkfifo(root / "tmp" / "13-0123456789abcdef")
    os.utime(root / "tmp" / "13-0123456789abcdef", (0, 0))
    Objects(root).sweep_temporary()
    assert "notes.txt" in {path.name for path in (root / "tmp").iterdir()}
    assert not (root / "tmp" / "12-0123456789abcdef").exists()


def test_bytes_are_written_to_the_file_that_was_made_whatever_has_its_name_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    made = shared.make_private

    def moved(root: Path, path: Path, flags: int) -> int:
        fd = made(root, path, flags)
        path.unlink()
        path.symlink_to(precious)
        return fd

    monkeypatch.setattr(module, "make_private", moved)
    for store in (lambda: Objects(tmp_path / "store").add(b"a"), lambda: Objects(tmp_path).write(b"a", tmp_path / "a")):
        with pytest.raises(OSError, match="symbolic link"):
            store()
    assert precious.read_text() == "mine"
