"""Fixtures for tests of the sandbox: a place to attack, workers to attack it from, and a search for remains."""

from __future__ import annotations

import contextlib
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.grading.sandbox import Tier
from sirev.grading.sandbox.tiers import trouble
from tests.conftest import alive, eventually
from tests.grading.sandbox.hostile_programs import IPC_KEY, MARK, PORT, SECRET, SECRET_NAME, Place, Pools


@pytest.fixture(scope="module", params=["A", "B"])
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each confining tier; skips if the machine lacks it."""
    if reason := trouble(request.param):
        pytest.skip(f"no tier {request.param}: {reason}")
    found: Tier = request.param
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A home, a store and a work folder; afterwards they must be unchanged, and nothing may remain elsewhere."""
    place = Place(tmp_path_factory.mktemp("place"))
    place.plant()
    before = place.digests(), _interpreter(), left_behind()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(place.work):
        patch.setenv("HOME", str(place.home))
        patch.setenv(SECRET_NAME, SECRET)
        yield place
        assert (place.digests(), _interpreter(), left_behind()) == before


@pytest.fixture(scope="module")
def pools(tier: Tier, place: Place) -> Iterator[Pools]:
    """Pools of the tier's workers."""
    with Pools(tier) as pools:
        yield pools


def left_behind() -> list[str]:
    """Remaining workers of this process, and anything with the programs' mark."""
    eventually(lambda: not workers())
    return [*(f"worker {pid}" for pid in workers()), *_sockets(), *_shared(), *_files()]


def workers(harness: int | None = None) -> list[int]:
    """Ids of a harness's workers (by default this process's) and of their programs, forks with the same command line."""
    said = ("sirev.grading.sandbox.worker", f" {harness or os.getpid()} ")
    return [pid for pid, command in _commands().items() if all(part in command for part in said) and alive(pid)]


def _commands() -> dict[int, str]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry)] = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


def _sockets() -> list[str]:
    unix = [line for line in Path("/proc/net/unix").read_text().splitlines() if MARK in line]
    listening = f":{PORT:04X} 00000000:0000 0A"
    return unix + [line for line in Path("/proc/net/tcp").read_text().splitlines() if listening in line]


def _shared() -> list[str]:
    lines = [line for kind in ("shm", "sem", "msg") for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()]
    found = [line for line in lines if line.split()[0] == str(IPC_KEY)]
    with contextlib.suppress(OSError):
        found += [line for line in Path("/proc/keys").read_text().splitlines() if MARK in line]
    return found


def _files() -> list[str]:
    repository = Path(__file__).resolve().parents[3]
    own = [sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), f"{sysconfig.get_path('stdlib')}/__pycache__"]
    found = []
    temporary = ["/tmp", "/var/tmp", "/dev", "/dev/shm", "/dev/mqueue", "/run"]
    for folder in [os.curdir, "/", "/etc", "/usr", *temporary, str(repository), *own]:
        with contextlib.suppress(OSError):
            found += [f"{folder}/{name}" for name in os.listdir(folder) if MARK in name or name == "math.py"]
    return found


def _interpreter() -> list[tuple[int, ...]]:
    """State of the standard library's files that programs try to modify, without the time of the last access."""
    found = [os.stat(path) for path in sorted(Path(sysconfig.get_path("stdlib")).glob("json/**/__init__*"))]
    return [(one.st_mode, one.st_uid, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_nlink) for one in found]
