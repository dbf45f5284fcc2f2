"""`sirev iterate`: progress while it runs, pass@1 at the end."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from sirev.cli.progress import Progress
from sirev.reporting.sections import pass_at_1_table
from sirev.reporting.summary import run_data
from sirev.reporting.tables import print_tables
from sirev.store.store import Store
from sirev.study.invocation import iterate


def run(
    recipe: str,
    methods: list[str] | None,
    overrides: list[str],
    seeds: list[int],
    store: Path | None,
    redo: list[str],
    overlays: list[str],
    unsafe_code: bool,
) -> None:
    """Iterate and print the table of pass@1 by t and method, and where to look next."""
    opened = Store(store)
    asked: dict[str, Any] = {"methods": methods, "overrides": overrides, "seeds": seeds, "redo": redo, "overlays": overlays}
    with Progress() as progress:
        results = iterate(recipe, **asked, unsafe_code=unsafe_code, store=opened, listener=progress)
    progress.summary()
    runs = [run_data(r.id, "", r.method, r.seed, r.stopped, r.iterations) for r in results]
    print_tables([pass_at_1_table(runs)])
    place = f" --store {shlex.quote(str(store))}" if store is not None else ""
    print(f"\nWhat pass@1 hides:  sirev report{place}")
