"""Trial imports of libraries in a child process: an installed library may still fail to load."""

from __future__ import annotations

import subprocess

from sirev.processes.workers import run_python

_SECONDS = 120


def import_trouble(code: str) -> str:
    """Why `code`, which imports a library, fails in a fresh interpreter, on one line; empty if it succeeds."""
    try:
        done = run_python(code, _SECONDS)
    except subprocess.TimeoutExpired:
        return f"did not finish in {_SECONDS} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it died"])[-1][:200]
