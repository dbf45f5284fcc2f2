from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sirev

ROOT = Path(sirev.__file__).parent
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "pyarrow", "numpy", "pandas", "tokenizers")

LAYERS = ("cli", "reporting", "study", "stages", "work", "store", "recipe", "ground")
"""From the roof down; a module imports from its own layer or from those after it."""
LAYER_OF = {
    **{name: name for name in LAYERS},
    "front": "cli",
    **dict.fromkeys(("engines", "trainers", "tasks", "grading", "metrics"), "work"),
    **dict.fromkeys(
        (
            *("addresses", "child", "errors", "hub", "inputs", "parent", "parquet", "printing"),
            *("resident", "seeds", "shipped", "spawning", "typed", "workers"),
        ),
        "ground",
    ),
    "__main__": "cli",
}


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(' '.join(sorted(sys.modules)))"
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())


def test_import_of_sirev_is_light() -> None:
    loaded = modules_after("import sirev")
    assert not loaded & {*HEAVY, "pydantic", "yaml", "rich", "typer"}


def test_help_is_light() -> None:
    program = "import sys; from sirev.cli.main import main; sys.argv = ['sirev', '--help']; main()"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", program], capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "sirev.cli.main" in loaded
    assert not loaded & {*HEAVY, "pydantic", "yaml", "rich"}


def test_every_public_name_is_there_and_documented() -> None:
    for name in sirev.__all__:
        found = getattr(sirev, name)
        assert name == "__version__" or found.__doc__, name
    with pytest.raises(AttributeError, match="nothing_like_this"):
        sirev.nothing_like_this  # noqa: B018


def test_dir_lists_the_public_names_and_loads_nothing() -> None:
    assert {*dir(sirev)} == {*sirev.__all__}
    assert not modules_after("import sirev; dir(sirev)") & {*HEAVY, "pydantic", "yaml"}


def test_no_public_name_is_shadowed_by_a_submodule() -> None:
    submodules = {path.stem for path in ROOT.glob("*.py")} | {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert not submodules & set(sirev.__all__)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    here = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if here == "__init__":
        return  # the front door offers names from every floor
    floor = LAYERS.index(LAYER_OF[here])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sirev."):
            there = node.module.split(".")[1]
            if there == "recipe" and LAYER_OF[here] != "store":
                continue  # importable by all above the store
            assert LAYERS.index(LAYER_OF[there]) >= floor, f"{path}: {node.module}"


def test_the_work_itself_does_not_know_the_store() -> None:
    for part in ("engines", "trainers", "tasks", "grading", "metrics"):
        for path in (ROOT / part).glob("*.py"):
            assert "sirev.store" not in path.read_text(), path


ASCII = ("child.py", "resident.py")
"""What a child and its parent say to each other is JSON in ASCII."""


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_text_files_are_utf_8_whatever_the_locale(path: Path) -> None:
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    for call in calls if path.name not in ASCII else ():
        if any(keyword.arg == "encoding" for keyword in call.keywords):
            continue
        called = ast.unparse(call.func).rpartition(".")[2]
        modes = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        assert called not in ("read_text", "write_text"), f"{path}:{call.lineno}"
        assert called not in ("open", "fdopen") or not any({*mode} <= {*"rwax+t"} for mode in modes), f"{path}:{call.lineno}"


def test_python_m_sirev_imports_nothing_of_the_present_folder(tmp_path: Path) -> None:
    for name in ("typer", "json", "numpy", "yaml"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w')")
    done = subprocess.run([sys.executable, "-m", "sirev", "recipes"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "tiny" in done.stdout
    assert not (tmp_path / "imported").exists()
