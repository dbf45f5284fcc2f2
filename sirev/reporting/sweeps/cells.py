"""The cells of a sweep's grid, one per study and method: the verdict, or the progress of the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sirev.listing import count_text, seeds_text
from sirev.metrics.comparison.verdict_contents import Claim, JudgedChange
from sirev.metrics.study_verdict import NOT_MEASURED, in_one_word
from sirev.reporting.headline import judgements
from sirev.reporting.observed import QUESTIONS, Judgement, headline_words, outcomes_of
from sirev.reporting.sections.run_rows import RunData
from sirev.reporting.sections.unread import reading_differs
from sirev.reporting.sections.verdicts import no_claim, no_verdict
from sirev.reporting.sweeps.swept_studies import RunProgress, SweptStudy

_LONG = "SELF-IMPROVEMENT "
"""Beginning of the headline of a reversal, left out in a grid."""


@dataclass(frozen=True)
class GridCell:
    """A method of a study. Without a verdict, `run` and `judgement` are None.

    `run` is the last judged run. `judgement` is pooled over seeds if several are finished, as in any report.
    """

    of: SweptStudy
    method: str
    progress: tuple[RunProgress, ...]
    run: RunData | None = None
    judgement: Judgement | None = None
    claim: Claim | None = None

    @property
    def name(self) -> str:
        """The title of the study and the method: "Mistral-7B-v0.1 on GSM8K, dpo.beta=0.1, sft"."""
        return f"{self.of.title}, {self.method}"

    @property
    def finished(self) -> list[RunProgress]:
        """The finished runs."""
        return [one for one in self.progress if one.finished]

    @property
    def unfinished(self) -> list[RunProgress]:
        """The unfinished runs."""
        return [one for one in self.progress if not one.finished]

    @property
    def headline(self) -> str | None:
        """The headline, such as "REVERSAL"; None without a verdict."""
        return None if self.judgement is None else headline_words(self.judgement["possible"]).removeprefix(_LONG)

    @property
    def read_unlike(self) -> str:
        """The difference in reading between M_1's and M_T's answers, in words; "" if they were read alike."""
        return reading_differs(self.run) if self.run is not None else ""

    @property
    def word(self) -> str:
        """The headline; without one, the progress of the runs: "M_2 of M_5 (2 seeds); not run (1 seed)"."""
        if self.headline is not None:
            return f"{self.headline} (READ UNEVENLY)" if self.read_unlike else self.headline
        if self.finished:
            return "no verdict"
        counts = Counter(one.in_words for one in self.progress)
        several = len(counts) > 1
        return "; ".join(f"{words} ({count_text(count, 'seed')})" if several else words for words, count in counts.items())

    @property
    def seeds_in_words(self) -> str:
        """The number of finished seeds, of those in the grid: "3", or "2 of 3"."""
        return f"{len(self.finished)} of {len(self.progress)}" if self.unfinished else str(len(self.progress))

    @property
    def judged(self) -> int:
        """The number of seeds behind the verdict."""
        if self.judgement is None:
            return 0
        return len(self.judgement["seeds"]) if "seeds" in self.judgement else 1

    @property
    def alike(self) -> int:
        """The number of seeds whose verdict equals the pooled one."""
        if self.judgement is None or "seeds" not in self.judgement:
            return self.judged
        return self.judgement["verdicts"].count(in_one_word(self.judgement["possible"]))

    @property
    def change(self) -> JudgedChange | None:
        """The change in pass@1 from M_1 to M_T; None without a verdict."""
        return None if self.judgement is None else outcomes_of(self.judgement).get("pass_at_1")

    @property
    def observed(self) -> dict[str, str]:
        """Observation -> result: "SELECTED", "FELL", ..., or "not measured"."""
        if self.judgement is None:
            return dict.fromkeys(QUESTIONS, NOT_MEASURED)
        found: Any = self.judgement["observations"]
        return {name: found[name]["is"] for name in QUESTIONS}

    @property
    def stopped(self) -> str:
        """The seeds that ended before M_T, with the reason: "seeds 0, 2 stopped at t = 3: no pair"; "" without any.

        Their last M_t takes the place of M_T.
        """
        reasons = {one.run.seed: one.run.reason for one in self.progress if one.state == "stopped"}
        if self.of.study is not None:  # seeds outside the grid may be among those judged
            of_method = [run for run in self.of.study["runs"] if run["method"] == self.method]
            reasons |= {run["seed"]: run["stopped"] for run in of_method if run["stopped"]}
        seeds: dict[str | None, list[int]] = {}
        for seed, reason in sorted(reasons.items()):
            seeds.setdefault(reason, []).append(seed)
        return "; ".join(f"{seeds_text(of)} stopped at {reason}" for reason, of in seeds.items())

    @property
    def why(self) -> str:
        """The reason for a missing verdict or claim; "" if there is a claim."""
        if self.judgement is None:
            return self.stopped or (no_verdict(self.of.study) if self.of.study and self.finished else "")
        return no_claim(self.claim) if self.claim is not None and not self.claim["claim"] else ""

    @property
    def others(self) -> list[int]:
        """Judged seeds of the store that are not in the grid."""
        own = {one.run.seed for one in self.progress}
        return [seed for seed in (self.claim["seeds"] if self.claim else []) if seed not in own]


def grid_cells(studies: Iterable[SweptStudy]) -> list[GridCell]:
    """All cells, study by study."""
    return [cell for of in studies for cell in _of_study(of)]


def _of_study(of: SweptStudy) -> list[GridCell]:
    empty = [GridCell(of, method, tuple(of.of_method(method))) for method in of.methods]
    if of.study is None:
        return empty
    judged = {run["method"]: (run, judgement) for run, judgement in judgements(of.study)}
    claims = {claim["method"]: claim for claim in of.study["methods"]}
    return [
        replace(cell, run=judged[cell.method][0], judgement=judged[cell.method][1], claim=claims.get(cell.method))
        if cell.method in judged
        else cell
        for cell in empty
    ]


def late_in_words(cell: GridCell) -> str:
    """The unfinished runs of a cell: "dpo seed 2: running, M_2 of M_5", or "dpo not run" for all; "" without any."""
    if not cell.finished and cell.judgement is None:  # a verdict may be about seeds outside the grid alone
        return f"{cell.method} {cell.word}"
    return "; ".join(f"{cell.method} seed {one.run.seed}: {one.in_words}" for one in cell.unfinished)


def finished_in_words(studies: Iterable[SweptStudy]) -> str:
    """The number of finished runs, with control runs: "96 of 108 runs finished"."""
    runs = [one for of in studies for one in of.progress]
    return f"{sum(one.finished for one in runs)} of {count_text(len(runs), 'run')} finished"
