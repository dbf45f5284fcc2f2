"""The harness: what it hands out and takes back, whatever becomes of workers, of the programs' source and of itself."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sirev.grading.sandbox import Limits, NoWorker, Outcome, Program, Question, Tier, run
from sirev.grading.sandbox import pool as pool_module
from sirev.grading.sandbox.pool import BOOT, ENVIRONMENT, Pool, Worker
from sirev.grading.sandbox.tiers import trouble
from tests.conftest import alive, eventually
from tests.grading.sandbox.conftest import workers
from tests.grading.sandbox.hostile_programs import GOOD

LIMITS = Limits(2, 256 << 20)
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    """Every test here ends without a process of its own."""
    yield
    ended, left = eventually(lambda: not workers()), workers()
    kill(left)
    assert ended, left


class Unhurried(Limits):
    """Limits for programs that only wait, with wall-clock time enough for others to end beside them."""

    @property
    def wall(self) -> float:
        return 2.0


def asking(source: str, *expressions: str) -> Program:
    return Program((source,), tuple(Question("value", one) for one in expressions))


def said(outcome: Outcome) -> tuple[str, str, tuple[object, ...]]:
    return outcome.ended, outcome.detail, outcome.answers


SLEEPS = "import time\ntime.sleep({})"
ENDLESS = asking(SLEEPS.format(10**6))
VARIOUS = [
    asking(source, "f(2)")
    for source in [
        *(f"def f(x): return x * {i}" for i in range(30)),
        GOOD,
        "import os\nos._exit(3)",
        "import os\nos.fork()",
        "def f(x): return 1 // 0",
        "def f(x) return x",
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
        "def f(x): return [bytes(1 << 20) for _ in range(1000)]",
        "print('x' * 100_000)\ndef f(x): return {x: 'é\\ud800\\0'}",
        "def f(x): return len('x = 1' * 10**5)",
    ]
]


def test_outcomes_do_not_depend_on_the_number_of_workers(tier: Tier) -> None:
    found = [{i: said(one) for i, one in run(VARIOUS, LIMITS, workers=n, tier=tier)} for n in (1, 2, 5, 2)]
    assert len(found[0]) == len(VARIOUS)
    assert found == [found[0]] * 4
    assert {ended for ended, _, _ in found[0].values()} == {
        *("done", "no verdict", "forbidden call", "exception", "syntax error", "killed", "memory")
    }


def test_a_slow_program_holds_no_other_up(tier: Tier) -> None:
    quick = [asking(GOOD, f"f({i})") for i in range(20)]
    slow = asking(SLEEPS.format(10), "1")
    outcomes = run([slow, *quick], LIMITS, workers=2, tier=tier)
    assert [next(outcomes)[0] for _ in quick] == [*range(1, 21)]
    outcomes.close()  # type: ignore[attr-defined]


def test_no_program_is_no_outcome_and_no_worker(tier: Tier) -> None:
    assert list(run([], LIMITS, workers=2, tier=tier)) == []


def test_programs_are_taken_as_workers_become_free(tier: Tier) -> None:
    taken = 0

    def coming() -> Iterator[Program]:
        nonlocal taken
        for i in range(100):
            taken += 1
            yield asking("", str(i))

    for done, (_, outcome) in enumerate(run(coming(), LIMITS, workers=3, tier=tier), 1):
        assert outcome.ended == "done"
        assert taken <= done + 3


# A worker that dies.


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def running(harness: int | None = None) -> list[int]:
    """Programs that run now: a filter of system calls more tells them from their workers."""
    return [pid for pid in workers(harness) if status(pid, "Seccomp_filters") > status(os.getpid(), "Seccomp_filters")]


def status(pid: int, key: str) -> int:
    """A number that the kernel says of a process; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)


def the_worker() -> list[int]:
    """What this process started: in tier A the parent of the one that runs programs."""
    return [pid for pid in workers() if status(pid, "PPid") == os.getpid()]


def what_forks() -> list[int]:
    """The process that runs programs, the first of its namespace in tier A."""
    parents = {status(pid, "PPid") for pid in running()}
    return [pid for pid in workers() if pid in parents]


def what_runs_a_program() -> list[int]:
    """Of what this process started, those with a program: no worker that has just begun."""
    forking = what_forks()
    above = {*forking, *(status(pid, "PPid") for pid in forking)}
    return [pid for pid in the_worker() if pid in above]


@pytest.mark.parametrize("which", [the_worker, what_forks, running])
def test_a_killed_worker_loses_no_program(which: Callable[[], list[int]], tier: Tier) -> None:
    outcomes = {}
    slow = asking(SLEEPS.format(10 if which is running else 1), "1")
    for index, outcome in run([asking("", "0"), slow, asking("", "2")], LIMITS, workers=1, tier=tier):
        outcomes[index] = outcome
        if index == 0:  # the slow one runs by now
            assert eventually(lambda: running() != [])
            kill(which())
    assert [said(outcomes[i]) for i in (0, 2)] == [("done", "", (0,)), ("done", "", (2,))]
    # A program that is killed by itself has had its turn.
    assert said(outcomes[1]) == (("killed", "SIGKILL", ()) if which is running else ("done", "", (1,)))


def test_what_dies_with_its_worker_twice_is_killed(tier: Tier) -> None:
    ended = threading.Event()

    def keep_killing() -> None:
        before: set[int] = set()
        while not ended.is_set():
            now = set(what_runs_a_program())
            kill([*(now & before)])  # one that only tries a filter, as it begins, is seen once
            before = now
            time.sleep(0.02)

    killer = threading.Thread(target=keep_killing)
    killer.start()
    try:
        outcomes = dict(run([ENDLESS], LIMITS, workers=1, tier=tier))
    finally:
        ended.set()  # else it would kill the workers of later tests
        killer.join()
    assert [one.ended for one in outcomes.values()] == ["killed"]


def test_a_worker_that_died_idle_is_replaced(tier: Tier) -> None:
    with Pool(tier, LIMITS, 2) as pool:
        for turn in range(3):
            outcomes = dict(pool.run([asking("", str(turn))] * 4))
            assert [said(one) for one in outcomes.values()] == [("done", "", (turn,))] * 4
            kill(the_worker())
            assert eventually(lambda: not workers())


def test_a_program_that_waits_runs_once_more_alone(tier: Tier) -> None:
    began = time.monotonic()
    outcomes = dict(run([ENDLESS, *VARIOUS[:5], ENDLESS], Unhurried(1), workers=2, tier=tier))
    assert [outcomes[i].ended for i in range(7)] == ["wall timeout", *["done"] * 5, "wall timeout"]
    assert list(outcomes)[-2:] == [0, 6]
    assert time.monotonic() - began >= 3 * Unhurried(1).wall  # their time by the clock at once, then in turn


def test_a_program_that_is_late_after_half_its_cpu_time_runs_once_more_alone(tier: Tier) -> None:
    """On a loaded machine the clock's limit may end an honest program that has used that much."""
    began = time.monotonic()
    busy = asking("import time\nwhile time.process_time() < 0.7: pass\ntime.sleep(10**6)")
    ((_, outcome),) = run([busy], Unhurried(1), workers=1, tier=tier)
    assert outcome.ended == "cpu timeout"
    assert time.monotonic() - began >= 2 * Unhurried(1).wall


def test_a_worker_killed_as_it_forks_leaves_no_program_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's process asks to end with its worker; when it does, the worker may be gone already."""
    if reason := trouble("B"):
        pytest.skip(f"no tier B: {reason}")
    late = """
import time, sirev.grading.sandbox.kernel as k
k.set_parent_death_signal = lambda number, really=k.set_parent_death_signal: (time.sleep(0.5), really(number))
w.main()"""
    monkeypatch.setattr(pool_module, "BOOT", BOOT.replace("w.main()", late))
    worker = Worker("B", LIMITS)
    try:
        worker.give(0, ENDLESS)
        assert eventually(lambda: len(workers()) == 2)
        program = max(workers())
    finally:
        worker.end()
    try:
        assert eventually(lambda: not alive(program))
    finally:
        if alive(program):
            kill([program])


# A harness that breaks off.


def test_closing_the_iterator_ends_every_process(tier: Tier) -> None:
    outcomes = run([asking("", "1"), ENDLESS, ENDLESS, ENDLESS], LIMITS, workers=3, tier=tier)
    assert next(outcomes)[0] == 0
    assert eventually(lambda: len(running()) == 3)
    outcomes.close()  # type: ignore[attr-defined]
    assert eventually(lambda: not workers())


def test_an_exception_of_whoever_asks_ends_every_process(tier: Tier) -> None:
    def asks() -> None:
        for _ in run([asking("", "1"), ENDLESS, ENDLESS], LIMITS, workers=2, tier=tier):
            raise KeyError

    with pytest.raises(KeyError):
        asks()
    assert eventually(lambda: not workers())


def test_an_exception_of_the_programs_source_ends_every_process(tier: Tier) -> None:
    def coming() -> Iterator[Program]:
        yield ENDLESS
        raise KeyError

    with pytest.raises(KeyError):
        list(run(coming(), LIMITS, workers=2, tier=tier))
    assert eventually(lambda: not workers())


HARNESS = """
from sirev.grading.sandbox import Limits, Program, run
if __name__ == "__main__":
    for _ in run([Program(("import time\\ntime.sleep(10**6)",), ())] * 5, Limits(100), workers=3, tier={tier!r}):
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_harness_that_a_signal_ends_leaves_no_process(number: signal.Signals, tier: Tier) -> None:
    harness = subprocess.Popen([sys.executable, "-c", HARNESS.format(tier=tier)], stderr=-1, text=True, preexec_fn=no_core)
    try:
        assert eventually(lambda: len(running(harness.pid)) == 3)
        harness.send_signal(number)
        _, errors = harness.communicate(timeout=60)
        assert errors.rstrip().endswith("KeyboardInterrupt") if number == signal.SIGINT else errors == ""
        assert eventually(lambda: not workers(harness.pid)), workers(harness.pid)
    finally:
        kill([harness.pid] * alive(harness.pid) + workers(harness.pid))
        harness.wait()


def no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def test_a_stopped_harness_goes_on(tier: Tier) -> None:
    """Ctrl-Z, then fg."""
    code = f"""
    from sirev.grading.sandbox import Limits, Program, Question, run
    source = "import time\\ntime.sleep(2)"
    programs = [Program((source,), (Question("value", "1"),))] * 4
    print(sorted((i, o.ended) for i, o in run(programs, Limits(1), workers=2, tier={tier!r})))
    """
    harness = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=-1, text=True)
    try:
        assert eventually(lambda: len(running(harness.pid)) == 2)
        harness.send_signal(signal.SIGSTOP)
        time.sleep(1)
        harness.send_signal(signal.SIGCONT)
        assert harness.communicate(timeout=60)[0].strip() == str([(i, "done") for i in range(4)])
    finally:
        harness.kill()
        harness.wait()


# What a worker is given.


@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_a_worker_has_nothing_of_its_callers(tier: Tier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := trouble(tier):
        pytest.skip(f"no tier {tier}: {reason}")
    for name in ("HF_TOKEN", "PYTHONPATH", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "HOME", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('a module of the caller')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with open(tmp_path / "held", "w") as held:
        os.set_inheritable(held.fileno(), True)
        source = """
import os
def opened():
    found = []
    for descriptor in range(256):
        try:
            os.fstat(descriptor)
            found.append(descriptor)
        except OSError:
            pass
    return found
"""
        program = asking(
            source, "dict(os.environ)", "opened()", "os.getcwd()", "sys.argv", "sys.path", "[os.getsid(0) == os.getppid()]"
        )
        ((_, outcome),) = run([program], LIMITS, workers=1, tier=tier)
    assert outcome.ended == "done", outcome
    environment, descriptors, folder, arguments, path, _ = outcome.answers
    assert environment == ENVIRONMENT
    assert descriptors == [0, 1, 2, 3]
    assert folder == "/"
    assert arguments == ["program"]
    assert "" not in path
    assert not any(str(tmp_path) in entry for entry in path)


def test_programs_pass_through_whole(tier: Tier) -> None:
    texts = ["", "\0", "\r\n", "é", "\ud800", "\U0001f600", "'\"\\", "x" * 2_000_000]
    programs = [Program((f"a = {text!r}",), (Question("value", "[len(a), ascii(a[:9])]"),)) for text in texts]
    outcomes = dict(run(programs, LIMITS, workers=2, tier=tier))
    assert [outcomes[i].answers for i in range(len(texts))] == [([len(text), ascii(text[:9])],) for text in texts]


def test_answers_come_in_the_order_of_the_questions_up_to_the_first_without_one(tier: Tier) -> None:
    held, fails = Question("holds", "assert 1"), Question("value", "1 // 0")
    program = Program(("a = []", "a.append(1)"), (Question("value", "a"), held, Question("value", "a * 2"), fails, held))
    ((_, outcome),) = run([program], LIMITS, workers=1, tier=tier)
    assert said(outcome) == ("exception", "ZeroDivisionError: integer division or modulo by zero", ([1], None, [1, 1]))
    assert "ZeroDivisionError" in outcome.stderr
    assert 0 <= outcome.cpu < 2
    assert 0 < outcome.wall < 12


# A tier that can't be had.


@pytest.mark.parametrize(
    ("boot", "why"),
    [
        ("raise SystemExit", "the worker ended before it began"),
        ("import os; os.write(1, b'hello')", "the worker ended before it began"),
        ("import os; os.write(1, b'\\0\\0\\0\\1x')", "the worker ended before it began"),
        ("import os; os.write(1, b'\\xff' * 8)", "the worker ended before it began"),
        ("import time; time.sleep(100)", "the worker did not start in 1 s"),
        (BOOT.replace("w.main()", "w.confine.enter = lambda tier: open('/no such'); w.main()"), "No such file or directory"),
    ],
)
def test_a_worker_that_does_not_start_says_why_in_one_line(
    boot: str, why: str, tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "BOOT", boot)
    monkeypatch.setattr(pool_module, "START", 1.0 if "sleep" in boot else 60.0)
    with pytest.raises(NoWorker) as caught:
        list(run([asking("", "1")], LIMITS, workers=2, tier=tier))
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_request_that_is_half_taken_ends_the_worker_and_is_no_part_of_the_next(
    tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ended the fork that took it, the machine's want of memory say."""
    half = "import os; w._take = lambda: (os.read(4, 9), os._exit(0)); w.main()"
    monkeypatch.setattr(pool_module, "BOOT", BOOT.replace("w.main()", half))
    found = dict(run([asking("", "1")] * 3, LIMITS, workers=2, tier=tier))
    assert [said(found[index]) for index in range(3)] == [("killed", "with its worker, twice", ())] * 3


def test_workers_that_end_before_each_program_are_no_endless_loop(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "BOOT", BOOT.replace("w.main()", "w.wire.receive_message = lambda d: None; w.main()"))
    try:
        ended = [outcome.ended for _, outcome in run([asking("", "1")] * 3, LIMITS, workers=2, tier=tier)]
    except NoWorker:
        ended = []  # where one was gone before it was given a program
    assert set(ended) <= {"killed"}


# Many.

MEASURED = """
import itertools, json, os, pathlib, sys
from sirev.grading.sandbox import Limits, Program, Question, run
count, tier = int(sys.argv[1]), sys.argv[2]
page = os.sysconf("SC_PAGE_SIZE")
def resident():
    children = pathlib.Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in ("self", *children)]
held = "x" * 100_000  # of a program and of its answer: who keeps either grows by it
sources = (f"# {held}\\ndef f(x): return [x, {i}, 'x' * 100_000]" for i in itertools.count())
programs = (Program((source,), (Question("value", "f(1)"),)) for source in sources)
seen, right = bytearray(count), 0
for number, (index, outcome) in enumerate(run(itertools.islice(programs, count), Limits(2), workers=2, tier=tier), 1):
    seen[index] += 1
    right += outcome.answers == ([1, index, held],)
    if number == min(500, count // 2):
        before = resident()
    if number == count - 10:
        after = resident()
print(json.dumps({"once": seen == b"\\1" * count, "right": right, "before": before, "after": after}))
"""


@pytest.mark.parametrize("count", [1_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_memory_does_not_grow_with_the_number_of_programs(count: int, tier: Tier) -> None:
    ran = subprocess.run([sys.executable, "-c", MEASURED, str(count), tier], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["once"]
    assert found["right"] == count
    grown = [(after - before) / 2**20 for before, after in zip(found["before"], found["after"], strict=True)]
    assert max(grown) < 8, f"MB of the harness and of its workers: {grown}"
