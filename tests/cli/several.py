"""Several commands as forked children of one Python process, so that modules are imported only once."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.forked import LIGHT

PROGRAM = f"""
import importlib, json, os, sys
from sirev.cli import main
for name in {(*LIGHT, "sirev.cli.iterate", "sirev.cli.report")}:
    importlib.import_module(name)
for arguments in json.load(open(sys.argv[1])):
    print(f"$ {{arguments!a}}", flush=True)
    if (child := os.fork()) == 0:
        sys.argv = ["sirev", *arguments]
        main.main()
    print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def program(commands: Sequence[Sequence[str]], folder: Path) -> list[str]:
    """A command line that prints "$ [...]" before each command's output and "status N" after it. `folder` is for its input."""
    asked = folder / "commands.json"
    asked.write_text(json.dumps(commands))
    return [sys.executable, "-c", PROGRAM, str(asked)]
