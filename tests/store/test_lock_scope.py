from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from sirev.store import lock_scope
from sirev.store.lock_scope import doubt_of, lock_doubt, mount_of, mounts_in

MOUNTS = r"""
27 0 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard
41 27 0:52 / /home rw,relatime shared:9 - nfs4 nas:/home rw,vers=4.2,hard,proto=tcp,sec=sys,local_lock=none,addr=10.0.0.7
42 27 0:53 / /old rw,relatime - nfs nas:/old rw,vers=3,nolock,proto=tcp,local_lock=all,addr=10.0.0.7
43 27 0:54 / /flock rw,relatime - nfs nas:/f rw,vers=3,local_lock=flock,addr=10.0.0.7
44 27 0:55 / /scratch rw,relatime - lustre 10.0.0.9@o2ib:/scratch rw,flock,lazystatfs
45 27 0:56 / /lscratch rw,relatime - lustre 10.0.0.9@o2ib:/l rw,localflock,lazystatfs
46 27 0:57 / /mnt/my\040laptop rw,nosuid,nodev,relatime - fuse.sshfs me@laptop: rw,user_id=1000,group_id=1000
47 27 0:58 / /vm rw,relatime - 9p host rw,access=client,trans=virtio
48 27 0:59 / /win rw,relatime - cifs //srv/share rw,vers=3.1.1,nobrl
49 27 0:60 / /win2 rw,relatime - cifs //srv/share rw,vers=3.1.1
50 27 0:61 / /var/lib/box rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c
51 41 0:62 / /home/ada/local rw,relatime - xfs /dev/sdb1 rw
""".strip()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/srv/store", None),
        ("/home/ada/store", None),
        ("/old/store", "/old is mounted with nolock (nfs), which keeps locks to one machine"),
        ("/flock/store", "/flock is mounted with local_lock=flock (nfs), which keeps locks to one machine"),
        ("/scratch/store", None),
        ("/lscratch", "/lscratch is mounted with localflock (lustre), which keeps locks to one machine"),
        ("/mnt/my laptop/store", "/mnt/my laptop (fuse.sshfs) may keep locks to one machine"),
        ("/vm/store", "/vm (9p) may keep locks to one machine"),
        ("/win/store", "/win is mounted with nobrl (cifs), which keeps locks to one machine"),
        ("/win2/store", None),
        ("/var/lib/box/store", None),
        ("/home/ada/local/store", None),
        ("/oldish/store", None),
    ],
)
def test_locks_are_doubted_where_the_mount_says_that_they_stay_on_one_machine(path: str, said: str | None) -> None:
    mount = mount_of(path, mounts_in(MOUNTS))
    assert mount is not None
    assert doubt_of(mount) == said


def test_of_two_mounts_at_one_place_the_later_counts() -> None:
    text = f"{MOUNTS}\n60 27 0:70 / /old rw,relatime - tmpfs tmpfs rw"
    mount = mount_of("/old/store", mounts_in(text))
    assert mount is not None
    assert mount.kind == "tmpfs"


def test_lines_that_are_no_mounts_are_passed_over() -> None:
    assert mounts_in("nothing\n1 2 0:1 / /x rw\n - ext4\n") == []


def test_a_store_s_own_mount_is_found_through_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "store").symlink_to("real")
    text = tmp_path / "mountinfo"
    text.write_text(f"27 0 259:1 / / rw - ext4 /dev/root rw\n28 27 0:9 / {tmp_path}/real rw - 9p host rw\n")
    monkeypatch.setattr(lock_scope, "_MOUNTS", text)
    assert lock_doubt(tmp_path / "store") == f"{tmp_path}/real (9p) may keep locks to one machine"
    assert list((tmp_path / "real" / "locks").iterdir()) == []


@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_that_refuses_locks_is_told_by_trying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refused(fd: int, how: int) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "flock", refused)
    assert lock_doubt(tmp_path) == f"its file system refuses locks: {os.strerror(refusal)}"
    assert list((tmp_path / "locks").iterdir()) == []
