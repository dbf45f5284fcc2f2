"""An environment with the packages of a light install of sirev, made in a second from the packages installed here."""

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
    """A virtual environment's Python, and the names of its packages."""

    python: Path
    packages: frozenset[str]

    @classmethod
    def make(cls, folder: Path, wheel: Path | None = None) -> LightInstall:
        """Make it from links to sirev's requirements without extras, including indirect ones; sirev itself is this checkout, or
        installed from a wheel."""
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
    """Normalised name -> package, for requirements and their indirect requirements."""
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
    """Link a package's files and folders into site-packages."""
    tops = {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}
    for top in tops:
        if not os.path.lexists(site / top):  # packages may share a folder
            (site / top).symlink_to(Path(str(package.locate_file(top))))
