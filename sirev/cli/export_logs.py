"""`sirev export-logs`: logs for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from sirev.api.export_logs import LogForm, export_logs
from sirev.printing import out_path, say
from sirev.quoting import as_typed


def run(name: str, to: str, output: Path, kinds: Sequence[str], store: Path | None) -> None:
    """Write the logs and print their paths, one per line; inspect's viewer is named on stderr."""
    for path in export_logs(name, cast(LogForm, to), output, kinds=kinds, store=store):
        out_path(path)
    if to == "inspect":
        say(f"Look at them: {as_typed('inspect', 'view', '--log-dir', output)}")
