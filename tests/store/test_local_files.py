from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.digests import canonical_json, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.objects import Objects
from tests.conftest import tree

NAMES = ["config.json", "model.safetensors"]


@pytest.fixture
def local(tmp_path: Path) -> LocalFiles:
    return LocalFiles(Objects(tmp_path / "store"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("one")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    for name in NAMES:
        (path / name).write_text(name)
    return path


def change_unseen(file: Path) -> None:
    """Other bytes of the same size, time and inode."""
    status = file.stat()
    file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = file.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (status.st_size, status.st_mtime_ns, status.st_ino)


def test_a_file_has_the_digest_of_its_bytes(local: LocalFiles, file: Path) -> None:
    assert local.digest(file) == hashlib.sha256(b"one").hexdigest()


def test_a_folder_has_the_digest_of_the_named_files_and_their_names(local: LocalFiles, folder: Path) -> None:
    expected = sha256(canonical_json({name: sha256(name.encode()) for name in NAMES}))
    assert local.digest(folder, NAMES) == local.digest(folder, NAMES[::-1]) == expected
    (folder / "README.md").write_text("not named")
    assert local.digest(folder, NAMES) == expected
    assert local.digest(folder, NAMES[:1]) != expected


def test_equal_folders_have_one_digest_wherever_they_are(local: LocalFiles, folder: Path, tmp_path: Path) -> None:
    digest = local.digest(folder, NAMES)
    folder.rename(tmp_path / "moved")
    assert LocalFiles(Objects(tmp_path / "another")).digest(tmp_path / "moved", NAMES) == digest


@pytest.mark.parametrize("name", NAMES)
def test_changed_content_changes_the_digest(local: LocalFiles, folder: Path, name: str) -> None:
    before = local.digest(folder, NAMES)
    (folder / name).write_text("other")
    assert local.digest(folder, NAMES) != before


def test_what_looks_unchanged_is_not_read_again(local: LocalFiles, file: Path, folder: Path) -> None:
    digests = local.digest(file), local.digest(folder, NAMES)
    change_unseen(file)
    change_unseen(folder / NAMES[1])
    assert (local.digest(file), local.digest(folder, NAMES)) == digests
    os.utime(file, ns=(0, 0))
    assert local.digest(file) != digests[0]


def test_another_choice_of_files_is_read_again(local: LocalFiles, folder: Path) -> None:
    whole = local.digest(folder, NAMES)
    assert local.digest(folder, NAMES[:1]) != whole
    assert local.digest(folder, NAMES) == whole


def test_what_a_path_held_is_remembered_when_it_is_gone(local: LocalFiles, file: Path, folder: Path) -> None:
    digests = local.digest(file), local.digest(folder, NAMES)
    file.unlink()
    for name in NAMES:
        (folder / name).unlink()
    folder.rmdir()
    assert (local.digest(file), local.digest(folder, None)) == digests


def test_what_was_never_there_has_no_digest(local: LocalFiles, tmp_path: Path) -> None:
    assert local.digest(tmp_path / "nothing") is None
    assert local.digest(tmp_path / "nothing", NAMES) is None
    assert not (tmp_path / "store").exists()


def test_paths_are_one_from_any_folder(local: LocalFiles, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = local.digest(file)
    monkeypatch.chdir(tmp_path)
    assert local.digest(Path("rows.jsonl")) == digest
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local.digest(Path("~/rows.jsonl")) == digest
    assert len(list((tmp_path / "store" / "local").iterdir())) == 1


def test_where_lists_every_place_that_held_it(local: LocalFiles, folder: Path, tmp_path: Path) -> None:
    digest = local.digest(folder, NAMES)
    assert digest is not None
    assert local.where(digest) == [folder]
    (tmp_path / "copy").mkdir()
    for name in NAMES:
        (tmp_path / "copy" / name).write_text(name)
    local.digest(tmp_path / "copy", NAMES)
    assert sorted(local.where(digest)) == sorted([folder, tmp_path / "copy"])
    assert local.where("0" * 64) == []


def test_a_place_holds_it_until_it_changes_or_is_gone(local: LocalFiles, folder: Path) -> None:
    digest = local.digest(folder, NAMES)
    assert digest is not None
    assert local.holds(folder, digest)
    (folder / NAMES[0]).write_text("other")
    assert not local.holds(folder, digest)
    (folder / NAMES[0]).write_text(NAMES[0])
    assert local.holds(folder, digest)
    (folder / NAMES[0]).unlink()
    assert not local.holds(folder, digest)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"{}", b"\xff", b'{"path": 1, "digest": 2, "stats": 3, "names": 4}']
)
def test_a_damaged_memory_is_as_good_as_none(local: LocalFiles, folder: Path, content: bytes) -> None:
    digest = local.digest(folder, NAMES)
    (memory,) = (local.objects.root / "local").iterdir()
    memory.write_bytes(content)
    assert local.where(str(digest)) == []
    assert not local.holds(folder, str(digest))
    assert local.digest(folder, NAMES) == digest
    assert local.holds(folder, str(digest))


def test_what_is_there_and_can_not_be_read_is_named(local: LocalFiles, folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        local.digest(folder)
    assert str(caught.value) == f"{folder}: is a folder, where a file is expected"


def test_a_store_that_can_not_be_written_only_forgets(file: Path, tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    local = LocalFiles(Objects(tmp_path / "in-the-way" / "store"))
    before = tree(tmp_path)
    assert local.digest(file) == hashlib.sha256(b"one").hexdigest()
    change_unseen(file)
    assert local.digest(file) == hashlib.sha256(file.read_bytes()).hexdigest() != hashlib.sha256(b"one").hexdigest()
    assert {name: size for name, (size, _) in tree(tmp_path).items()} == {name: size for name, (size, _) in before.items()}


def test_a_replay_writes_nothing(local: LocalFiles, file: Path, tmp_path: Path) -> None:
    local.digest(file)
    before = tree(tmp_path / "store")
    local.digest(file)
    assert tree(tmp_path / "store") == before


def test_a_pipe_or_a_device_is_refused_and_not_waited_for(local: LocalFiles, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "pipe"), (Path("/dev/zero"), "device")):
        with pytest.raises(BadInput, match=rf"^{path}: is a {kind}, where a file is expected"):
            local.digest(path)
    with pytest.raises(BadInput, match=rf"^{tmp_path}/pipe: is a pipe"):
        local.digest(tmp_path, ["pipe"])  # of a model's folder, say


def test_a_path_that_is_not_utf_8_is_refused_in_a_line(local: LocalFiles, file: Path, folder: Path) -> None:
    name = os.fsdecode(b"\xffa.jsonl")
    odd = file.rename(file.with_name(name))
    for look in (lambda: local.digest(odd), lambda: local.remembers(odd), lambda: local.digest(folder, [name])):
        with pytest.raises(BadInput, match="has a path that is not UTF-8; rename it"):
            look()
