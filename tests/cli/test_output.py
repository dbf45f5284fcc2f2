from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.several import program
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


ENCODINGS: dict[str, dict[str, str]] = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""},
}


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_what_a_terminal_lacks_is_spelled_out(command: Command, smoke_copy: Path, encoding: str) -> None:
    done = command("report", "accuracy", "--recipe", "tiny_smoke", "--store", smoke_copy, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "M_T - M_1, points" in done.stdout
    assert "?" not in done.stdout


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_ends_a_command(smoke_copy: Path, tmp_path: Path, encoding: str) -> None:
    for step in ("M1", "M2"):
        rows = [{"id": f"数{i}", "completion": "é", "correct": i < 4, "level": f"λ{i % 2} 数"} for i in range(8)]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (tmp_path / f"{step}.jsonl").write_text(text, encoding="utf-8")
    steps = [word for step in ("M1", "M2") for word in ("--step", f"{step}={tmp_path}/{step}.jsonl")]
    (tmp_path / "mine.yaml").write_text("defaults: [paper, gsm8k]\ndescription: Übung 数\n", encoding="utf-8")
    asked = [
        ["measure", "mine", *steps, "--level", "level"],
        ["report", "all", "--recipe", "mine"],
        ["report", "all", "--recipe", "mine", "--format", "csv"],
        ["report", "html", "--recipe", "mine", "--output", str(tmp_path / "page.html")],
        ["iterate", "tiny_smoke"],
        ["store", "ls"],
        ["doctor"],
    ]
    commands = [[*one, "--store", str(smoke_copy)] for one in asked] + [["recipes", str(tmp_path / "mine.yaml")]]
    environment = {**os.environ, **ENCODINGS[encoding]}
    done = subprocess.run(program(commands, tmp_path), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode("latin-1")
    assert "Traceback" not in said
    assert said.count("\nstatus 0\n") == len(commands), said
    assert '"\\xDCbung \\u6570"' in said  # a recipe is read as UTF-8, whatever the locale
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_what_no_encoding_has_is_spelled_out_not_lost() -> None:
    program = (
        "from sirev.cli.output import spell_out_what_is_lacking as s; s(); print('数 ▲ λ₁ “x” –')\n"
        "import warnings; warnings.warn('w\\x1b 数')\n"
        "raise ValueError('a\\x1b]0;t\\x07 数')"
    )
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert done.stdout == b'\\u6570 ^ \\u03bb1 "x" -\n'
    assert done.stderr.splitlines()[0].endswith(rb"UserWarning: w\x1b \u6570")
    assert done.stderr.splitlines()[-1] == rb"ValueError: a\x1b]0;t\x07 \u6570"
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", ["recipes tiny", "--help"])
def test_a_closed_output_is_one_line_and_a_failure(arguments: str) -> None:
    done = subprocess.run(["sh", "-c", f'"$0" {arguments} >&-', SIREV], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "sirev: failed: the output can't be written: Bad file descriptor\n")


def test_without_standard_error_a_command_works_and_its_status_is_its_own() -> None:
    for arguments, status in (("recipes", 0), ("nonsense", 2)):
        done = subprocess.run(["sh", "-c", f'"$0" {arguments} 2>&-', SIREV], stdout=subprocess.PIPE, text=True)
        assert (done.returncode, bool(done.stdout)) == (status, status == 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_is_said_of_a_full_disk_may_not_be_writable_either() -> None:
    with open("/dev/full", "w") as full:
        assert subprocess.run([SIREV, "recipes", "tiny"], stdout=full, stderr=full).returncode == 1
