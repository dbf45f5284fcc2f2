"""What the documentation shows: its examples run as they stand there, its commands are commands of sirev.

A block of `console` on a page holds commands, after "$ ", and what they print, the messages on standard error first. All of a
page run in one folder, in their order, beside the files that its blocks of `python` begin with as "# NAME.py". Times, sizes and
ids may differ from those shown; a line "..." stands for any lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

import sirev
from sirev.cli.app import app
from sirev.grading.grade import Grade
from sirev.own_code import load
from sirev.recipe import Recipe, load_recipe
from sirev.recipe.sections import OwnGrader
from sirev.tasks.core import jsonl, python
from sirev.tasks.rows import read_jsonl
from tests import picture
from tests.conftest import SIREV

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = CHECKOUT / "docs"
PAGE = (DOCS / "tasks.md").read_text()
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.glob("*.md"))]
MAY_DIFFER = re.compile(r"\d+\.\d s\b|\d+(?:\.\d)? k?M?B\b|\b[0-9a-f]{8}\b")
"""Times, sizes, and the end of a run's id."""


def blocks(page: str, language: str) -> list[str]:
    """The examples of a page in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.S | re.M)


def block(language: str, holding: str) -> str:
    """The one example of docs/tasks.md in this language that holds a text."""
    (found,) = [code for code in blocks(PAGE, language) if holding in code]
    return found


class Shown(NamedTuple):
    """A command of a page, and what it is said to print."""

    command: str
    output: str


def shown(page: str) -> Iterator[Shown]:
    """What the blocks of `console` on a page show."""
    for code in blocks(page, "console"):
        for part in re.split(r"^\$ ", code, flags=re.M)[1:]:
            lines = part.splitlines()
            last = next(n for n, line in enumerate(lines) if not line.endswith("\\"))
            yield Shown("\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :]).strip())


def prints(output: str) -> re.Pattern[str]:
    """What matches an output like the one that a page shows."""
    differing = f"(?:{MAY_DIFFER.pattern})"
    lines = [
        r"(?:.*\n)*?" if line == "..." else differing.join(map(re.escape, MAY_DIFFER.split(line))) + r"\n"
        for line in output.splitlines()
    ]
    return re.compile("".join(lines))


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "sums.yaml").write_text(block("yaml", "sums.yaml"))
    (tmp_path / "sums").mkdir()
    for split in ("train", "test"):
        (tmp_path / "sums" / f"{split}.jsonl").write_text(block("json", "question"))
    return load_recipe(tmp_path / "sums.yaml")


def test_the_example_of_a_jsonl_task_is_a_whole_recipe(recipe: Recipe, tmp_path: Path) -> None:
    task = recipe.task
    assert task.name == "jsonl"
    assert task.data.path == str(tmp_path / "sums")
    problems = jsonl.problems(read_jsonl(tmp_path / "sums" / "train.jsonl"), task.prompt, task.target)
    assert {"What is 3 + 4?" in problem["prompt"]: problem["target"] for problem in problems} == {
        True: "3 + 4 = 7.\n#### 7",
        False: "30 + 45 = 75.\n#### 75",
    }
    assert sorted(problem["level"] for problem in problems) == ["1", "2"]


def test_the_example_of_a_python_task_is_a_whole_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doubling.py").write_text(block("python", "class Doubling"))
    (tmp_path / "doubling.yaml").write_text(block("yaml", "doubling.py:Doubling"))
    task = load_recipe("doubling.yaml").task
    assert task.name == "python"
    train = python.problems(task.class_, "train", task.options)
    test = python.problems(task.class_, "test", task.options)
    assert len(train) == len(test) == 50
    assert not {problem["id"] for problem in train} & {problem["id"] for problem in test}
    assert train[21]["target"] == "#### 42"


def test_every_grader_is_in_the_table() -> None:
    from sirev.grading.graders import GRADERS

    assert all(f"`{name}`" in PAGE for name in GRADERS)


def test_the_example_of_a_grader_grades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "closeness.py").write_text(block("python", "def close"))
    named = load_recipe("sums.yaml", ["evaluation.grader=closeness.py:close"]).evaluation.grader
    assert isinstance(named, OwnGrader)
    close = getattr(*load(named.function, "grader function"))
    assert [close(text, "100") for text in ("it is 95", "it is 50", "no idea")] == [
        Grade(True, "close enough", "95"),
        Grade(False, "too far off", "50"),
        Grade(False, "no number at the end", ""),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if "```console\n" in page.read_text()], ids=lambda page: page.name)
def test_commands_print_what_a_page_shows(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    for code in blocks(text, "python"):
        if name := re.match(r"# (\w+\.py)\n", code):
            (tmp_path / name[1]).write_text(code)
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", "SIREV_STORE": str(tmp_path / "store")}
    environment["PATH"] = f"{SIREV.parent}:{environment['PATH']}"
    for command, output in shown(text):
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        printed = f"{done.stderr.strip()}\n{done.stdout.strip()}".strip()
        assert done.returncode == 0, f"{command}\n{printed}"
        assert prints(output).fullmatch(f"{printed}\n" if printed else ""), f"{command}\n{printed}"


def test_an_output_is_like_the_shown_one_but_for_what_may_differ() -> None:
    pattern = prints("1 run, 2.0 s\n...\n3 of 4 in tiny-sft-s0-1dcc2f30 (8.5%)")
    assert pattern.fullmatch("1 run, 11.7 s\nanything\nat all\n3 of 4 in tiny-sft-s0-00c0ffee (8.5%)\n")
    assert pattern.fullmatch("1 run, 2.0 s\n3 of 4 in tiny-sft-s0-1dcc2f30 (8.5%)\n")
    assert not pattern.fullmatch("1 run, 2.0 s\n3 of 5 in tiny-sft-s0-1dcc2f30 (8.5%)\n")
    assert not pattern.fullmatch("1 run, 2.0 s\n3 of 4 in tiny-sft-s0-1dcc2f30 (8.4%)\n")
    assert not pattern.fullmatch("1 run, 2.0 s\n3 of 4 in tiny-sft-s0-1dcc2f30 (8.5%)\nand more\n")


def commands_of(page: str) -> Iterator[str]:
    """The lines of a page's code that call sirev, up to a comment or what the shell does with them."""
    code = "\n".join([*blocks(page, "(?:console|sh)?"), *re.findall(r"^    (.*)$", page, re.M)])
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        if (command := line.removeprefix("$ ")).startswith("sirev "):
            yield re.split(r" #| [<>|&]", command)[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_is_one_that_sirev_takes(page: Path) -> None:
    for command in commands_of(page.read_text()):
        words = shlex.split(command)[1:]
        found: Any = typer.main.get_command(app)
        while hasattr(found, "resolve_command"):
            _, found, words = found.resolve_command(found.make_context("sirev", [], resilient_parsing=True), words)
        found.make_context("sirev", words)


def test_every_public_name_is_on_the_page_about_python() -> None:
    assert {*re.findall(r"^::: sirev\.(\w+)$", (DOCS / "python.md").read_text(), re.M)} == {*sirev.__all__} - {"__version__"}


@pytest.mark.parametrize("name", picture.INKS)
def test_the_picture_shows_the_numbers_of_the_demonstration(name: str) -> None:
    """`python tests/picture.py` draws it."""
    assert (DOCS / "images" / name).read_text() == picture.drawn((DOCS / "demonstration.md").read_text(), picture.INKS[name])


def test_no_command_for_a_cpu_brings_cuda() -> None:
    of_cpus = ("--torch-backend cpu", "--index-url https://download.pytorch.org/whl/cpu")
    commands = [line for page in PAGES for line in page.read_text().splitlines() if "constraints.txt '.[train]'" in line]
    assert len(commands) >= 3
    assert [line for line in commands if not any(named in line for named in of_cpus)] == []
