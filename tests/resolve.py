"""Check, by metadata, that sirev can be installed under its constraints from the package index alone. Installs nothing.

Also check that uv.lock is the lock that uv would write for pyproject.toml.

Each constraints file is resolved for each Python in pyproject.toml, without extras, with each extra and with all. Local wheels
and the configurations of pip and uv are ignored, since a user has none of them; every package must have a wheel, since a user
may have no compiler.

    python tests/resolve.py [--constraint FILE]... [--python VERSION]...

It needs uv, on the path or next to this Python. Exits with 1 if anything can't be resolved.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PLATFORM = "x86_64-manylinux_2_35"  # as old as Ubuntu 22.04
PYTHON = "Programming Language :: Python :: "
KEPT = ("UV_CACHE_DIR", "UV_DEFAULT_INDEX")
"""The only settings of uv that are kept: neither adds packages to the index's."""


@dataclass(frozen=True)
class Case:
    """One installation: a constraints file, a version of Python, and extras."""

    constraints: Path
    python: str
    extras: tuple[str, ...]

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"Python {self.python}, {self.constraints.name}: sirev{extras}"


def main() -> int:
    """Resolve all cases and return the exit status."""
    parser = argparse.ArgumentParser(description="Resolve sirev under its constraints from the package index alone.")
    parser.add_argument("--constraint", type=Path, action="append", help="default: both files of this checkout")
    parser.add_argument("--python", action="append", help="default: every version that pyproject.toml names")
    options = parser.parse_args()
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    files = options.constraint or [CHECKOUT / name for name in ("constraints.txt", "constraints-gpu.txt")]
    pythons = options.python or [c.removeprefix(PYTHON) for c in project["classifiers"] if c.startswith(PYTHON)]
    extras = list(project["optional-dependencies"])
    cases = [Case(*case) for case in itertools.product(files, pythons, [(), *((extra,) for extra in extras), tuple(extras)])]
    resolve(cases[-1])  # fills uv's cache with nearly everything that the other cases need
    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(error_of, cases))
    for case, error in zip(cases, errors, strict=True):
        if error:
            print(f"{case}\n{error}\n", file=sys.stderr)
    stale = lock_error()
    if stale:
        print(f"uv.lock\n{stale}\n", file=sys.stderr)
    failed = sum(map(bool, errors)) + bool(stale)
    print(f"resolve: {len(cases) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


def error_of(case: Case) -> str:
    """Resolve a case from uv's cache or, if that fails, from the index; return uv's error, empty if there is none."""
    return resolve(case, "--offline") and resolve(case)


def resolve(case: Case, *options: str) -> str:
    """Resolve a case and return uv's error, empty if there is none."""
    command = [uv(), "pip", "compile", "--quiet", "--no-config", "--no-build", "--no-python-downloads", *options]
    command += ["--python-platform", PLATFORM, "--python-version", case.python, "--constraint", str(case.constraints)]
    command += ["pyproject.toml", *(word for extra in case.extras for word in ("--extra", extra))]
    done = subprocess.run(command, cwd=CHECKOUT, env=plain_environment(), capture_output=True, text=True, timeout=300)
    return done.stderr.strip() if done.returncode else ""


def lock_error() -> str:
    """uv's error about a uv.lock that no longer fits pyproject.toml; empty if it fits."""
    command = [uv(), "lock", "--check", "--quiet", "--no-python-downloads"]
    done = subprocess.run(command, cwd=CHECKOUT, env=plain_environment(), capture_output=True, text=True, timeout=300)
    return done.stderr.strip() or f"uv ended with {done.returncode}" if done.returncode else ""


def uv() -> str:
    """The path of uv."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise SystemExit("resolve: uv is not installed; run: make resolve")
    return found


def plain_environment() -> dict[str, str]:
    """This process's environment without variables that point uv to packages outside the index."""
    return {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith(("PIP_", "UV_"))}


if __name__ == "__main__":
    sys.exit(main())
