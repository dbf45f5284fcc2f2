"""`sirev iterate`: progress while it runs, one screen at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sirev.api.iterate import iterate
from sirev.cli.progress import RunProgress
from sirev.reporting.summary import report
from sirev.store.store import Store
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
    """Iterate, then print the screen that `sirev report` prints."""
    opened = Store(store)
    asked: dict[str, Any] = {"methods": methods, "overrides": overrides, "seeds": seeds, "redo": redo, "overlays": overlays}
    asked |= {"nulls": nulls or [], "null_count": null_count, "remote": remote}
    with RunProgress() as progress:
        results = iterate(recipe, **asked, unsafe_code=unsafe_code, store=opened, listener=progress)
    progress.summary()
    report(runs=[result.id for result in results], store=opened).print()
