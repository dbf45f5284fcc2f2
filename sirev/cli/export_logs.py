"""`sirev export-logs`: logs for other tools, and how they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from sirev.api.export_logs import LogForm, export_logs
from sirev.printing import out_path, say
from sirev.quoting import as_typed


def run(name: str, to: str, output: Path, kinds: Sequence[str], store: Path | None) -> None:
    """Print the files that were written, one per line; stderr says what opens them."""
    for path in export_logs(name, cast(LogForm, to), output, kinds=kinds, store=store):
        out_path(path)
    if to == "inspect":
        say(f"Look at them: {as_typed('inspect', 'view', '--log-dir', output)}")
