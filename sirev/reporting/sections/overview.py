"""The overview table, a row per run: pass@1 next to what it hides."""

from __future__ import annotations

from collections.abc import Callable

from sirev.metrics.comparison.contents import GroupDiversity
from sirev.metrics.families import VARIETIES
from sirev.metrics.families.diversity import PAPER_DRAWS
from sirev.metrics.statistic import Statistic
from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.run_rows import ModelData, Study, at, labels, runs_of
from sirev.reporting.tables import ABSENT, TextTable, percent


def overview(studies: list[Study]) -> TextTable:
    """M_1 against M_T, a row per run."""
    table = TextTable(
        "At a glance: M_1 → M_T",
        [
            "method",
            "seed",
            "pass@1 %",
            "gained",
            "lost",
            "gained, solved by M_1 %",
            "Distinct-N %",
            "distinct forms %",
            "OOD %",
        ],
        2,
    )
    tops = set()
    for run in runs_of(studies):
        first, last = run["iterations"][0], run["iterations"][-1]
        curve = last["improvement_set"]["m1_pass_at_n"]
        small = [n for n in ("2", "8", "32", "64") if n in curve]
        tops.update(small)
        ood = [f"{percent(first['ood'][suite]['accuracy'])} → {percent(last['ood'][suite]['accuracy'])}" for suite in last["ood"]]
        sizes = [last["improvement_set"]["size"], last["lost_set"]["size"]]
        table.rows.append(
            [
                *labels(run),
                f"{percent(first['pass_at_1'])} → {percent(last['pass_at_1'])}",
                *(ABSENT if size is None else str(size) for size in sizes),
                " / ".join(percent(curve[n]) for n in small) or ABSENT,
                _change(first, last, lambda d: d["distinct_n"]["mean"]),
                _change(first, last, form_measured(first, last)),
                ", ".join(ood) or ABSENT,
            ]
        )
    named = " / ".join(sorted(tops, key=int))
    source = pass_at_1_source(runs_of(studies))
    needs = "" if source == GREEDY else ", which takes greedy answers"
    table.notes.append(f"pass@1: {source}. gained, lost: test problems that only M_T, only M_1 gets right{needs}.")
    if named:
        table.notes.append(
            f"gained, solved by M_1: M_1's pass@N on the gained problems, N = {named}. Diversity of up to {PAPER_DRAWS} test "
            "samples: 100 is all different; forms: equation lists, else programs, else SentenceBERT."
        )
    return table


def form_measured(first: ModelData, last: ModelData) -> Callable[[GroupDiversity], Statistic]:
    """A function that picks the first diversity of forms that both models have: equation lists, programs, embeddings."""
    groups = [iteration["diversity"]["all"] for iteration in (first, last)]
    both = [one for one in VARIETIES[1:] if all(at(group, one.path)["value"] is not None for group in groups)]
    path = (both or VARIETIES[1:])[0].path
    return lambda group: at(group, path)


def _change(first: ModelData, last: ModelData, pick: Callable[[GroupDiversity], Statistic]) -> str:
    ends = [percent(pick(iteration["diversity"]["all"])) for iteration in (first, last)]
    return ABSENT if ends == [ABSENT, ABSENT] else " → ".join(ends)
