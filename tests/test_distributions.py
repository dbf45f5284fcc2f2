"""The wheel and the sdist: what is in them, and that they work in a clean environment without what trains."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import sirev
from tests.conftest import Study, tree
from tests.light_install import CHECKOUT, LightInstall
from tests.test_light_install import caller

pytestmark = pytest.mark.slow  # needs a build backend, which is fetched from the package index


@dataclass(frozen=True)
class Built:
    """What the build backend makes of this checkout, in a folder of its own; `tools` is a Python that has it, and uv."""

    tools: Path
    wheel: Path
    sdist: Path

    @property
    def in_sdist(self) -> set[str]:
        """Names of the files in the sdist, below its folder."""
        with tarfile.open(self.sdist) as archive:
            return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    venv.create(folder / "tools", with_pip=True)
    python = folder / "tools" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "hatchling", "uv"], check=True)
    for name in kept():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, folder / "source" / name)
    for name in ("cache/objects/ab/cd", ".venv/bin/python", "sirev/__pycache__/a.pyc", "reports/tiny.html"):  # of who works here
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_text("")
    subprocess.run([python, "-m", "hatchling", "build", "--directory", folder / "dist"], cwd=folder / "source", check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return Built(python, wheel, sdist)


def kept(*folders: str) -> list[str]:
    """The files of this checkout, below some folders or all, that git keeps or would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.splitlines()


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_a_wheel_has_the_package_with_its_data_and_recipes_and_nothing_else(built: Built) -> None:
    names = names_in(built.wheel)
    assert {name.split("/")[0] for name in names} == {"sirev", f"sirev-{sirev.__version__}.dist-info"}
    expected = {re.sub(r"^recipes/", "sirev/recipes/", name) for name in kept("sirev", "recipes")}
    assert {name for name in names if name.startswith("sirev/")} == expected


def test_an_sdist_has_tests_docs_and_recipes_and_no_cache(built: Built) -> None:
    names = built.in_sdist
    assert {"tests/conftest.py", "docs/papers.md", "recipes/tiny.yaml", "CITATION.cff", "LICENSE", "uv.lock"} <= names
    assert {name for name in names if name.startswith("cache/")} <= {"cache/README.md"}
    assert not {name for name in names if name.startswith((".ci/", ".venv/", "reports/")) or name.endswith(".pyc")}


def test_a_wheel_from_the_sdist_is_the_wheel(built: Built, tmp_path: Path) -> None:
    pip = [built.tools, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, built.sdist], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert names_in(wheel) == names_in(built.wheel)


def test_the_wheel_reports_where_nothing_that_trains_is_installed(built: Built, smoke: Study, tmp_path: Path) -> None:
    install = LightInstall.make(tmp_path / "venv", built.wheel)
    light = caller(install.python, tmp_path)
    program = "import importlib.util, sirev; print(sirev.__file__, importlib.util.find_spec('torch'))"
    where = subprocess.run([install.python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert where.stdout.startswith(str(tmp_path / "venv"))
    assert where.stdout.endswith(" None\n")
    before = tree(smoke.store.path)
    assert light("--version").stdout == f"sirev {sirev.__version__}\n"
    assert "mistral_gsm8k" in light("recipes").stdout
    store = ("--store", smoke.store.path)
    assert "INCONCLUSIVE" in light("report", "tiny_smoke", *store).stdout
    assert light("report", "checklist", "tiny_smoke", *store).stdout.startswith("# Reproducibility checklist")
    assert "\\cite{wu2024progress}" in light("report", "methods", "tiny_smoke", *store).stdout
    assert tree(smoke.store.path) == before
    script = subprocess.run([install.python.with_name("sirev"), "--version"], capture_output=True, text=True, check=True)
    assert script.stdout == f"sirev {sirev.__version__}\n"


def test_uvx_runs_a_report_from_the_wheel(built: Built, smoke: Study, tmp_path: Path) -> None:
    command = [built.tools.with_name("uvx"), "--quiet", "--python", sys.executable, "--from", built.wheel]
    done = subprocess.run(
        [*command, "sirev", "report", "tiny_smoke", "--store", smoke.store.path], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "INCONCLUSIVE" in done.stdout
