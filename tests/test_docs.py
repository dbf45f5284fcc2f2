"""The examples of docs/tasks.md, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sirev.grading.grade import Grade
from sirev.own_code import load
from sirev.recipe import Recipe, load_recipe
from sirev.recipe.sections import OwnGrader
from sirev.tasks.core import jsonl, python
from sirev.tasks.rows import read_jsonl

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tasks.md").read_text()


def block(language: str, holding: str) -> str:
    """The one example of the page in this language that holds a text."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.S) if holding in code]
    return str(found)


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
