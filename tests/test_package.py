from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sirev

ROOT = Path(sirev.__file__).parent
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "pyarrow", "numpy", "pandas", "tokenizers")

ROOMS = (
    *("__init__", "__main__", "front", "cli", "api", "reporting", "machine", "explain", "execution", "study", "stages"),
    *("engines", "trainers", "trackers", "grading", "metrics"),  # the work itself
    *("store", "recipe", "tasks", "processes"),
)
"""From the roof down; a module imports from its own room or from those after it. What is not here stands on the ground."""
WORK = ("engines", "trainers", "trackers", "tasks", "grading", "metrics")
MODULES = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}
DOTTED = re.compile(r"\bsirev(?:\.\w+)+(?=:\w)")


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


def imported(code: str) -> set[str]:
    """The modules of sirev that a module imports, whichever way it says so, or asks a child for as "module:function"."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sirev":
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in MODULES or f"{name}.__init__" in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "sirev"}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {*DOTTED.findall(node.value)}
    return found


def floor(module: str) -> int:
    room = module.split(".")[1] if "." in module else "__init__"
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


def test_every_way_to_import_is_seen() -> None:
    code = "import sirev.hub\nfrom sirev import seeds, cli\nfrom sirev.store.store import Store\n'sirev.engines.dispatch:sample'"
    assert imported(code) == {"sirev.hub", "sirev.seeds", "sirev.cli", "sirev.store.store", "sirev.engines.dispatch"}
    assert floor("sirev.cli.main") < floor("sirev.engines.dispatch") < floor("sirev.metrics.pass_at_n") < floor("sirev.hub")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module: str) -> None:
    for name in imported(MODULES[module].read_text()):
        assert name in MODULES or f"{name}.__init__" in MODULES or name == "sirev", f"{module} names {name}, which is not there"
        assert floor(name) >= floor(module) or name == "sirev", f"{module} imports {name}, which is above it"


def test_the_work_itself_does_not_know_the_store() -> None:
    files = [path for part in WORK for path in (ROOT / part).rglob("*.py")]
    assert len({path.parent for path in files}) > len(WORK)  # sub-packages too
    for path in files:
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


COMMANDS = ("cli/app.py", "cli/store/app.py")
"""The tables of commands, whose functions are named after what they run."""
SHARED_NAMES = {
    *("run", "STAGE"),  # a stage's or a command's work, a stage
    *("TASK", "problems", "PROMPT"),  # a task, its problems and its template
    *("FAMILY", "measure", "statistics", "SHOWN"),  # a family of measures, and its parts
    *("row", "lengths", "trainer"),  # of a kind of training
    "main",  # of a process
}
"""What modules of one kind have on purpose, each its own."""
SAID_TWICE = 24
"""Other public names that several modules give to different things, at most."""


def public_names(code: str) -> set[str]:
    """The functions, classes and constants that a module defines for others; type variables mean nothing outside."""
    names: set[str] = set()
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and "TypeVar(" not in ast.unparse(statement):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_public_names_are_what_a_module_defines_for_others() -> None:
    code = "from a import b\nA, _B = 1, 2\nC: int = 3\nT = TypeVar('T')\ndef d(): e = 4\nclass F: g = 5\nA.h = 6\n"
    assert public_names(code) == {"A", "C", "d", "F"}


def test_few_names_mean_two_things() -> None:
    homes: dict[str, list[str]] = {}
    for path in ROOT.rglob("*.py"):
        if (place := path.relative_to(ROOT).as_posix()) not in COMMANDS:
            for name in public_names(path.read_text(encoding="utf-8")) - SHARED_NAMES:
                homes.setdefault(name, []).append(place)
    twice = {name: places for name, places in sorted(homes.items()) if len(places) > 1}
    assert len(twice) <= SAID_TWICE, twice


def test_the_sandbox_can_be_lifted_out() -> None:
    """It needs nothing else of sirev but that a child ends with its parent."""
    needed = {
        name for path in (ROOT / "grading" / "sandbox").rglob("*.py") for name in imported(path.read_text(encoding="utf-8"))
    }
    assert {name for name in needed if not name.startswith("sirev.grading.sandbox")} == {"sirev.processes.parent_death"}
    loaded = modules_after("import sirev.grading.sandbox as s; s.run, s.best_tier, s.Program")
    outside = {name for name in loaded if name.split(".")[0] == "sirev" and not name.startswith("sirev.grading.sandbox")}
    assert outside <= {"sirev", "sirev.grading", "sirev.processes", "sirev.processes.parent_death"}
