"""`sirev iterate`: progress while it runs, pass@1 and the verdicts at the end."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from sirev.cli.progress import Progress
from sirev.reporting.sections.accuracy import pass_at_1_table
from sirev.reporting.sections.rows import runs_of
from sirev.reporting.sections.verdicts import summary
from sirev.reporting.summary import report
from sirev.reporting.terminal import print_tables
from sirev.store.store import Store
from sirev.study.invocation import iterate
from sirev.study.nulls import RETRAINED


def run(
    recipe: str,
    methods: list[str] | None,
    overrides: list[str],
    seeds: list[int],
    store: Path | None,
    redo: list[str],
    overlays: list[str],
    unsafe_code: bool,
    nulls: list[str] | None = None,
    null_count: int = RETRAINED,
    remote: str | None = None,
) -> None:
    """Iterate and print pass@1 by t and method, the verdicts, and where to look next."""
    opened = Store(store)
    asked: dict[str, Any] = {"methods": methods, "overrides": overrides, "seeds": seeds, "redo": redo, "overlays": overlays}
    asked |= {"nulls": nulls or [], "null_count": null_count, "remote": remote}
    with Progress() as progress:
        results = iterate(recipe, **asked, unsafe_code=unsafe_code, store=opened, listener=progress)
    progress.summary()
    told = report(runs=[result.id for result in results], store=opened).studies
    print_tables([pass_at_1_table(runs_of(told)), summary(told)])
    place = f" --store {shlex.quote(str(store))}" if store is not None else ""
    print(f"\nWhat pass@1 hides:  sirev report{place}")
