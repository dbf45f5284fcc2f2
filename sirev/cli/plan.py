"""`sirev plan`: every step of every run, what would happen to it, and what all of it would take."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sirev.cli.units import size_text
from sirev.cli.why import FEW, in_brief
from sirev.errors import BadInput
from sirev.reporting.tables import ABSENT, TextTable
from sirev.reporting.terminal import print_tables
from sirev.study.estimate import Estimate
from sirev.study.invocation import Plans, plans
from sirev.study.nulls import RETRAINED
from sirev.study.why import explain


def run(
    recipe: str,
    methods: list[str] | None,
    overrides: list[str],
    seeds: list[int],
    store: Path | None,
    redo: list[str],
    overlays: list[str],
    rates: list[str],
    unsafe_code: bool,
    nulls: list[str] | None = None,
    null_count: int = RETRAINED,
) -> None:
    """Print a row a step and a column a run, then the estimate."""
    throughput = _rates(rates)
    planned = plans(recipe, methods, overrides, seeds, store, redo, overlays, unsafe_code, nulls or (), null_count)
    found = planned.states
    steps = list(dict.fromkeys(step for states in found.values() for step in states))
    steps.sort(key=lambda step: (step == "compare", int(step.rpartition(":")[2]) if ":" in step else 0))
    table = TextTable("Nothing is run", ["step", *found], 1 + len(found))
    table.rows = [[step, *(states.get(step, "") for states in found.values())] for step in steps]
    counts = Counter(state for states in found.values() for state in states.values())
    table.notes.append(", ".join(f"{counts[state]} {state}" for state in ("hit", "run", "unknown")))
    if counts["unknown"]:
        table.notes.append("unknown: depends on what an earlier step yields; it may still be a hit.")
    table.notes += _reasons(planned)
    print_tables([table, *_estimated(planned.estimate(throughput))])


def _reasons(planned: Plans) -> list[str]:
    """Why the first steps would run, one line a reason."""
    causes = explain(planned).causes()
    more = [f"and {len(causes) - FEW} more reasons: the same with `sirev why`"] if len(causes) > FEW else []
    return [*(in_brief(told) for told in causes[:FEW]), *more]


def _rates(given: list[str]) -> dict[str, float]:
    found = {}
    for one in given:
        stage, _, rate = one.partition("=")
        try:
            found[stage] = float(rate)
        except ValueError:
            found[stage] = 0.0
        if stage not in ("sample", "train") or not found[stage] > 0:
            raise BadInput(f"--rate {one}: expected sample=TOKENS/S or train=TOKENS/S, such as sample=9000")
    return found


def _estimated(found: Estimate) -> list[TextTable]:
    if not found.steps:
        return []
    table = TextTable("What the steps still to run would take, shared ones counted once", ["what", "about"], 1)
    table.rows.append(["steps", ", ".join(f"{count} {stage}" for stage, count in found.steps.items())])
    table.rows.append(["answers sampled", f"{found.answers:,}"])
    table.rows.append(["tokens sampled", f"{found.sampled_tokens:,}"])
    table.rows.append(["examples trained on", f"{found.examples:,}"])
    table.rows.append(["tokens trained on", f"{found.trained_tokens:,}"])
    for stage, hours in found.hours.items():
        table.rows.append([f"hours to {stage}", ABSENT if hours is None else f"{hours:,.2f}"])
    table.rows += [[f"memory, {what}", size_text(size)] for what, size in found.memory.items()]
    table.rows.append(["disk, samples and models", size_text(found.disk_bytes)])
    if found.assumptions:
        table.notes.append("Assumed: " + "; ".join(found.assumptions) + ".")
    if None in found.hours.values():
        table.notes.append("Hours need a rate: --rate sample=TOKENS/S --rate train=TOKENS/S, or an earlier run here.")
    table.notes.append("Activations come on top: training.memory says how much goes through the model at once.")
    return [table]
