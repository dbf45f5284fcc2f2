from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from sirev.study.scratch import Scratch, sweep

HOLD = """
import time
from sirev.study.scratch import Scratch
scratch = Scratch()
(scratch.path / "weights").write_bytes(b"w" * 1000)
print(scratch.path, flush=True)
time.sleep(600)
"""


def test_it_is_gone_when_removed() -> None:
    scratch = Scratch()
    (scratch.path / "deep").mkdir()
    (scratch.path / "deep" / "file").write_text("x")
    scratch.remove()
    assert not scratch.path.exists()


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_has_is_not() -> None:
    processes = [subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = [Path(process.stdout.readline().strip()) for process in processes if process.stdout]
    try:
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        sweep()
        assert not folders[0].exists()
        assert (folders[1] / "weights").exists()
    finally:
        processes[1].kill()
        processes[1].wait()
    sweep()
    assert not folders[1].exists()
