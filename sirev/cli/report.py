"""`sirev report`: the tables, or a file for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

from sirev.errors import BadInput
from sirev.recipe import suggest
from sirev.reporting.summary import FORMATS, report


def run(section: str | None, recipes: list[str], methods: list[str], runs: list[str], form: str, store: Path | None) -> None:
    """Print the report in the form asked for; what was left out goes to stderr."""
    if form not in FORMATS:
        raise BadInput(f"--format: unknown format {form!r}{suggest(form, list(FORMATS))}")
    made = report(section, recipes=recipes, methods=methods, runs=runs, store=store)
    for note in made.notes:
        print(f"sirev: {note}", file=sys.stderr)
    if form == "table":
        made.print()
    else:
        try:
            sys.stdout.write(made.text(form))
            sys.stdout.flush()
        except BrokenPipeError:  # `sirev report --format csv | head`: one without a number, which Typer does not act upon
            raise BrokenPipeError from None
