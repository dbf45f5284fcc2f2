"""`sirev measure`: the report of completions made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sirev.api.measure import StepRead, measure
from sirev.cli.lines import print_lines
from sirev.cli.progress import RunProgress
from sirev.errors import BadInput
from sirev.reporting.summary import report
from sirev.store.store import Store
from sirev.study.external.model_files import file_names


def run(
    name: str,
    steps: Sequence[str],
    greedy: Sequence[str],
    task: dict[str, Any],
    fields: dict[str, str | None],
    store: Path | None,
    **options: Any,
) -> None:
    """Measure, then print what was read and the screen of `sirev report`, which names the command that writes a page."""
    opened = Store(store)
    named = {field: path for field, path in fields.items() if path is not None}
    with RunProgress() as progress:
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
    print_lines([*what_was_read(found.read, named), ""])
    report(runs=[found.id], store=opened).print(asked=f"--recipe {name}")


def what_was_read(read: Sequence[StepRead], named: Mapping[str, str]) -> list[str]:
    """Lines that say of each step which files were read, how much was in them, and what it was taken for; then the fields used.

    `named`: the fields that options named, shown as they were given there.
    """
    lines = ["Read:"]
    fields: dict[str, list[str]] = {}
    for one in read:
        each = str(one.most) if one.fewest == one.most else f"{one.fewest} to {one.most}"
        taken = "greedy answer" if one.taken == "greedy" else "draw"
        taken += "" if one.most == 1 else "s"
        lines.append(f"  {one.step}: {file_names(one.files)}, {one.problems:,} problems, {each} {taken} per problem")
        used = [named.get(what, at) for what, at in one.fields.items()]
        said = [name if name == what else f"{what} from {name}" for what, name in zip(one.fields, used, strict=True)]
        fields.setdefault(", ".join(said), []).append(one.step)
    if len(fields) == 1:
        return [*lines, f"  fields: {next(iter(fields))}"]
    return [*lines, *(f"  fields of {', '.join(dict.fromkeys(steps))}: {said}" for said, steps in fields.items())]


def _files(option: str, given: Sequence[str]) -> dict[str, list[str]]:
    """Step -> its files, in the order given; a step that is named several times has all of them."""
    files: dict[str, list[str]] = {}
    for one in given:
        step, equals, file = one.partition("=")
        if not (step and equals and file):
            raise BadInput(f"{option} {one}: expected STEP=FILE")
        files.setdefault(step, []).append(file)
    return files
