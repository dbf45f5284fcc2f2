"""`sirev plan`: every step of every run, and what would happen to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sirev.reporting.tables import TextTable, print_tables
from sirev.study.invocation import plan


def run(
    recipe: str, methods: list[str] | None, overrides: list[str], seeds: list[int], store: Path | None, redo: list[str]
) -> None:
    """Print a row a step and a column a run."""
    found = plan(recipe, methods=methods, overrides=overrides, seeds=seeds, store=store, redo=redo)
    steps = list(dict.fromkeys(step for states in found.values() for step in states))
    steps.sort(key=lambda step: (step == "compare", int(step.rpartition(":")[2]) if ":" in step else 0))
    table = TextTable("Nothing is run", ["step", *found], 1 + len(found))
    table.rows = [[step, *(states.get(step, "") for states in found.values())] for step in steps]
    counts = Counter(state for states in found.values() for state in states.values())
    table.notes.append(", ".join(f"{counts[state]} {state}" for state in ("hit", "run", "unknown")))
    if counts["unknown"]:
        table.notes.append("unknown: depends on what an earlier step yields; it may still be a hit.")
    print_tables([table])
