from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.own_code import keyed_name, load, source_files


@pytest.mark.parametrize(
    ("name", "keyed"),
    [("/home/me/judge.py:close", "close"), ("judge.py:close", "close"), ("package.judges:close", "package.judges:close")],
)
def test_a_file_is_keyed_by_its_content_and_not_by_its_path(name: str, keyed: str) -> None:
    assert keyed_name(name) == keyed


def test_the_source_of_a_module_is_looked_for_here_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(source_files("a/judge.py:close")) == [Path("a/judge.py")]
    here = [Path("package/judges.py"), Path("package/judges/__init__.py")]
    assert list(source_files("package.judges:close")) == here
    assert list(source_files("json:loads"))[2].name == "__init__.py"
    assert list(source_files("close")) == []


def test_a_file_is_run_anew_each_time_it_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "judge.py"
    for size in (1, 2):
        file.write_text(f"SIZE = {size}\n")
        module, name = load(f"{file}:SIZE", "grader function")
        assert getattr(module, name) == size
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_name_without_a_module_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        load("close", "grader function")
    assert str(caught.value) == ('close: a grader function is named "package.module:function" or "path/to/file.py:function"')
