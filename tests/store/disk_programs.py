"""Programs that `tests.store.disks` runs where it may mount disks: each makes assertions, and prints facts for its test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sirev
from tests.conftest import SIREV, semantic_digests, tree
from tests.store.crash_programs import PROGRAMS
from tests.store.disks import Disk, no_space_left
from tests.store.soundness import assert_sound, contents


def at_every_step(folder: str, name: str, what: str) -> None:
    """Run a crash program with more and more `what` ("pages", "inodes") left, until it finishes."""
    program = PROGRAMS[name]
    disk = Disk(Path(folder), pages=2048, inodes=512)
    store = disk.folder / "store"
    program.prepare(store)
    program.run(store)
    expected = contents(store)
    failures = 0
    for left in range(400):
        disk.clear()
        program.prepare(store)
        disk.leave(**{what: left})
        with no_space_left() as met:
            program.run(store)
        if not program.from_damage:
            assert_sound(store)
        disk.free()
        if not met:
            break
        failures += 1
        program.run(store)
        assert_sound(store)
        assert contents(store) == expected
    print(failures, "failures")


def iterate(disk: Disk, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `sirev iterate` on the store of a disk."""
    return subprocess.run(
        [SIREV, "iterate", "--recipe", "tiny_smoke", "--store", disk.folder / "store", *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "NO_COLOR": "1"},
    )


def iterated(folder: str, finished: str, stages: str, *steps: str) -> None:
    """Finish a study whose records of `stages` were deleted, with more and more pages left.

    With "all", one method is computed from nothing.
    """
    disk = Disk(Path(folder), pages=1 << 16, inodes=1 << 16)
    store = disk.folder / "store"
    asked = ("--method", "sft") if stages == "all" else ()
    if stages != "all":
        shutil.copytree(finished, store)
        for record in (store / "records").glob("*/*/*.json"):
            if any(f'"stage":"{stage}"' in record.read_text() for stage in stages.split(",")):
                record.unlink()
        shutil.rmtree(store / "runs")
    for left in map(int, steps):
        disk.leave(pages=left)
        done = iterate(disk, *asked)
        print(left, done.returncode, done.stderr.splitlines()[-1])
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        if done.returncode == 0:
            break
        assert done.returncode in (1, 2), done.stderr
        for line in (line for line in done.stderr.splitlines() if line.startswith("sirev: ")):
            assert "No space left on device" in line, line
            assert str(store) in line, line
        assert_sound(store)
    disk.free()
    done = iterate(disk, *asked)
    assert done.returncode == 0, done.stderr
    assert_sound(store)
    runs = sirev.Store(store).runs.ids()
    expected = semantic_digests(sirev.Store(finished)).items()
    assert semantic_digests(sirev.Store(store)) == {step: digest for step, digest in expected if step.startswith(tuple(runs))}
    assert len(runs) == (1 if asked else 3)


def read_only(folder: str, finished: str) -> None:
    """Replay, report and plan on a read-only disk, and request steps that it lacks."""
    disk = Disk(Path(folder), pages=1 << 16, inodes=1 << 16)
    store = disk.folder / "store"
    shutil.copytree(finished, store)
    disk.read_only()
    before = tree(store)
    for command in (["iterate"], ["plan"], ["report"]):
        asked = [SIREV, *command, "--recipe", "tiny_smoke", "--store", store]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
    more = iterate(disk, "--set", "T=2")
    assert more.returncode in (1, 2)
    print(more.stderr.splitlines()[-1])
    assert "Traceback" not in more.stderr
    assert tree(store) == before


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
