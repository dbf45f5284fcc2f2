from __future__ import annotations

from pathlib import Path

import pytest

from sirev.tasks.core.python import problems
from tests.tasks.conftest import refusal

CODE = """
from dataclasses import dataclass

@dataclass
class Riddles:
    n: int = 2

    def problems(self, split):
        for i in range(self.n):
            yield {"id": f"{split}-{i}", "prompt": f"{i}?\\n", "target": str(i), "answer": str(i)}

class Given:
    def __init__(self, rows):
        self.rows = rows

    def problems(self, split):
        return self.rows

class Angry(Given):
    def problems(self, split):
        raise RuntimeError("two\\nlines")

class Idle:
    pass

class Late:
    def __init__(self):
        self.problems = lambda split: []

constant = 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_riddles.py"
    path.write_text(CODE)
    return path


def test_a_class_in_a_file_gives_its_rows(file: Path) -> None:
    first = {"id": "train-0", "prompt": "0?\n", "target": "0", "answer": "0", "level": ""}
    assert problems(f"{file}:Riddles", "train")[0] == first
    assert len(problems(f"{file}:Riddles", "test", {"n": 5})) == 5


def test_a_class_in_a_package_of_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sirev_test_package").mkdir()
    (tmp_path / "sirev_test_package" / "__init__.py").write_text("")
    (tmp_path / "sirev_test_package" / "riddles.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert len(problems("sirev_test_package.riddles:Riddles", "train")) == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Riddles", 'a task class is named "package.module:Class"'),
        ("no_such_package.tasks:Riddles", "no_such_package.tasks can't be imported: ModuleNotFoundError"),
        ("no_such_file.py:Riddles", "no_such_file.py can't be imported: FileNotFoundError: no such file"),
        ("{file}:Ridles", "has no class 'Ridles' (there: Riddles, Given, Angry, Idle, Late)"),
        ("{file}:constant", "has no class 'constant'"),
        ("{file}:Idle", "has no method problems(split)"),
        ("{file}:Late", "has no method problems(split)"),
        ("subprocess:Popen", "has no method problems(split)"),  # which is told before anything is made of it
        ("{file}:Angry", "can't be made with options {} (dict): TypeError"),
    ],
)
def test_what_is_no_task_class_is_refused(file: Path, name: str, why: str) -> None:
    name = name.format(file=file)
    said = refusal(lambda: problems(name, "train"))
    assert said.startswith(f"{name}: ")
    assert why in said


def test_a_file_that_fails_and_a_method_that_fails_are_refused(file: Path) -> None:
    said = refusal(lambda: problems(f"{file}:Angry", "train", {"rows": []}))
    assert said == f"{file}:Angry: problems('train') failed: RuntimeError: two lines"
    file.write_text("1 / 0")
    assert "can't be imported: ZeroDivisionError: division by zero" in refusal(lambda: problems(f"{file}:Riddles", "train"))


GOOD = {"id": "a", "prompt": "p", "target": "", "answer": ""}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], ": problems('train') gave no row"),
        (None, ": problems('train') failed: TypeError"),
        ([GOOD, "text"], " train[1]: not a mapping but 'text'"),
        ([GOOD, {"id": "b"}], " train[1]: field 'prompt' is missing (there: id)"),
        ([GOOD, {**GOOD, "id": 7}], " train[1]: field 'id' must be a string, found 7 (int)"),
        ([GOOD, {**GOOD, "id": "b", "level": 7}], " train[1]: field 'level' must be a string, found 7 (int)"),
        ([GOOD, GOOD], " train[1]: id 'a' occurs twice"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(file: Path, rows: object, why: str) -> None:
    assert refusal(lambda: problems(f"{file}:Given", "train", {"rows": rows})).startswith(f"{file}:Given{why}")
