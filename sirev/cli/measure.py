"""`sirev measure`: the whole report of completions made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sirev.cli.progress import Progress
from sirev.errors import BadInput
from sirev.reporting.summary import report
from sirev.store.store import Store
from sirev.study.samples import measure


def run(
    name: str,
    steps: Sequence[str],
    greedy: Sequence[str],
    task: dict[str, Any],
    fields: dict[str, str | None],
    store: Path | None,
    **options: Any,
) -> None:
    """Measure, then print the report as `sirev report` does."""
    opened = Store(store)
    named = {field: path for field, path in fields.items() if path is not None}
    with Progress() as progress:
        found = measure(
            name,
            steps=_files("--step", steps),
            greedy=_files("--greedy", greedy),
            fields=named,
            store=opened,
            listener=progress,
            **task,
            **options,
        )
    progress.summary()
    report(runs=[found.id], store=opened).print()


def _files(option: str, given: Sequence[str]) -> dict[str, str]:
    """Step -> file, in the order given."""
    files: dict[str, str] = {}
    for one in given:
        step, equals, file = one.partition("=")
        if not (step and equals and file):
            raise BadInput(f"{option} {one}: expected STEP=FILE")
        if step in files:
            raise BadInput(f"{option} {one}: the step {step} is named twice; several draws of a model belong in one file")
        files[step] = file
    return files
