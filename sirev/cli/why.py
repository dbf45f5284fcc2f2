"""`sirev why`: hits and misses, and a miss's differences from the nearest stored step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.api.why import explain
from sirev.cli.lines import print_lines
from sirev.cli.options import check_format
from sirev.cli.units import time_taken
from sirev.explain.action_diff import moment
from sirev.explain.explanation import Explanation, Told, Why, has_to_run
from sirev.listing import count_text, listed
from sirev.printing import out_json
from sirev.store.runs import step_title

_FEW = 6
"""The most reasons, or steps with a reason, that are listed; the rest are counted."""


def run(request: Request, which: str | None, form: str) -> None:
    """Print the totals and the first misses; with `which`, those steps in full."""
    check_format(form)
    planned = plans(request)
    found = explain(planned, which)
    if form == "json":
        out_json(found.to_dict())
        return
    labels = {
        planner.run.id: planner.run.method + (f" seed {planner.run.seed}" if len(request.seeds) > 1 else "")
        for planner in planned.planners
    }
    told = [line for step in found.steps for line in in_full(step, labels)] if which else [*why_lines(found, labels)]
    print_lines(told)


def why_lines(found: Why, labels: Mapping[str, str]) -> list[str]:
    """Lines with the totals, and the independent causes of misses."""
    total = found.total
    steps = sum(total.values())
    shared = f"{found.recipe}: {count_text(len(found.runs), 'run')}, {count_text(steps, 'step')}"
    if total["hit"] == steps:
        made = sorted(step.recorded for step in found.steps if step.recorded)
        when = " to ".join(dict.fromkeys([moment(made[0]), moment(made[-1])])) if made else "at unknown times"
        return [
            f"{shared}, all hits, made {when}",
            "For details add a step, a stage or a t, such as 2:train",
        ]
    counts = [f"{total['hit']} hit", f"{total['miss']} miss"]
    if total["unknown"]:
        counts.append(f"{total['unknown']} unknown until those have run")
    lines = [f"{shared}: {', '.join(counts)}"]
    causes = found.causes()
    for told in causes[:_FEW]:
        lines += ["", *_cause(told, labels)]
    if len(causes) > _FEW:
        lines += ["", f"and {len(causes) - _FEW} more reasons: add a step, a stage or a t"]
    return lines


def in_brief(told: Told) -> str:
    """A reason in one line, for a note below a plan."""
    first = told.first
    also = f"; likewise {_few(told.others)}" if told.others else ""
    return "; ".join([f"{step_title(first.step)}: {'; '.join(_reasons(first))}{also}", *map(str.strip, _later(told.dependents))])


def in_full(step: Explanation, labels: Mapping[str, str]) -> list[str]:
    """Lines with the whole explanation of one step."""
    lines = [_head(step, step.runs, labels)]
    if step.state == "hit":
        lines.append(f"  artifact {(step.artifact or '')[:12]}, made {moment(step.recorded or '')} {_where(step)}")
        if step.hollow:
            lines.append("  its files were given up (--keep-models); results made from them are kept")
        if step.nearest:
            lines += ["  when it was computed, it differed from the nearest one by:"]
            lines += [f"    {reason}" for reason in step.reasons()] + [f"    nearest: {step.nearest.words()}"]
        return lines
    if step.state == "unknown":
        return [f"{lines[0]}  {'; '.join(step.reasons())}"]
    lines += [f"  {reason}" for reason in step.reasons()]
    if step.nearest:
        lines.append(f"  nearest: {step.nearest.words()}")
    if step.waits_for and step.cause:
        lines.append(f"  {has_to_run(step.waits_for)}")
    return lines + _later(step.dependents)


def _cause(told: Told, labels: Mapping[str, str]) -> list[str]:
    step = told.first
    lines = [_head(step, told.runs, labels), *(f"  {reason}" for reason in _reasons(step))]
    if told.others:
        lines.append(f"  likewise {_few(told.others)}")
    if step.nearest and step.cause == "changed":
        lines.append(f"  nearest: {step.nearest.words()}")
    return lines + _later(told.dependents)


def _head(step: Explanation, runs: Sequence[str], labels: Mapping[str, str]) -> str:
    shared = "" if len(runs) == len(labels) else f" ({', '.join(labels[run] for run in runs)})"
    return f"{step_title(step.step)}  {step.state}{shared}"


def _reasons(step: Explanation) -> list[str]:
    # If a step is the first of its kind, its differences from others say little.
    reasons = step.reasons()
    return reasons[:1] if step.cause == "first" else reasons


def _later(count: int) -> list[str]:
    return [f"  {count_text(count, 'later step')} depend{'s' if count == 1 else ''} on it"] if count else []


def _where(step: Explanation) -> str:
    took = "" if step.seconds is None else f" in {time_taken(step.seconds)}"
    came = "it comes with sirev" if step.shipped else "pulled from there"
    return f"here{took}" if step.here else f"in another store{took}; {came}"


def _few(steps: Sequence[str]) -> str:
    return listed([*map(step_title, steps)], _FEW)
