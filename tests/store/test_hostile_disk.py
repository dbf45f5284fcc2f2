"""Disks that are full, may not be written to or read, have no locks; clocks that go back: a clear line, and a sound store."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sirev
from sirev.store.objects import ABANDONED_SECONDS
from tests.conftest import SIREV, Study, semantic_digests, tree
from tests.store.crash_programs import PROGRAMS
from tests.store.disks import within
from tests.store.soundness import assert_sound

NEED_SPACE = [name for name in PROGRAMS if not name.startswith(("collect", "stamp")) or name == "collect models"]


@pytest.mark.parametrize("name", NEED_SPACE)
@pytest.mark.slow
def test_a_disk_full_at_any_write_leaves_a_sound_store_that_goes_on_later(name: str, tmp_path: Path) -> None:
    for what in ("pages", "inodes"):
        failures = int(within("at_every_step", tmp_path, name, what).split()[0])
        assert failures >= 1 or name == "use what is damaged"  # which frees some before it writes


@pytest.mark.parametrize("name", ["collect", "collect runs"])
def test_a_collection_needs_no_space(name: str, tmp_path: Path) -> None:
    for what in ("pages", "inodes"):
        assert within("at_every_step", tmp_path, name, what) == "0 failures\n"


@pytest.mark.slow
def test_a_run_on_a_full_disk_says_which_and_goes_on_once_there_is_space(smoke: Study, tmp_path: Path) -> None:
    told = within("iterated", tmp_path, smoke.store.path, "compare,measure", *range(0, 12, 2), 20)
    assert told.count(" 1 sirev: failed: ") >= 4  # it was full at several steps


@pytest.mark.slow
def test_a_whole_run_on_a_full_disk_says_which_and_goes_on_once_there_is_space(smoke: Study, tmp_path: Path) -> None:
    told = within("iterated", tmp_path, smoke.store.path, "all", 0, 10, 40, 120, 240, timeout=900)
    assert told.count(" 1 sirev: failed: ") >= 4


def test_a_disk_that_may_only_be_read_replays_and_says_clearly_what_it_can_not_do(smoke: Study, tmp_path: Path) -> None:
    told = within("read_only", tmp_path, smoke.store.path)
    assert "Read-only file system" in told
    assert str(tmp_path / "store") in told


AS_NOBODY = """
import os, sys, rich.console, rich.table, sirev, sirev.cli.iterate, sirev.cli.report
from sirev.cli.main import main
sirev.plan("tiny_smoke", store="/nowhere")  # imports all there is to import, while it still may
if os.geteuid() == 0:  # who may read everything
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.argv = ["sirev", *sys.argv[1:]]
main()
"""


@pytest.fixture
def open_copy(smoke: Study) -> Iterator[Path]:
    """A copy of the finished store where anybody may read, and nobody but its owner write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        store = shutil.copytree(smoke.store.path, Path(folder) / "store")
        yield store
        for path in (store, *store.rglob("*")):  # so that it can be deleted by an ordinary user
            path.chmod(0o755 if path.is_dir() else 0o644)


def barred(store: Path, of: str) -> list[Path]:
    """Something of the finished runs that everybody may read up to now: of all comparisons, whichever is read."""
    opened = sirev.Store(store)
    records = [record for record in opened.records.all() if record.action["stage"] == "compare"]
    paths = [opened.records.path(record.key, record.artifact) for record in records]
    files = [opened.artifact(record.artifact).manifest["files"].values() for record in records]
    return {
        "marker": [store / "sirev-store.json"],
        "run": [store / "runs" / f"{run_id}.json" for run_id in opened.runs.ids()],
        "record": paths,
        "folder of records": [path.parent for path in paths],
        "manifest": [opened.objects.path(record.artifact) for record in records],
        "object": [opened.objects.path(entry["sha256"]) for entries in files for entry in entries],
        "folder of objects": [store / "objects"],
    }[of]


@pytest.mark.parametrize("of", ["marker", "run", "record", "folder of records", "manifest", "object", "folder of objects"])
@pytest.mark.parametrize("command", ["iterate", "report"])
def test_what_may_not_be_read_is_one_clear_line(open_copy: Path, command: str, of: str) -> None:
    paths = barred(open_copy, of)
    for folder in (open_copy, *(path for path in open_copy.rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    before = tree(open_copy)
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0)
    call = [sys.executable, "-c", AS_NOBODY, command, "--recipe", "tiny_smoke", "--method", "sft", "--store", open_copy]
    done = subprocess.run(call, capture_output=True, text=True, timeout=100)
    assert "Traceback" not in done.stderr
    assert done.returncode in (1, 2), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sirev: ")]
    assert "Permission denied" in line
    assert any(str(path) in line for path in (paths if of != "marker" else [open_copy]))
    for path, mode in modes.items():
        path.chmod(mode)
    assert tree(open_copy) == before


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment that makes a process meet what `shim.c` has."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler for tests/store/shim.c")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, Path(__file__).with_name("shim.c"), "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


@pytest.fixture
def shimmed(shim: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `sirev` with the shim; keyword arguments say what it is to do."""
    own = str(tmp_path_factory.mktemp("own"))  # a scratch folder without a lock is swept by whoever has locks

    def call(*arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
        given = {name: str(value) for name, value in environment.items()}
        done = subprocess.run(
            [SIREV, *map(str, arguments)],
            env={**os.environ, **shim, **given, "NO_COLOR": "1", "TMPDIR": own},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        return done

    return call


def forget(store: Path, *stages: str) -> None:
    """Delete the records of stages, and the runs."""
    for record in (store / "records").glob("*/*/*.json"):
        if any(f'"stage":"{stage}"' in record.read_text() for stage in stages):
            record.unlink()
    shutil.rmtree(store / "runs")


@pytest.mark.parametrize("said", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS], ids=["ENOTSUP", "ENOLCK", "ENOSYS"])
@pytest.mark.slow
def test_a_file_system_without_flock_is_no_obstacle(
    shimmed: Callable[..., subprocess.CompletedProcess[str]], smoke: Study, smoke_copy: Path, said: int
) -> None:
    forget(smoke_copy, "compare", "measure")
    done = shimmed("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy, NO_FLOCK=said)
    assert " computed" in done.stderr
    assert ", 0 computed" not in done.stderr
    assert_sound(smoke_copy)
    assert semantic_digests(sirev.Store(smoke_copy)) == semantic_digests(smoke.store)
    shimmed("store", "gc", "--yes", "--store", smoke_copy, NO_FLOCK=said)
    assert_sound(smoke_copy)
    assert semantic_digests(sirev.Store(smoke_copy)) == semantic_digests(smoke.store)


@pytest.mark.slow
def test_a_whole_study_needs_no_flock(
    shimmed: Callable[..., subprocess.CompletedProcess[str]], smoke: Study, tmp_path: Path
) -> None:
    shimmed("iterate", "--recipe", "tiny_smoke", "--store", tmp_path / "store", NO_FLOCK=errno.ENOTSUP)
    assert_sound(tmp_path / "store")
    assert semantic_digests(sirev.Store(tmp_path / "store")) == semantic_digests(smoke.store)


DAY = 24 * 3600


@pytest.mark.parametrize("after", [0, 1], ids=["from the start", "on the way"])
@pytest.mark.slow
def test_a_clock_that_goes_back_changes_no_result(
    shimmed: Callable[..., subprocess.CompletedProcess[str]], smoke: Study, smoke_copy: Path, after: int
) -> None:
    forget(smoke_copy, "compare", "measure")
    shimmed("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy, CLOCK_BACK=400 * DAY, CLOCK_AFTER=after)
    assert_sound(smoke_copy)
    assert semantic_digests(sirev.Store(smoke_copy)) == semantic_digests(smoke.store)
    replay = shimmed("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy)
    assert ", 0 computed" in replay.stderr


@pytest.mark.slow
def test_a_report_is_about_the_last_iterate_though_the_clock_went_back(
    shimmed: Callable[..., subprocess.CompletedProcess[str]], smoke_copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shimmed("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy)
    shimmed("iterate", "--recipe", "tiny_smoke", "--method", "sft", "--set", "T=2", "--store", smoke_copy, CLOCK_BACK=DAY)
    told = shimmed("report", "accuracy", "--format", "json", "--store", smoke_copy).stdout
    assert '"sft"' in told
    assert '"dpo"' not in told


@pytest.mark.slow
def test_a_clock_that_is_ahead_takes_nothing_from_who_is_writing(
    shimmed: Callable[..., subprocess.CompletedProcess[str]], smoke_copy: Path
) -> None:
    store = sirev.Store(smoke_copy)
    ahead = -2 * ABANDONED_SECONDS
    with store.objects.temporary() as scratch:
        scratch.fill(b"on the way")
        shimmed("iterate", "--recipe", "tiny_smoke", "--method", "sft", "--set", "T=2", "--store", smoke_copy, CLOCK_BACK=ahead)
        store.objects.publish(scratch.path, smoke_copy / "objects" / "published")
    assert (smoke_copy / "objects" / "published").read_bytes() == b"on the way"
