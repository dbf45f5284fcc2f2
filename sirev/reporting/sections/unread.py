"""Warnings that head a report: different prompts, unread answers, and changes that may come from reading."""

from __future__ import annotations

from collections.abc import Sequence

from sirev.grading.unread import MANY
from sirev.listing import listed
from sirev.margins import MARGIN
from sirev.metrics.statistic import Statistic
from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.run_rows import ModelData, RunData, at, in_words, model_name
from sirev.reporting.tables import fixed, percent


def unread_lines(run: RunData) -> list[str]:
    """A warning on many unread answers (a share above `MANY`): a sentence, and the number of further steps; else []."""
    lines: list[str] = list(run.get("unread") or [])
    models = [(one, share_unread(run, one)) for one in run["iterations"]]
    many = [(model_name(run, one["t"]), share) for one, share in models if (share["value"] or 0.0) > MANY]
    if not lines and not many:
        return []
    if not lines:
        lines = [f"{name}: no answer was read from {percent(share)}% of the answers" for name, share in many]
    more = len(lines) - 1
    others = f" {more} more step{'' if more == 1 else 's'} of the kind: see the notes of the run." if more else ""
    return [f"{lines[0]}.{others}"]


def asked_unlike(run: RunData) -> str:
    """A warning if some models got prompts with a chat template and others plain ones; "" if all are alike or unknown."""
    models = list(enumerate(run.get("models") or [], 1))
    plain, templated = ([model_name(run, t) for t, one in models if one["chat"] is chat] for chat in (False, True))
    if not (plain and templated):
        return ""
    return (
        f"ASKED DIFFERENTLY: {listed(templated)} with a chat template and {listed(plain)} plainly, so a change may come from the "
        "prompt; --chat never asks all plainly."
    )


def reading_differs(run: RunData) -> str:
    """The shares of M_1's and M_T's answers that were read, and accuracy among them; "" if they differ by at most MARGIN."""
    first, last = run["iterations"][0], run["iterations"][-1]
    if first is last:
        return ""
    before, after = (share_unread(run, one)["value"] for one in (first, last))
    if before is None or after is None or abs(after - before) <= MARGIN:
        return ""
    names = [model_name(run, one["t"]) for one in (first, last)]
    read = [f"{fixed(100 * (1 - share), 1)}%" for share in (before, after)]
    said = f"an answer was read from {read[0]} of {names[0]}'s answers and {read[1]} of {names[1]}'s"
    right = [_among_read(one, share) for one, share in ((first, before), (last, after))]
    if None in right:
        return said
    return f"{said}; of the answers read {right[0]} → {right[1]}% are correct"


def share_unread(run: RunData, model: ModelData) -> Statistic:
    """The share of unread answers among those behind a model's pass@1."""
    return at(model, ("greedy", "unanswered") if pass_at_1_source([run]) == GREEDY else ("unanswered",))


def _among_read(model: ModelData, unread: float) -> str | None:
    right = at(model, ("pass_at_1",))["value"]
    return None if right is None or unread >= 1 else fixed(100 * min(1.0, right / (1 - unread)), 1)


def first_lines(runs: Sequence[RunData]) -> list[str]:
    """The warnings of `asked_unlike` and `unread_lines`, per run; with the name of the run if there are several."""
    found = []
    for run in runs:
        name = f"{in_words(run)}: " if len(runs) > 1 else ""
        found += [f"{name}{line}" for line in (asked_unlike(run), *unread_lines(run)) if line]
    return found
