"""`sirev iterate`: progress while it runs, one screen at the end."""

from __future__ import annotations

from sirev.api.iterate import execute
from sirev.api.request import Request
from sirev.cli.progress import Progress
from sirev.reporting.summary import report


def run(request: Request, remote: str | None) -> None:
    """Iterate, then print the screen that `sirev report` prints."""
    with Progress() as progress:
        results = execute(request, remote, progress)
    progress.summary()
    report(runs=[result.id for result in results], store=request.store).print()
