"""Trials of libraries by a child process: that one is installed does not say that it can be loaded."""

from __future__ import annotations

import subprocess

from sirev.processes.workers import run_python

_SECONDS = 120


def import_trouble(code: str) -> str:
    """Why `code`, which imports a library, fails in a fresh interpreter, in a line; "" if it does not."""
    try:
        done = run_python(code, _SECONDS)
    except subprocess.TimeoutExpired:
        return f"did not finish in {_SECONDS} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it died"])[-1][:200]
