from __future__ import annotations

import ast
import io
import json
import os
import re
import sys
from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.printing import HIDDEN, console, json_text, out, out_json, out_path, say, text_column, visible, write

ROOT = Path(sirev.__file__).parent
OWN = {"printing.py", "child.py", "processes/torch_gpu.py"}
"""The door itself; children that speak to their parents."""
DOORS = {"print", "echo", "secho", "pprint"}
PAYLOAD = "a\x1b]52;c;aGk=\x07b\x9b2J\x85c\u202ed\u2066\u200be\u2028f\r\x7f\udcff\U000e0041"
SHOWN = r"a\x1b]52;c;aGk=\x07b\x9b2J\x85c\u202ed\u2066\u200be\u2028f\r\x7f\udcff\U000e0041"


def test_what_acts_on_a_terminal_is_shown_and_what_people_write_stays() -> None:
    assert visible(PAYLOAD) == SHOWN
    assert visible("a\tb\nc") == r"a\tb\nc"
    assert visible("a\tb\nc\x1b", lines=True) == "a\tb\nc\\x1b"
    for text in ("naïve 数学　λ→∞", "café 👍🏽", "❤\ufe0f", "non breaking", r"C:\new\x1b", "[red]"):
        assert visible(text) == text


@pytest.mark.parametrize("unseen", "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180d\u180f\u3164\uffa0\ufe00\ufff0\U0001bca0\U000e0100")
def test_what_nobody_sees_is_shown_though_python_calls_it_printable(unseen: str) -> None:
    assert visible(f"na{unseen}me") == f"na{ascii(unseen)[1:-1]}me"


def test_every_way_out_shows(capsys: pytest.CaptureFixture[str]) -> None:
    out(PAYLOAD, "two\nlines")
    say(PAYLOAD)
    write(f"{PAYLOAD}\n")
    out_json({PAYLOAD: "é"})
    found = capsys.readouterr()
    assert found.out.split("\n")[:3] == [SHOWN, r"two\nlines", SHOWN]
    assert found.err == f"{SHOWN}\n"
    assert not HIDDEN.search((found.out + found.err).replace("\n", ""))
    assert json.loads(json_text({PAYLOAD: "é"})) == {PAYLOAD: "é"}
    assert json_text({"é": 1}).isascii()
    assert str(BadInput(f"{PAYLOAD}\nmore")) == f"{SHOWN}\nmore"


def test_a_path_is_whole_for_a_program(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out_path(Path(os.fsdecode(b"/a\xff\x1b b")))
    out_path(Path("/é"), "x\x1b")
    assert capfdbinary.readouterr().out == b"/a\xff\x1b b\nx\\x1b\t" + os.fsencode("/é\n")


def test_brackets_are_text_to_a_console_and_to_a_bar() -> None:
    from rich.progress import Progress

    sink = io.StringIO()
    terminal = console(file=sink, width=200, force_terminal=True, color_system=None)
    bars = Progress(text_column("{task.description}"), console=terminal)
    bars.add_task(f"[red]{PAYLOAD}[/red] :smile: [link=http://x]y", total=1)
    terminal.print(bars.make_tasks_table(bars.tasks))
    terminal.print("[bold]x[/bold] :smile:")
    assert sink.getvalue().split("\n")[0].rstrip() == f"[red]{SHOWN}[/red] :smile: [link=http://x]y"
    assert "[bold]x[/bold] :smile:" in sink.getvalue()


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_prints_but_by_the_door(path: Path) -> None:
    if str(path.relative_to(ROOT)) in OWN:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert (node.module, node.names[0].name) != ("rich", "print"), f"{path}:{node.lineno}"
            assert not (node.module == "rich.console" and any(one.name == "Console" for one in node.names)), (
                f"{path}:{node.lineno}"
            )
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        whole = ast.unparse(node.func)
        assert name not in DOORS | {"Console"}, f"{path}:{node.lineno}: {whole}"
        assert not re.fullmatch(r"(typer|click)\.(echo|secho)|sys\.(stdout|stderr)\.(buffer\.)?write(lines)?", whole), (
            f"{path}:{node.lineno}: {whole}"
        )
        indents = any(keyword.arg == "indent" for keyword in node.keywords)
        assert not (whole == "json.dumps" and indents and "cli" in path.parts), (
            f"{path}:{node.lineno}: JSON is printed by out_json"
        )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_strict_stream_of_a_library_gets_replacements(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    out("32.5 → 84.0, 数")
    write("✓ −1\n")
    console().print("a │ b 数")
    sys.stdout.flush()
    said = raw.getvalue().decode(encoding)
    assert said.splitlines()[0] == "32.5 -> 84.0, \\u6570"
    assert said.splitlines()[1] == "\\u2713 -1"
    assert "\\u6570" in said.splitlines()[2]


def test_a_stream_without_an_encoding_gets_the_text_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    out("数")
    assert stream.getvalue() == "数\n"
