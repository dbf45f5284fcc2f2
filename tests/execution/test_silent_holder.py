"""Who holds a lock and is killed, or stopped, does not block the others for ever; they say for whom they wait."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sirev
from tests.conftest import SIREV, Study, semantic_digests
from tests.execution.test_race import REPOSITORY
from tests.store.soundness import assert_sound
from tests.study.chain import HELD, STEPS

HOST = os.uname().nodename


def chain(store: Path, *arguments: object) -> subprocess.Popen[str]:
    call = [sys.executable, "-m", "tests.study.chain", str(store), *map(str, arguments)]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a step, whose lock it holds, until the file "held" is gone."""
    process = chain(tmp_path / "store", "--hold", tmp_path / "held")
    deadline = time.monotonic() + 60
    while not (tmp_path / "held").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None
    yield process
    process.kill()
    process.wait()


def computed(process: subprocess.Popen[str]) -> tuple[list[str], list[str]]:
    """The steps that a process computed, once it has ended, and its lines of progress."""
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    return json.loads(stdout), stderr.splitlines()


def test_a_holder_that_is_killed_is_followed_at_once(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    other = chain(tmp_path / "store")
    said = _first_line(other)
    assert said == f"sft seed 0  {HELD}:train  waiting for process {holder.pid} on {HOST}"
    holder.kill()
    names, lines = computed(other)
    assert not [line for line in lines if "continuing without" in line]  # else it waited for a minute
    assert names == [f"train:{number}" for number in range(HELD, STEPS + 1)]
    assert_sound(tmp_path / "store")


def test_a_holder_that_is_stopped_is_given_up_and_both_come_to_the_same_end(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGSTOP)
    other = chain(tmp_path / "store", "--give-up", 2)
    names, lines = computed(other)
    assert names == [f"train:{number}" for number in range(HELD, STEPS + 1)]
    who = f"process {holder.pid} on {HOST}"
    said = [line for line in lines if who in line]
    assert said == [
        f"sft seed 0  {HELD}:train  waiting for {who}",
        f"sft seed 0  {HELD}:train  continuing without {who}, silent for 2 s",
    ]
    assert_sound(tmp_path / "store")
    before = semantic_digests(sirev.Store(tmp_path / "store"))
    (tmp_path / "held").unlink()
    holder.send_signal(signal.SIGCONT)
    names, _ = computed(holder)
    assert names == [f"train:{number}" for number in range(1, HELD + 1)]  # the rest it found
    assert_sound(tmp_path / "store")
    assert semantic_digests(sirev.Store(tmp_path / "store")) == before
    assert len(before) == STEPS


IMPATIENT = """
import sys
from sirev.store import locks
locks.GIVE_UP_SECONDS = 3.0
from sirev.cli.main import main
sys.argv = ["sirev", *sys.argv[1:]]
main()
"""


@pytest.mark.soak
def test_a_study_goes_on_without_one_that_was_stopped_with_its_children(smoke: Study, tmp_path: Path) -> None:
    asked = ["iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", str(tmp_path / "store")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen([SIREV, *asked], start_new_session=True, **pipes)
    try:
        time.sleep(2)
        _stop_with_a_lock(first.pid, tmp_path / "store" / "locks")
        second = subprocess.run([sys.executable, "-c", IMPATIENT, *asked], capture_output=True, text=True, timeout=200)
        assert second.returncode == 0, second.stderr
        assert re.search(rf"continuing without process {first.pid} on {re.escape(HOST)}", second.stderr)
        assert_sound(tmp_path / "store")
        os.killpg(first.pid, signal.SIGCONT)
        _, stderr = first.communicate(timeout=200)
        assert first.returncode == 0, stderr
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert_sound(tmp_path / "store")
    run = smoke.of("sft").id
    expected = {step: digest for step, digest in semantic_digests(smoke.store).items() if step.startswith(run)}
    assert semantic_digests(sirev.Store(tmp_path / "store")) == expected


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().rstrip("\n")


def _stop_with_a_lock(group: int, locks: Path) -> None:
    """Stop a process group at a moment in which it holds the lock of some step."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        os.killpg(group, signal.SIGSTOP)
        if locks.is_dir() and any(locks.iterdir()):
            return
        os.killpg(group, signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("it never held a lock")
