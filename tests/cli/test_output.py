from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import SIREV, Command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [["recipes"], ["recipes", "tiny"]])
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([SIREV, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert done.returncode == 1
    assert done.stderr == "sirev: failed: the output can't be written: No space left on device\n"


@pytest.mark.parametrize("form", ["table", "markdown", "csv"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_report_onto_a_full_disk_is_one_line(smoke_copy: Path, form: str) -> None:
    with open("/dev/full", "w") as full:
        report = [SIREV, "report", "--recipe", "tiny_smoke", "--format", form, "--store", smoke_copy]
        done = subprocess.run(report, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "sirev: failed: the output can't be written: No space left on device\n"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_what_a_terminal_lacks_is_spelled_out(command: Command, smoke_copy: Path, encoding: str) -> None:
    done = command("report", "accuracy", "--recipe", "tiny_smoke", "--store", smoke_copy, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "M_T - M_1, points" in done.stdout
    assert "?" not in done.stdout
