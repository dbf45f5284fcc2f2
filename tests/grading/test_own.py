from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.grading.grade import Grade
from sirev.grading.own import as_grade, grade_by_function

JUDGE = """
import os, signal, sys
from dataclasses import dataclass

from sirev import Grade

@dataclass
class Tolerance:
    share: float = 0.1

def close(completion, answer):
    given = completion.rpartition(" ")[2]
    if not given.isdigit():
        return Grade(False, "no number at the end", "")
    near = abs(int(given) - int(answer)) <= Tolerance().share * int(answer)
    return Grade(near, "close enough" if near else "wrong", given * 300)

def same(completion, answer):
    return completion == answer

def odd(completion, answer):
    match completion:
        case "raises":
            raise RuntimeError("two\\nlines")
        case "exits":
            sys.exit("enough")
        case "nothing":
            return None
        case "loops":
            while True:
                pass
        case "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
    return True

number = 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_judge.py"
    path.write_text(JUDGE)
    return path


def graded(function: str, *completions: str, answer: str = "100", seconds: float = 10) -> list[Grade]:
    pairs = [(completion, answer) for completion in completions]
    return grade_by_function(pairs, function, seconds, workers=2, progress=lambda done: None)


def refusal(function: str, *completions: str) -> str:
    with pytest.raises(BadInput) as caught:
        graded(function, *completions)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_function_that_returns_grades(file: Path) -> None:
    told: list[int] = []
    pairs = [("it is 95", "100"), ("about 50", "100"), ("none", "100")]
    found = grade_by_function(pairs, f"{file}:close", 10, workers=2, progress=told.append)
    assert found == [
        Grade(True, "close enough", "95" * 100),
        Grade(False, "wrong", "50" * 100),
        Grade(False, "no number at the end", ""),
    ]
    assert told == [1, 2, 3]


def test_a_function_of_a_package_in_the_current_folder_that_returns_bools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sirev_test_judges").mkdir()
    (tmp_path / "sirev_test_judges" / "__init__.py").write_text(JUDGE)
    monkeypatch.chdir(tmp_path)
    found = graded("sirev_test_judges:same", "100", "1")
    assert found == [Grade(True, "right", ""), Grade(False, "wrong", "")]


def test_an_answer_that_takes_too_long_or_ends_the_process_is_wrong_and_bears_the_blame_alone(file: Path) -> None:
    found = graded(f"{file}:odd", "fine", "loops", "dies", "fine too", seconds=2)
    assert [one.reason for one in found] == ["right", "timeout", "error", "right"]


@pytest.mark.parametrize(
    ("completion", "why"),
    [
        ("raises", "failed with RuntimeError: two lines, given 'raises' and the answer '100'"),
        ("exits", "failed with SystemExit: enough, given 'exits' and the answer '100'"),
        ("nothing", "expected True, False or a sirev.Grade, got null, given 'nothing' and the answer '100'"),
    ],
)
def test_a_function_that_fails_or_returns_nothing_is_no_wrong_answer_but_bad_input(file: Path, completion: str, why: str) -> None:
    assert refusal(f"{file}:odd", "fine", completion, "fine") == f"{file}:odd: {why}"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("judge", 'a grader function is named "package.module:function" or "path/to/file.py:function"'),
        ("no_such_package.judges:same", "no_such_package.judges can't be imported: ModuleNotFoundError"),
        ("no_such_file.py:same", "no_such_file.py can't be imported: FileNotFoundError: no such file"),
        ("{file}:some", "has no function 'some' (there: close, same, odd)"),
        ("{file}:number", "has no function 'number'"),
        ("{file}:Tolerance", "has no function 'Tolerance'"),
    ],
)
def test_a_function_that_is_missing_is_one_line(file: Path, name: str, why: str) -> None:
    line = refusal(name.format(file=file), "fine")
    assert line.startswith(f"{name.format(file=file)}: ")
    assert why in line


def test_a_file_that_can_not_be_imported_is_one_line(file: Path) -> None:
    file.write_text("1 / 0")
    assert refusal(f"{file}:same", "x") == (f"{file}:same: {file} can't be imported: ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (None, "expected True, False or a sirev.Grade, got null"),
        (1, "expected True, False or a sirev.Grade, got 1 (int)"),
        ("right", "expected True, False or a sirev.Grade, got 'right'"),
        ((True, "right"), "expected True, False or a sirev.Grade, got (True, 'right') (tuple)"),
        (Grade("yes", "right", ""), "a Grade's correct must be True or False, got 'yes'"),  # type: ignore[arg-type]
        (Grade(True, 3, ""), "a Grade's reason must be a text, got 3 (int)"),  # type: ignore[arg-type]
        (Grade(False, "", ""), "a Grade's reason must have 1 to 200 characters, got ''"),
        (Grade(False, "x" * 201, ""), "a Grade's reason must have 1 to 200 characters, got 'xxx"),
        (Grade(False, "wrong", None), "a Grade's answer must be a text, got null"),  # type: ignore[arg-type]
        (Grade(False, "wrong", "\ud800"), "a Grade's answer must be a text, got "),
        (Grade(True, "wrong", "1"), "a Grade can't be correct for the reason 'wrong'"),
        (Grade(False, "right", "1"), "a Grade can't be incorrect for the reason 'right'"),
    ],
)
def test_what_is_no_grade_is_refused(given: object, why: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        as_grade(given)
    assert str(caught.value).startswith(why)
