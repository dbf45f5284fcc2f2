from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sirev.cli.lines import print_written, wrapped
from sirev.recipe import recipe_folder
from tests.commands import on_a_terminal
from tests.conftest import SIREV

PROGRAM = (
    "from sirev.cli.lines import Line, print_styled\n"
    "print_styled(lambda width: [Line(f'{width} columns', 'red'), Line('[bold]' + 'x' * 90)])\n"
)


def on_80_columns(**environment: str) -> str:
    """What the program prints on a terminal of 80 columns."""
    shown, status = on_a_terminal([sys.executable, "-c", PROGRAM], 80, **environment)
    assert status == 0
    return shown


def test_a_terminal_has_colours_and_whole_lines_and_a_pipe_has_neither_width_nor_colour() -> None:
    first, second, _ = on_80_columns().split("\r\n")
    assert first == "\x1b[31m80 columns\x1b[0m"
    assert second == "[bold]" + "x" * 90  # neither broken nor read as markup
    piped = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert "\x1b" not in piped
    assert "80 columns" not in piped


def test_no_color_is_respected() -> None:
    assert on_80_columns(NO_COLOR="1").startswith("80 columns\r\n")


def test_one_or_two_files_are_named_and_more_are_counted(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    files = [Path(f"logs/{name}") for name in ("a", "b", "c")]
    print_written(files[:2], Path("logs"))
    assert capsysbinary.readouterr().out == b"logs/a\nlogs/b\n"
    print_written(files, Path("logs"))
    assert capsysbinary.readouterr().out == b"3 files written to logs\n"


@pytest.mark.parametrize("width", [20, 30, 60])
def test_lines_break_between_words_alone(width: int) -> None:
    line = "  word and-another " + "y" * 25 + " ends in a last one"
    lines = wrapped(line, width, 4)
    assert " ".join(part.strip() for part in lines) == line.strip()
    assert all(len(part) <= width or part.strip() == "y" * 25 for part in lines)
    assert all(part.startswith("    ") for part in lines[1:])


def is_unbroken(line: str) -> bool:
    """Whether a line fits 80 columns, but for a path or an id that has it for itself."""
    return len(line) <= 80 or len(line.removeprefix("#").split()) == 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [(("report", "checklist", "tiny_smoke"), 0), (("report", "methods", "tiny_smoke"), 0), (("store", "verify"), 1)],
)
def test_what_is_printed_breaks_between_words(command: tuple[str, ...], expected: int, smoke_copy: Path) -> None:
    damaged = max((path for path in (smoke_copy / "objects").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    damaged.chmod(0o644)
    damaged.write_bytes(b"?" * damaged.stat().st_size)
    shown, status = on_a_terminal([SIREV, *command, "--store", smoke_copy], 80, smoke_copy.parent, NO_COLOR="1")
    assert status == expected, shown
    # What went before is bars, which the terminal draws over.
    lines = shown.rpartition("\x1b[2K")[2].split("\r\n")
    assert len(lines) > 3
    assert [line for line in lines if not is_unbroken(line)] == []


def test_a_recipe_breaks_between_words_and_stays_the_same(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text((recipe_folder() / "mistral_gsm8k.yaml").read_text())
    shown, status = on_a_terminal([SIREV, "recipes", recipe], 80)
    assert status == 0
    assert [line for line in shown.split("\r\n") if not is_unbroken(line)] == []
    piped = subprocess.run([SIREV, "recipes", recipe], capture_output=True, text=True, check=True).stdout
    assert yaml.safe_load(shown) == yaml.safe_load(piped)
