"""`sirev iterate`: progress, then one screen of results."""

from __future__ import annotations

from pathlib import Path

from sirev.api.iterate import execute_and_push, part_until
from sirev.api.request import Request
from sirev.cli.progress import Progress
from sirev.printing import say
from sirev.reporting.summary import report


def run(request: Request, remote: str | None, push: bool, until: int | None, scratch: Path | None, track: str | None) -> None:
    """Iterate, then print the screen of `sirev report`; or, if `until` ended the runs, how to continue."""
    part = None if until is None else part_until(request, until)
    with Progress() as progress:
        results = execute_and_push(request, remote, push, progress, part, scratch, track)
    progress.summary()
    if part is None or all(result.iterations for result in results):
        report(runs=[result.id for result in results], store=request.store).print()
    else:
        say(f"Stopped once M_{until} was measured, as --until says; the same command without it continues.")
