"""The same programs as an ordinary user, where the tests run as root: what confines them then is not what confines root's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sirev.grading.grade import RIGHT
from sirev.grading.sandbox import kernel
from tests.conftest import eventually
from tests.grading.sandbox.conftest import left_behind
from tests.grading.sandbox.hostile_programs import HONEST, HOSTILE, SECRET, SECRET_NAME, Place, Tried, accepted

USERS = {"A": 54_321, "B": 54_322}
"""Nobody's, and one a tier, since both tests may run at a time."""
REPOSITORY = Path(__file__).resolve().parents[3]
NOT_HERE = 77
"""Status of a process that could not become the user."""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="tests run as an ordinary user already, or not on Linux"
)


def become_the_user(folder: str, tier: str) -> None:
    """Open the way to the interpreter, in a mount namespace of this process's own; go on as the user, in another program."""
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        _open_the_way({sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), str(REPOSITORY)})
        os.setgroups([])
        os.setresgid(*[USERS[tier]] * 3)
        os.setresuid(*[USERS[tier]] * 3)
        os.chdir(REPOSITORY)
        environment = {"HOME": f"{folder}/home", SECRET_NAME: SECRET, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.grading.sandbox.hostile_programs", folder, tier]
        os.execve(sys.executable, command, environment)
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(NOT_HERE)


def _open_the_way(paths: set[str]) -> None:
    """Where a folder on the way to these is closed to others, such as root's home, put one in its place that holds them alone."""
    closed: dict[Path, list[Path]] = {}
    for path in map(Path, sorted(paths)):
        for above in reversed(path.resolve().parents):
            if not above.stat().st_mode & 0o001:
                closed.setdefault(above, []).append(path.resolve())
                break
    for folder, within in closed.items():
        held = {path: os.open(path, os.O_PATH) for path in within}
        kernel.mount("sirev-tests", str(folder), "tmpfs", kernel.MS_NOSUID, "mode=0755")
        for path, descriptor in held.items():
            path.mkdir(parents=True, exist_ok=True)
            kernel.mount(f"/proc/self/fd/{descriptor}", str(path), None, kernel.MS_BIND | kernel.MS_REC)
            os.close(descriptor)


@pytest.mark.parametrize("tier", ["A", "B"])
@pytest.mark.slow
def test_no_hostile_program_passes_and_every_honest_one_does(tier: str) -> None:
    """One test a tier: the way has to be opened anew for each process that runs some."""
    place = Place(Path(tempfile.mkdtemp(prefix="sirev-user-")))
    try:
        place.plant()
        for path in [place.folder, *place.folder.rglob("*")]:
            os.chown(path, USERS[tier], USERS[tier])
        before = place.digests(), left_behind()
        report = _report(place, tier)
        assert (place.digests(), left_behind()) == before
    finally:
        shutil.rmtree(place.folder)
    assert report["uid"] == USERS[tier]
    if report["refused"]:
        pytest.skip(f"no tier {tier} for an ordinary user: {report['refused']}")
    tried = {name: Tried(**one) for name, one in report["tried"].items()}
    assert set(tried) == {*HOSTILE, *HONEST}
    wrong = {name: tried[name] for name in HOSTILE if not accepted(name, tried[name])}
    wrong |= {name: tried[name] for name in HONEST if tried[name] != Tried(RIGHT, RIGHT, True)}
    assert not wrong, "\n".join(f"{name}: {one}" for name, one in wrong.items())
    assert eventually(lambda: not _processes_of(USERS[tier])), _processes_of(USERS[tier])


def _report(place: Place, tier: str) -> dict[str, Any]:
    """What the user found."""
    code = "import sys; from tests.grading.sandbox.test_as_ordinary_user import become_the_user as b; b(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(place.folder), tier]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900)
    if ran.returncode == NOT_HERE:
        pytest.skip(f"root can't make an ordinary user of a process here: {ran.stderr.strip()}")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _processes_of(user: int) -> list[str]:
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{entry}").st_uid == user:
                found.append(entry)
        except OSError:
            continue
    return found
