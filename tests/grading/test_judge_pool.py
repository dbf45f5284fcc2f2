from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sirev.grading.equivalence import by_algebra, prepare
from sirev.grading.grade import Reason
from sirev.grading.judge_pool import PAIRS_AT_A_TIME, judge_all, memory_of_each
from sirev.processes import memory as memory_of_this_process
from tests.conftest import alive, eventually
from tests.grading.judges import fail_to_start, hash_of, hostile, spin

SCRIPT = f"""
import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from sirev.grading.judge_pool import judge_all
from tests.grading.judges import spin, tell_and_sleep
"""


def test_reasons_keep_the_order_of_the_items_and_each_is_told_once() -> None:
    items = ["good" if i % 3 else "bad" for i in range(5 * PAIRS_AT_A_TIME + 3)]
    told: list[int] = []
    reasons = judge_all(hostile, items, seconds=5, workers=2, judged=told.append)
    assert reasons == ["right" if item == "good" else "wrong" for item in items]
    assert sorted(told) == list(range(len(items)))


def test_nothing_to_judge_starts_nothing() -> None:
    assert judge_all(hostile, [], seconds=5, workers=2, prepare=fail_to_start) == []


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("loop", "timeout"),
        ("loop that swallows", "timeout"),
        ("never returns", "timeout"),
        ("sleeps", "timeout"),
        ("dies", "error"),
        ("leaves", "error"),
        ("raises", "error"),
        ("hungry", "error"),
    ],
)
@pytest.mark.slow
def test_only_the_guilty_item_is_blamed(item: str, reason: Reason) -> None:
    items = ["good", "bad", item, "good", "bad"]
    told: list[int] = []
    seconds = 0.2 if item == "sleeps" else 0.5  # the wall clock's limit is ten times that for each item of the chunk
    reasons = judge_all(hostile, items, seconds=seconds, workers=1, judged=told.append)
    assert reasons == ["right", "wrong", reason, "right", "wrong"]
    assert sorted(told) == [0, 1, 2, 3, 4]


GB = 1 << 30


@pytest.mark.parametrize(
    ("machine", "workers", "each"),
    [
        (64 * GB, 1, 4 * GB),
        (64 * GB, 8, 4 * GB),
        (64 * GB, 16, 2 * GB),
        (16 * GB, 4, 2 * GB),
        (8 * GB, 8, GB // 2),
        (2 * GB, 16, GB // 2),
    ],
)
def test_all_workers_take_half_of_the_machine_at_most(
    machine: int, workers: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(machine, monkeypatch)
    assert memory_of_each(workers) == each


def simulate(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of so many bytes."""
    monkeypatch.setattr(memory_of_this_process, "_GROUPS", Path("/none"))
    said = {"SC_PHYS_PAGES": memory >> 12, "SC_PAGE_SIZE": 1 << 12}
    monkeypatch.setattr(os, "sysconf", lambda name, really=os.sysconf: said.get(name) or really(name))


def test_a_bomb_on_a_small_machine_is_an_error_and_what_is_beside_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    items = ["good", "takes 2 GB", "bad", "good"]
    assert judge_all(hostile, items, seconds=5, workers=2) == ["right", "right", "wrong", "right"]
    simulate(2 * GB, monkeypatch)
    assert judge_all(hostile, items, seconds=5, workers=2) == ["right", "error", "wrong", "right"]


def test_algebra_has_room_in_the_least_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(GB, monkeypatch)
    pairs = [(r"\frac{1}{2}", "0.5"), ("x^2-4", "(x-2)(x+2)"), ("2", r"\frac{1}{2}"), (r"10\sqrt{3}", r"10\sqrt3")]
    found = judge_all(by_algebra, pairs, seconds=20, workers=8, prepare=prepare)
    assert found == ["right", "right", "wrong", "right"]


def test_all_the_guilty_in_one_chunk_are_blamed() -> None:
    items = ["dies", "good", "never returns", "dies", "good", "loop"]
    reasons = judge_all(hostile, items, seconds=1, workers=2)
    assert reasons == ["error", "right", "timeout", "error", "right", "timeout"]


@pytest.mark.slow
def test_a_busy_machine_changes_no_verdict() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3 * (os.cpu_count() or 1))]
    try:
        began = time.monotonic()
        assert judge_all(spin, [0.5] * 4, seconds=1, workers=2) == ["right"] * 4
        assert time.monotonic() - began > 4 * 1 / 2  # it did take longer than the limit by the wall clock
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_sets_have_the_same_order_in_every_worker() -> None:
    items = [f"item {i}" for i in range(3 * PAIRS_AT_A_TIME)]
    before = os.environ.get("PYTHONHASHSEED")
    assert judge_all(hash_of, items, seconds=5, workers=2) == judge_all(hash_of, items, seconds=5, workers=1)
    assert os.environ.get("PYTHONHASHSEED") == before


def test_workers_that_cannot_start_are_an_error_and_no_endless_wait() -> None:
    with pytest.raises(RuntimeError, match="failed 3 times"):
        judge_all(hostile, ["good"], seconds=1, workers=2, prepare=fail_to_start)


def test_a_worker_killed_from_outside_costs_no_verdict() -> None:
    script = SCRIPT + "print(judge_all(spin, [1.0, 1.0], seconds=20, workers=1))"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert eventually(lambda: any(_cpu_seconds(worker) > 0.8 for worker in _workers_of(parent.pid)))
    for worker in _workers_of(parent.pid):
        os.kill(worker, signal.SIGKILL)
    said, _ = parent.communicate(timeout=60)
    assert said.strip() == "['right', 'right']"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_workers_are_gone_after_their_parent(tmp_path: Path, sign: signal.Signals) -> None:
    script = SCRIPT + f"judge_all(tell_and_sleep, [{str(tmp_path)!r}] * 64, seconds=1000, workers=2)"
    parent = subprocess.Popen([sys.executable, "-c", script])
    assert eventually(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert all(alive(worker) for worker in workers)
    parent.send_signal(sign)
    parent.wait()
    assert eventually(lambda: not any(alive(worker) for worker in workers))


def test_workers_are_gone_after_the_call() -> None:
    judge_all(hostile, ["good", "never returns"], seconds=0.2, workers=2)
    assert _workers_of(os.getpid()) == []


def _workers_of(parent: int) -> list[int]:
    """The spawned processes of a process, by /proc; its resource tracker is none of them."""
    found = []
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread or child that has just ended
            found += [int(pid) for pid in path.read_text().split() if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # it has just ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
