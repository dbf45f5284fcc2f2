"""The table of trainings."""

from __future__ import annotations

from sirev.reporting.sections.run_rows import HEADS, Study, iteration_rows, measured, named, runs_of
from sirev.reporting.tables import ABSENT, TextTable

COUNTS = ("examples", "too long", "steps", "tokens", "seconds")
CURVES = (
    ("loss", "loss", 3),
    ("logp chosen", "logps/chosen", 1),
    ("rejected", "logps/rejected", 1),
    ("margin", "rewards/margins", 3),
)


def training(studies: list[Study]) -> list[TextTable]:
    """The training of each M_t: its examples, its duration, and its losses."""
    titles = [*COUNTS, *(title for title, *_ in CURVES)]
    table = TextTable("Training of M_t", [*HEADS, "by", *titles], 4)
    runs = runs_of(studies)
    if all(map(measured, runs)):
        table.notes.append("none: completions made elsewhere were not trained here")
        return [table]
    for run, iteration in iteration_rows(runs):
        found = iteration["training"]
        cells = [ABSENT] * (1 + len(titles))
        if found is not None:
            ends = [*found["log"][:1], *found["log"][-1:]]
            counted = (found["examples"], found["dropped"], found["steps"], found["tokens"], found["seconds"])
            counts = [ABSENT if count is None else f"{count:,.0f}" for count in counted]
            curves = [
                " → ".join(f"{end[name]:.{places}f}" for end in ends if name in end) or ABSENT for _, name, places in CURVES
            ]
            cells = [found["by"], *counts, *curves]
        table.rows.append([*named(run, iteration["t"]), *cells])
    table.notes.append("Losses: first → last logged step. too long: examples dropped for their length. tokens: over all epochs.")
    table.notes.append(
        "logp: of whole answers, mean over a batch; margin: beta × (gain of chosen − gain of rejected) over M_{t-1}."
    )
    return [table]
