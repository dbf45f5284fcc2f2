"""Rewrite uv.lock with the versions of constraints-gpu.txt, so that uv and pip install the same versions.

uv's lock command takes no constraints file. So it first locks a copy of pyproject.toml that contains them, and then, with the
versions of that lock, the project itself.

    python tests/lock.py

It needs uv, on the path or next to this Python, and the package index.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.append(str(CHECKOUT))

from tests.resolve import plain_environment, uv  # noqa: E402

HEADING = "[tool.uv]"


def main() -> int:
    """Lock, and return the exit status."""
    lines = (CHECKOUT / "constraints-gpu.txt").read_text().splitlines()
    pins = json.dumps([line for line in lines if not line.startswith("#")])  # a JSON list of strings is TOML too
    project = (CHECKOUT / "pyproject.toml").read_text()
    heading, settings = project.index(HEADING), project.index("\n", project.index(HEADING))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "pyproject.toml").write_text(
            f"{project[:heading]}{HEADING}\nconstraint-dependencies = {pins}{project[settings:]}"
        )
        status = lock(folder)
        if status == 0:
            (folder / "pyproject.toml").write_text(project)
            status = lock(folder)
        if status == 0:
            shutil.copy(folder / "uv.lock", CHECKOUT / "uv.lock")
    return status


def lock(folder: Path) -> int:
    """Lock a project and return uv's exit status."""
    return subprocess.run([uv(), "lock", "--quiet", "--no-python-downloads"], cwd=folder, env=plain_environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
