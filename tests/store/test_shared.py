"""A store of a group: several users, whatever their umasks; and a store that a stranger has put together."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.artifacts import Output
from sirev.store.copying import copy_file
from sirev.store.leases import Gate
from sirev.store.local_files import LocalFiles
from sirev.store.locks import key_lock
from sirev.store.objects import STAMPED_FROM, DamagedObject, Objects
from sirev.store.runs import Run
from sirev.store.shared import make_folder, open_lock
from sirev.store.store import MARKER, Store
from sirev.store.upkeep.keeps import Keeps

ACTION = {"stage": "made", "version": 1, "parameters": {}, "inputs": {}}
GROUP = 54_321
USERS = (54_001, 54_002)

WORK = """
import os, sys
number, umask = int(sys.argv[2]), int(sys.argv[3], 8)
import joblib
from sirev.store.artifacts import Output
from sirev.store.runs import Run
from sirev.store.store import MARKER, Store
from sirev.store.upkeep.gc import collect
from sirev.store.upkeep.verify import verify
{drop}
os.umask(umask)
store = Store(sys.argv[1])
action = dict(stage="made", version=1, parameters=dict(n=number), inputs={{}})
{work}
"""
DROP = "os.setgroups([]); os.setgid({group}); os.setuid({user})"
PUBLISH = """
with store.leasing(["mine"]):
    with store.lock(action, lambda words: print(words)) as held:
        assert held
        store.publish(action, Output(files={f"{i}.txt": f"{number} {i}".encode() for i in range(40)}))
    store.runs.save(Run("mine", "x", "sft", 0, 1, {}, "2026", "complete"))
"""
LEAVE = """
import signal
context = store.lock(action)
context.__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""
CHECK = """
assert verify(store).whole, verify(store).damage
assert len(collect(store).records) == (0 if number else 3)
"""


@pytest.fixture
def group_folder() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("two users can be made of a test by root alone")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        store = Path(folder) / "store"
        store.mkdir()
        os.chown(store, -1, GROUP)
        store.chmod(0o2775)
        yield store


def as_user(user: int, store: Path, number: int, umask: str, work: str) -> subprocess.CompletedProcess[str]:
    """Run something as an ordinary user of the group, once all is imported that he may not be able to read."""
    program = WORK.format(drop=DROP.format(group=GROUP, user=user), work=work)
    command = [sys.executable, "-c", program, str(store), str(number), umask]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("umask", ["022", "077", "002"])
def test_two_users_of_a_group_work_in_one_store_whatever_their_umask(group_folder: Path, umask: str) -> None:
    for number, user in ((1, USERS[0]), (2, USERS[1]), (1, USERS[1]), (3, USERS[0])):
        done = as_user(user, group_folder, number, umask, PUBLISH)
        assert done.returncode == 0, done.stderr
    for number, user in enumerate(USERS):
        done = as_user(user, group_folder, number, umask, CHECK)
        assert done.returncode == 0, done.stderr
    folders = [path for path in group_folder.rglob("*") if path.is_dir()]
    assert {(oct(stat.S_IMODE(path.stat().st_mode)), path.stat().st_gid) for path in folders} == {("0o2775", GROUP)}


@pytest.mark.parametrize("umask", ["022", "077"])
def test_a_killed_colleagues_lock_bars_nobody(group_folder: Path, umask: str) -> None:
    as_user(USERS[0], group_folder, 1, umask, LEAVE)
    (left,) = (group_folder / "locks").iterdir()
    assert left.stat().st_uid == USERS[0]
    left.chmod(0o644)  # as an older version left it
    done = as_user(USERS[1], group_folder, 1, umask, PUBLISH)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert list((group_folder / "locks").iterdir()) == []


def test_who_may_not_even_read_a_colleagues_lock_goes_on_without(group_folder: Path) -> None:
    as_user(USERS[0], group_folder, 1, "077", LEAVE)
    (left,) = (group_folder / "locks").iterdir()
    left.chmod(0o600)
    done = as_user(USERS[1], group_folder, 1, "022", PUBLISH.replace("assert held", "assert not held"))
    assert done.returncode == 0, done.stderr


def test_a_store_of_ones_own_stays_ones_own(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o700)
    store = Store(tmp_path / "store")
    store.publish(ACTION, Output(files={"a.txt": b"a"}))
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.path.rglob("*") if path.is_dir()} == {0o700}


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file of the user's, with nothing that a store may do to it."""
    path = tmp_path / "precious"
    path.write_text("my key\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("how", ["symbolic link", "hard link"])
def test_a_link_in_the_place_of_a_lock_is_not_written_through(tmp_path: Path, precious: Path, how: str) -> None:
    locks = tmp_path / "store" / "locks"
    locks.mkdir(parents=True)
    if how == "symbolic link":
        (locks / "key").symlink_to(precious)
    else:
        os.link(precious, locks / "key")
    (tmp_path / "store").chmod(0o2775)
    with key_lock(tmp_path / "store", "key") as held:
        assert held
    assert precious.read_text() == "my key\n"
    assert stat.S_IMODE(precious.stat().st_mode) == 0o600


def test_a_lock_that_is_held_is_waited_for_though_its_file_has_another_name_besides(tmp_path: Path) -> None:
    stop = threading.Event()
    with key_lock(tmp_path, "key") as held:
        assert held
        os.link(tmp_path / "locks" / "key", tmp_path / "copy")
        stop.set()
        with key_lock(tmp_path, "key", stop=stop) as also:
            assert not also
    assert not (tmp_path / "locks" / "key").exists()


def test_who_may_not_make_a_lock_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locks").mkdir()
    opened = os.open

    def read_only(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(PermissionError):
        open_lock(tmp_path, tmp_path / "locks" / "key")


def test_a_folder_in_the_place_of_a_lock_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "store" / "locks" / "key").mkdir(parents=True)
    with pytest.raises(BadInput, match="locks/key: it is not a plain file; delete it"), key_lock(tmp_path / "store", "key"):
        pass


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_file_in_the_place_of_the_gate_is_one_clear_line(tmp_path: Path, precious: Path, kind: str) -> None:
    (tmp_path / "store" / "leases").mkdir(parents=True)
    lock = tmp_path / "store" / "leases" / "lock"
    lock.symlink_to(precious) if kind == "link" else os.mkfifo(lock)
    with pytest.raises(BadInput, match="leases/lock: it is not a plain file; delete it"), Gate(tmp_path / "store").alone():
        pass
    assert precious.read_text() == "my key\n"


def test_a_link_in_the_place_of_a_stamp_is_not_written_through(tmp_path: Path, precious: Path) -> None:
    objects = Objects(tmp_path / "store")
    digest, _ = objects.add(os.urandom(STAMPED_FROM))
    stamp = tmp_path / "store" / "checked" / digest[:2] / digest[2:]
    stamp.parent.mkdir(parents=True)
    stamp.symlink_to(precious)
    Objects(tmp_path / "store").checked(digest)
    assert precious.read_text() == "my key\n"
    assert stamp.is_file()
    assert not stamp.is_symlink()  # the stamp took the link's name


@pytest.mark.parametrize("folder", ["objects", "objects/ca", "records", "runs", "tmp", "locks", "leases", "local", "checked"])
def test_nothing_is_written_behind_a_link_in_the_place_of_a_folder(tmp_path: Path, folder: str) -> None:
    store, outside = Store(tmp_path / "store"), tmp_path / "outside"
    store.create()
    outside.mkdir()
    place = store.path / folder
    place.parent.mkdir(exist_ok=True)
    if place.is_dir():
        place.rmdir()
    place.symlink_to(outside)
    data = tmp_path / "data"
    data.write_text("a user's")
    content = os.urandom(STAMPED_FROM)

    def work() -> None:
        LocalFiles(store.objects).digest(data)
        with store.leasing(["mine"]), store.lock(ACTION):
            artifact = store.publish(ACTION, Output(files={"a.txt": b"a", "large.txt": content}))
            Store(store.path).objects.checked(artifact.manifest["files"]["large.txt"]["sha256"])
        store.runs.save(Run("mine", "x", "sft", 0, 1, {}, "2026"))

    if folder in ("local", "checked"):  # which only save time
        work()
    else:
        with pytest.raises(BadInput, match=f"{folder} is a symbolic link, and nothing is written behind one"):
            work()
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("folder", ["runs", "pins", "hollow"])
def test_nothing_is_deleted_behind_a_link_in_the_place_of_a_folder(tmp_path: Path, folder: str) -> None:
    store, outside = Store(tmp_path / "store"), tmp_path / "outside"
    store.create()
    outside.mkdir()
    (outside / "mine.json").write_text("another store's")
    (store.path / folder).symlink_to(outside)
    remove = {"runs": store.runs.remove, "pins": Keeps(store.path, store.objects).remove, "hollow": store.hollow.remove}[folder]
    with pytest.raises(BadInput, match=f"{folder} is a symbolic link, and nothing is deleted behind one"):
        remove("mine")
    assert (outside / "mine.json").read_text() == "another store's"


@pytest.mark.parametrize("folder", ["objects", "objects/ca"])
def test_a_damaged_object_behind_a_link_is_not_removed(tmp_path: Path, folder: str) -> None:
    store, outside = Store(tmp_path / "store"), tmp_path / "outside"
    digest, _ = store.objects.add(b"a")
    assert digest.startswith("ca")
    path = store.objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"b")
    (store.path / folder).rename(outside)
    (store.path / folder).symlink_to(outside)
    with pytest.raises(DamagedObject, match=r"can't be removed: .* is a symbolic link"):
        store.objects.checked(digest)
    assert path.read_bytes() == b"b"


def test_a_link_that_takes_the_place_of_a_file_in_the_making_is_not_written_through(tmp_path: Path) -> None:
    store, precious = Store(tmp_path / "store"), tmp_path / "precious"
    store.create()
    precious.write_text("mine")
    with store.objects.temporary() as scratch:
        scratch.path.unlink()
        scratch.path.symlink_to(precious)
        scratch.fill(b"a")
        with (tmp_path / "store" / MARKER).open("rb", buffering=0) as read:
            copy_file(read, scratch.opened)
        assert scratch.opened.read_bytes() == (tmp_path / "store" / MARKER).read_bytes()
        with pytest.raises(OSError, match="symbolic links"):
            store.objects.publish(scratch.path, store.path / "objects" / "published")
    assert precious.read_text() == "mine"


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("I am a file")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path, tmp_path / "objects" / "ab")
