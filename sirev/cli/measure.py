"""`sirev measure`: the report of completions made elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sirev.cli.progress import Progress
from sirev.errors import BadInput
from sirev.reporting.summary import report
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import print_tables
from sirev.store.store import Store
from sirev.study.samples import StepRead, measure


def run(
    name: str,
    steps: Sequence[str],
    greedy: Sequence[str],
    task: dict[str, Any],
    fields: dict[str, str | None],
    store: Path | None,
    **options: Any,
) -> None:
    """Measure, then print what was read, the report as `sirev report` does, and the command that writes a page."""
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
    print_tables([what_was_read(found.read)])
    print()
    report(runs=[found.id], store=opened).print()
    where = ["--store", str(store)] if store is not None else []
    print(f"\nnext: {shlex.join(['sirev', 'report', 'html', '--recipe', name, '-o', f'{name}.html', *where])}")


def what_was_read(read: Iterable[StepRead]) -> TextTable:
    """A row per step and kind of answers: its files, how much was in them, what it was taken for, and the fields used."""
    table = TextTable("What was read", ["step", "file", "taken as", "fields", "problems", "per problem"], 4)
    for one in read:
        several = f" and {len(one.files) - 1} more" if len(one.files) > 1 else ""
        fields = ", ".join(at if at == what else f"{what}={at}" for what, at in one.fields.items())
        each = str(one.most) if one.fewest == one.most else f"{one.fewest} to {one.most}"
        table.rows.append([one.step, f"{Path(one.files[0]).name}{several}", one.taken, fields, f"{one.problems:,}", each])
    return table


def _files(option: str, given: Sequence[str]) -> dict[str, list[str]]:
    """Step -> its files, in the order given; a step that is named several times has all of them."""
    files: dict[str, list[str]] = {}
    for one in given:
        step, equals, file = one.partition("=")
        if not (step and equals and file):
            raise BadInput(f"{option} {one}: expected STEP=FILE")
        files.setdefault(step, []).append(file)
    return files
