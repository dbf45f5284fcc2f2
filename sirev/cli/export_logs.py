"""`sirev export-logs`: logs for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from sirev.api.export_logs import LogForm, export_logs
from sirev.cli.lines import print_written
from sirev.cli.options import check_format
from sirev.printing import out_json, say
from sirev.quoting import as_typed

_SCHEMA = 1
"""Version of the JSON form."""


def run(name: str, to: str, output: Path, kinds: Sequence[str], store: Path | None, form: str) -> None:
    """Write the logs and print their place, as JSON all paths; stderr names the tool that opens them."""
    check_format(form)
    files = export_logs(name, cast(LogForm, to), output, kinds=kinds, store=store)
    if form == "json":
        out_json({"schema": _SCHEMA, "folder": str(output), "files": [str(path) for path in files]})
    else:
        print_written(files, output)
    if to == "inspect":
        say(f"Look at them: {as_typed('inspect', 'view', '--log-dir', output)}")
