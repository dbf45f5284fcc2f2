from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sirev.processes import workers
from sirev.processes.workers import WorkerDied, WorkersEnded, end_workers, run_python, spread
from tests.conftest import alive, eventually


def where(number: int) -> tuple[int, int]:
    return number, os.getpid()


def refuse(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


class Odd(Exception):
    """One that can't be made from its arguments alone."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def odd(number: int) -> int:
    raise Odd(number, number)


def killed(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def endless(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    threading.Event().wait()


@pytest.fixture(autouse=True)
def several_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # where workers find this file
    monkeypatch.setattr("sirev.processes.workers.cores", lambda: 2)


def test_results_come_in_order_from_other_processes_that_end_with_the_block() -> None:
    with spread(where, list(range(20))) as results:
        answers = list(results)
    assert [number for number, _ in answers] == list(range(20))
    pids = {pid for _, pid in answers}
    assert os.getpid() not in pids
    assert eventually(lambda: not any(map(alive, pids)))


def test_one_core_computes_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.processes.workers.cores", lambda: 1)
    with spread(where, [1, 2]) as results:
        assert list(results) == [(1, os.getpid()), (2, os.getpid())]


def test_an_error_of_a_worker_is_raised_here() -> None:
    with pytest.raises(ValueError, match="three"), spread(refuse, list(range(6))) as results:
        list(results)


def test_where_an_error_was_raised_is_told() -> None:
    with pytest.raises(ValueError, match="three") as raised, spread(refuse, list(range(6))) as results:
        list(results)
    assert 'raise ValueError("three")' in "".join(raised.value.__notes__)


def test_an_error_that_cannot_be_sent_is_raised_as_its_words() -> None:
    with pytest.raises(RuntimeError, match="Odd: 0 and 0"), spread(odd, [0, 1]) as results:
        list(results)


def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(WorkerDied, match="want of memory"), spread(killed, list(range(6))) as results:
        list(results)


@pytest.mark.parametrize("way", ["error", "from another thread"])
def test_workers_at_work_end_at_once(tmp_path: Path, way: str) -> None:
    files = [str(tmp_path / name) for name in "ab"]
    begun = threading.Event()

    def interrupt() -> None:
        eventually(lambda: all(Path(file).exists() and Path(file).read_text() for file in files))
        begun.set()
        if way == "from another thread":
            end_workers()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt if way == "error" else WorkersEnded), spread(endless, files) as results:  # noqa: PT012
        if way == "error":
            begun.wait(60)
            raise KeyboardInterrupt
        list(results)
    watcher.join()
    assert eventually(lambda: not any(alive(int(Path(file).read_text())) for file in files))


SIGNALLED_ELSEWHERE = """
import signal, threading, time
from sirev.processes.termination import raise_terminated
from sirev.processes.workers import spread
raise_terminated()
with spread(time.sleep, [600, 600]) as results:
    threading.Timer(0.5, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()
    list(results)
"""


def test_a_signal_that_reaches_another_thread_ends_the_wait_for_workers() -> None:
    done = subprocess.run([sys.executable, "-c", SIGNALLED_ELSEWHERE], stderr=subprocess.PIPE, text=True, timeout=100)
    assert done.stderr.splitlines()[-1].endswith("Terminated")


def test_workers_of_a_killed_process_die_with_it(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in "ab"]
    program = f"from tests.processes.test_workers import *\nwith spread(endless, {files!r}) as results: list(results)"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL)
    assert eventually(lambda: all(Path(file).exists() and Path(file).read_text() for file in files))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert eventually(lambda: not any(alive(int(Path(file).read_text())) for file in files))


def test_workers_import_nothing_from_the_present_folder(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text("open('imported', 'w')")
    (tmp_path / "random.py").write_text("open('imported', 'w')")
    program = "from sirev.processes.workers import spread\nwith spread(len, ['a', 'bc']) as results: print(list(results))"
    done = subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 2]\n"
    assert not (tmp_path / "imported").exists()


def test_code_runs_in_a_fresh_interpreter() -> None:
    done = run_python("import os, sys; print(os.getpid()); sys.exit(3)", 60)
    assert done.returncode == 3
    assert int(done.stdout) != os.getpid()


def test_code_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("import threading; threading.Event().wait()", 0.5)


def test_code_under_way_is_ended_with_the_workers(tmp_path: Path) -> None:
    def interrupt() -> None:
        assert eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "" and workers._processes)
        end_workers()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    code = f"import os, threading; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); threading.Event().wait()"
    assert run_python(code, 60).returncode == -signal.SIGKILL
    watcher.join()
