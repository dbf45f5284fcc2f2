"""Every command's help and the lines about mistakes in what was typed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from typer.main import get_command

from sirev.cli.app import app
from sirev.cli.main import main
from tests.conftest import Command

WIDTH = 80
Said = Callable[..., tuple[int, str, str]]


def paths(command: object, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, *words, name)


COMMANDS = list(paths(get_command(app)))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """What `sirev` prints, on standard output and error, and its exit status; in this process."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))

    class Left(Exception):
        pass

    def leave(status: int) -> None:
        raise Left(status)

    monkeypatch.setattr("sirev.cli.main._leave", leave)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sirev", *words])
        with pytest.raises(Left) as left:
            main()
        return left.value.args[0], *capsys.readouterr()

    return call


@pytest.mark.parametrize("words", COMMANDS, ids=[" ".join(words) or "sirev" for words in COMMANDS])
def test_every_help_fits_the_screen_and_ends_with_an_example(said: Said, words: tuple[str, ...]) -> None:
    status, shown, _ = said(*words, "-h")
    assert status == 0
    assert said(*words, "--help")[1] == shown
    assert shown.startswith(" ".join(["Usage: sirev", *words, "[OPTIONS]"]))
    body, examples = shown.split("\nExamples:\n")
    assert all(line.startswith("  sirev ") for line in examples.splitlines())
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert not [line for line in body.splitlines()[1:] if line.endswith("...")], "a summary is cut short"
    assert not any(mark in shown.partition("\n\n")[0] for mark in ("{", "}", "[["))
    assert "<str>" not in shown


def examples() -> list[list[str]]:
    found = []
    for words in COMMANDS:
        command = get_command(app)
        for word in words:
            command = command.commands[word]  # type: ignore[attr-defined]
        found += [shlex.split(line.partition(" > ")[0])[1:] for line in (command.epilog or "").splitlines()]
    return found


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_every_example_is_one_that_its_command_understands(words: list[str]) -> None:
    command, context = get_command(app), None
    while True:
        name = words[0] if words else ""
        inner = getattr(command, "commands", {}).get(name)
        if inner is None:
            break
        command, words = inner, words[1:]
    command.make_context("sirev", list(words), parent=context)  # raises for what it doesn't understand


MISTAKES = [
    ("export tiny x.tar.zst", "No such command 'export'; it is 'sirev store export'; try 'sirev --help'"),
    ("store iterate", "No such command 'iterate'; it is 'sirev iterate'; try 'sirev store --help'"),
    ("itrate tiny", "No such command 'itrate'. Did you mean 'iterate'? Try 'sirev --help'"),
    ("store shwo x", "No such command 'shwo'. Did you mean 'show'? Try 'sirev store --help'"),
    ("plan tiny extra", "Got unexpected extra argument(s) (extra); try 'sirev plan --help'"),
    ("measure", "Missing argument 'NAME'; try 'sirev measure --help'"),
    ("store get x", "Missing option '--to'; try 'sirev store get --help'"),
]


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_is_one_line_that_ends_in_where_help_is(said: Said, words: str, line: str) -> None:
    assert said(*words.split()) == (2, "", f"sirev: error: {line}\n")


def test_a_misspelt_option_names_the_nearest_and_the_commands_help(said: Said) -> None:
    status, _, line = said("plan", "tiny", "--stoer", "x")
    assert status == 2
    assert "--stoer" in line
    assert "--store" in line
    assert line.endswith("; try 'sirev plan --help'\n")


def test_help_and_version_are_words_too(said: Said) -> None:
    assert said("help") == said("--help")
    assert said("help", "store", "get") == said("store", "get", "--help")
    assert said("version") == said("--version")


def test_python_m_sirev_is_sirev(command: Command) -> None:
    for arguments in (["--help"], ["store", "get", "-h"], ["--version"]):
        done = subprocess.run([sys.executable, "-m", "sirev", *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, command(*arguments).stdout)
