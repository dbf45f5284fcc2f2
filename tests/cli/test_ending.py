"""How commands end: no process and no scratch file outlives them, whatever ends them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import sirev
from sirev.store.artifacts import Output
from sirev.store.store import Store
from sirev.store.tables import Table
from tests.commands import of_session, shared_memory, started
from tests.conftest import SIREV, eventually, semantic_digests

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 20 MiB of rows, whose checking is spread over the cores."""
    store = Store(tmp_path_factory.mktemp("large") / "store")
    for i in range(8):
        rows = [{"id": n, "text": os.urandom(650).hex()} for n in range(2000)]
        action = {"stage": "source", "version": 1, "parameters": {"i": i}, "inputs": {}}
        store.publish(action, Output(tables={"rows": Table({"id": "int", "text": "string"}, rows, ("id",))}))
    return store.path


@pytest.fixture
def answers(tmp_path: Path) -> list[str]:
    """Completions of two models, enough for measuring to be spread over the cores."""
    steps = []
    for step in ("M1", "M2"):
        lines = [
            json.dumps({"id": f"p{p}", "completion": f"{p} + {d} = {p + d}", "correct": d % 3 == 0})
            for p in range(640)
            for d in range(32)
        ]
        (tmp_path / f"{step}.jsonl").write_text("\n".join(lines))
        steps += ["--step", f"{step}={step}.jsonl"]
    return steps


def spreads(process: subprocess.Popen[str]) -> bool:
    return any("sirev.processes.workers" in line for line in of_session(process.pid).values())


SLOW_MEASURE = """
import time
import sirev.stages.measure as measure
from sirev.cli.main import main
spread = measure.spread
measure.SPREAD_FROM = 1
measure.spread = lambda function, items: spread(time.sleep, [600, 600])
main()
"""
SLOW_VERIFY = """
import time
import sirev.store.upkeep.rows as rows
from sirev.cli.main import main
spread = rows.spread
rows.spread = lambda function, items: spread(time.sleep, [600, 600])
main()
"""


def without_end(program: str, arguments: list[object], folder: Path, **environment: str) -> subprocess.Popen[str]:
    """A command whose workers only wait."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def nothing_left(process: subprocess.Popen[str], memory: set[str]) -> bool:
    return eventually(lambda: not of_session(process.pid) and shared_memory() <= memory)


@pytest.mark.parametrize("number", STATUS)
def test_a_signal_that_a_library_makes_an_error_of_is_still_a_signal(number: signal.Signals) -> None:
    """Pydantic's core does, while it builds a validator."""
    program = f"""
import os, time
from sirev.cli import main

def app(standalone_mode):
    try:
        os.kill(os.getpid(), {number:d})
        time.sleep(10)
    except BaseException as error:
        raise ValueError(str(error)) from None

main.app = app
main.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (STATUS[number], False)


def test_a_piped_verification_ends_with_its_last_line(large: Path, tmp_path: Path) -> None:
    memory = shared_memory()
    process = started("store", "verify", "--store", large, cwd=tmp_path)
    seen = eventually(lambda: spreads(process) or process.poll() is not None)
    out, err = process.communicate(timeout=100)  # reads to the end of both pipes: who holds one holds this up
    assert seen
    assert process.returncode == 0, err
    assert out.strip()
    assert nothing_left(process, memory)
    assert "Warning" not in err


@pytest.mark.slow
def test_a_piped_measurement_ends_with_its_last_line(answers: list[str], tmp_path: Path) -> None:
    memory = shared_memory()
    process = started("measure", "mine", *answers, "--store", tmp_path / "store", cwd=tmp_path)
    assert eventually(lambda: spreads(process))
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert nothing_left(process, memory)
    assert "Warning" not in err


def test_nobody_reading_leaves_nothing(large: Path, tmp_path: Path) -> None:
    memory = shared_memory()
    line = f"{SIREV} store verify --format json --store {large} | true; exit ${{PIPESTATUS[0]}}"
    process = subprocess.Popen(["bash", "-c", line], cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True)
    _, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    assert nothing_left(process, memory)


@pytest.mark.parametrize(
    ("what", "number"),
    [*(("verify", number) for number in STATUS), ("measure", signal.SIGTERM)],
    ids=lambda part: getattr(part, "name", part),
)
def test_a_signal_ends_the_workers_too(
    what: str, number: signal.Signals, large: Path, answers: list[str], tmp_path: Path
) -> None:
    memory = shared_memory()
    if what == "verify":
        process = without_end(SLOW_VERIFY, ["store", "verify", "--store", large], tmp_path)
    else:
        process = without_end(SLOW_MEASURE, ["measure", "mine", *answers, "--store", tmp_path / "store"], tmp_path)
    assert eventually(lambda: spreads(process) or process.poll() is not None)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate(timeout=100)
    assert process.returncode == STATUS[number], err
    assert nothing_left(process, memory)
    assert "Traceback" not in err
    assert err.splitlines()[-1].endswith("run the same command again to continue")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.slow
def test_a_signal_ends_an_iterate_as_ctrl_c_does(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    store = tmp_path / "store"
    asked = ("iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", store)
    process = started(*asked, cwd=tmp_path, TMPDIR=str(tmp_path / "scratch"))
    assert eventually(lambda: any((store / "records").glob("*/*/*.json")) and bool(of_session(process.pid)))
    process.send_signal(number)
    process.send_signal(number)  # as `timeout` and schedulers do
    _, err = process.communicate(timeout=100)
    assert process.returncode == STATUS[number], err
    assert eventually(lambda: not of_session(process.pid))
    assert not list((tmp_path / "scratch").glob("sirev-*scratch*"))
    assert "Traceback" not in err
    kept = semantic_digests(Store(store))
    assert kept
    sirev.iterate("tiny_smoke", methods=["sft"], store=store)
    assert kept.items() <= semantic_digests(Store(store)).items()


def test_a_signal_that_was_ignored_at_the_start_stays_ignored(large: Path, tmp_path: Path) -> None:
    line = f"trap '' HUP; exec {SIREV} store verify --store {large}"
    process = subprocess.Popen(["bash", "-c", line], cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert eventually(lambda: spreads(process) or process.poll() is not None)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=100)
    assert process.returncode == 0


def test_a_signal_while_an_iterate_measures_leaves_nothing(tmp_path: Path, smoke_copy: Path) -> None:
    (tmp_path / "scratch").mkdir()
    memory = shared_memory()
    asked = ["iterate", "tiny_smoke", "--method", "sft", "--redo", "measure", "--store", str(smoke_copy)]
    process = without_end(SLOW_MEASURE, asked, tmp_path, TMPDIR=str(tmp_path / "scratch"))
    assert eventually(lambda: spreads(process) or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=100)
    assert process.returncode == STATUS[signal.SIGTERM], err
    assert nothing_left(process, memory)
    assert not list((tmp_path / "scratch").glob("sirev-*"))


SIGNALLED_ELSEWHERE = """
import signal, threading, time
import sirev.stages.measure as measure
from sirev.cli.main import main
spread = measure.spread
def signalled(function, items):
    assert threading.current_thread() is not threading.main_thread()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    return spread(time.sleep, [600, 600])
measure.SPREAD_FROM = 1
measure.spread = signalled
main()
"""


def test_a_signal_that_reaches_another_thread_ends_an_iterate_too(smoke_copy: Path) -> None:
    asked = ["iterate", "tiny_smoke", "--method", "sft", "--redo", "measure", "--store", str(smoke_copy)]
    command = [sys.executable, "-c", SIGNALLED_ELSEWHERE, *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == STATUS[signal.SIGTERM], done.stderr


def test_a_terminal_that_goes_away_ends_with_129(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SIREV, "iterate", "tiny_smoke", "--store", tmp_path / "store"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    seen = b""
    while b"0:pretrain" not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)  # the kernel sends SIGHUP
    assert process.wait(timeout=100) == STATUS[signal.SIGHUP]
    assert eventually(lambda: not of_session(process.pid))


def test_an_interrupt_while_libraries_are_still_being_imported_ends_in_silence(tmp_path: Path) -> None:
    slow = tmp_path / "typer" / "__init__.py"
    slow.parent.mkdir()
    slow.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('went on')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for command in ([SIREV], [sys.executable, "-m", "sirev"]):
        done = subprocess.run([*command, "--version"], env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
