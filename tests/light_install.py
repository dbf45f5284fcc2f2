"""An environment with what a light install of sirev brings, made in a second of what is installed here."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


@dataclass(frozen=True)
class LightInstall:
    """A virtual environment's Python, and the names of the packages in it."""

    python: Path
    packages: frozenset[str]

    @classmethod
    def make(cls, folder: Path, wheel: Path | None = None) -> LightInstall:
        """Make it of links to the packages that sirev requires without an extra, and to those that they require; sirev itself
        is this checkout, or what a wheel installs."""
        venv.create(folder, with_pip=False, symlinks=True)
        (site,) = folder.glob("lib/python*/site-packages")
        required = closure(PROJECT["dependencies"])
        for package in required.values():
            link(package, site)
        python = folder / "bin" / "python"
        if wheel is not None:
            pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True)
            return cls(python, frozenset(required))
        (info,) = Path(str(distribution("sirev").locate_file(""))).glob("sirev-*.dist-info")
        (site / info.name).symlink_to(info)
        (site / "sirev.pth").write_text(f"{CHECKOUT}\n")
        return cls(python, frozenset(required))


def closure(lines: Iterable[str]) -> dict[str, Distribution]:
    """The packages that requirements ask for, and those that these ask for in turn, by normalised name."""
    found: dict[str, Distribution] = {}
    todo = [(Requirement(line), "") for line in lines]
    seen = set()
    while todo:
        wanted, extra = todo.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        package = found.setdefault(name, distribution(name))
        asked = {(name, extra) for extra in ("", *wanted.extras)} - seen
        seen |= asked
        todo += [(Requirement(line), extra) for _, extra in asked for line in package.requires or []]
    return found


def link(package: Distribution, site: Path) -> None:
    """Link all that a package has in site-packages."""
    tops = {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}
    for top in tops:
        if not os.path.lexists(site / top):  # a folder that several packages share
            (site / top).symlink_to(Path(str(package.locate_file(top))))
