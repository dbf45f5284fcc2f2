"""One run of a comparison, model by model: each M_t alone and against M_1, and its last changes as judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sirev.metrics.comparison.advice import advice
from sirev.metrics.comparison.change import (
    Curves,
    Outcome,
    curves,
    improvement,
    judged,
    outcomes,
    reach,
    where_they_cross,
)
from sirev.metrics.comparison.contents import (
    ComparedRun,
    Composition,
    Coverage,
    Crossing,
    ImprovementSet,
    Iteration,
    Reach,
    SuiteAccuracy,
)
from sirev.metrics.comparison.drift import composition, success_by_bin
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.comparison.other_problems import NO_TRAIN, coverage_statistic, suite
from sirev.metrics.comparison.size_matched import Eligible, distinct_right_answers, matched_problems, other_varieties
from sirev.metrics.comparison.support import support
from sirev.metrics.comparison.verdict_contents import Change
from sirev.metrics.families import FAMILIES, diversity
from sirev.metrics.families.accuracy import NO_DRAWS, pass_curve
from sirev.metrics.families.family import Compared, Tree
from sirev.metrics.families.measures import Measures
from sirev.metrics.pass_at_n import powers_of_two
from sirev.metrics.sheet import Sheet
from sirev.metrics.statistic import Statistic, absent
from sirev.metrics.study_verdict import OOD_PASS_N


@dataclass(frozen=True)
class Shared:
    """Facts shared by the runs of a comparison; `headline` is the N of the pass@N in verdicts."""

    levels: Sequence[str]
    answers: str
    suite_answers: Mapping[str, str]
    """The kind of answers to a suite, where it is not `answers`."""
    headline: int
    settings: ComparisonSettings


@dataclass
class Judged:
    """A run's outcomes at its last t, as values per problem and as judged.

    `gained`: t -> numbers of problems that M_t gained and lost.
    """

    run: RunMeasures
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    gained: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)
    reaches: dict[str, Reach] = field(default_factory=dict)
    """Reach of M_T against M_1, by its outcome."""
    every_change: list[dict[str, Change]] = field(default_factory=list)
    """The changes of every M_t after M_1."""
    last: Iteration | None = None

    @property
    def gained_set(self) -> ImprovementSet:
        """IS(T)."""
        assert self.last is not None
        return self.last["improvement_set"]


def compare_run(
    run: RunMeasures, shared: Shared, eligible: Eligible, on_suites: Mapping[str, Eligible], done: Callable[[], None]
) -> tuple[ComparedRun, Judged]:
    """A run as a comparison stores it, and its last outcomes. `done` is called after each model.

    `eligible`: the problems for size-matched values, `on_suites`: those of suites with draws.
    """
    iterations: list[Iteration] = []
    last = Judged(run)
    for t in run.models:
        iteration, last.outcomes = _iteration(run, t, shared, eligible, on_suites)
        last.changes, last.last = iteration["against_m1"], iteration
        if last.changes:
            last.every_change.append(last.changes)
            last.reaches = {"pass_at_n": iteration["reach"]}
            of_suites = {suite: one["reach"] for suite, one in iteration["ood"].items() if "reach" in one}
            last.reaches |= {f"{OOD_PASS_N}{suite}": reach for suite, reach in of_suites.items()}
        last.gained[t] = (iteration["improvement_set"]["size"], iteration["lost_set"]["size"])
        iterations.append(iteration)
        done()
    compared: ComparedRun = {
        "method": run.method,
        "seed": run.seed,
        "advice": advice(iterations[0]["coverage"]),
        "matched": matched_problems(eligible, shared.levels),
        "iterations": iterations,
    }
    if shared.settings.from_draws:
        compared["pass_at_1_from"] = run.draws_averaged
    return compared, last


def _iteration(
    run: RunMeasures, t: int, shared: Shared, eligible: Eligible, on_suites: Mapping[str, Eligible]
) -> tuple[Iteration, dict[str, Outcome]]:
    """M_t and its outcomes; M_1 has none."""
    settings, model = shared.settings, run.models[t]
    first_t, first = next(iter(run.models.items()))
    is_first = t == first_t
    sheet = settings.sheet(len(shared.levels))
    suites = {name: settings.sheet(len(rows)) for name, rows in model.ood.items()}
    tree: Tree = {"t": t, **improvement(sheet, first, model, settings)}
    tree["temperatures"] = {
        name: {"pass_at_n": pass_curve(sheet, rows, list(powers_of_two(max(row["n"] for row in rows))))}
        for name, rows in model.temperatures.items()
    }
    compared = Compared(sheet, model, first, is_first, shared.levels, shared.answers, eligible, settings.from_draws, settings.k)
    for family in FAMILIES.values():
        _join(tree, family.statistics(compared))
    tree["support"] = support(sheet, first, model, is_first)
    by_difficulty = success_by_bin(sheet, first.draws, model.draws, is_first)
    on_test = coverage_statistic(sheet, model.draws, NO_DRAWS)
    of_both, paired = Curves([], [], []), dict[str, Outcome]()
    if not is_first:
        matched = distinct_right_answers(first, model, shared.answers, eligible, sheet.n)
        paired = outcomes(sheet, suites, first, model, shared.headline, matched, settings.from_draws)
        paired |= other_varieties(sheet, first, model, shared.answers, eligible)
        of_both = curves(sheet, first, model)
    cells = {name: outcome.cell() for name, outcome in paired.items()}  # before the sheet is settled: one computation for all
    iteration = cast(Iteration, sheet.settle(tree))
    iteration["reach"] = reach(first, model)
    iteration["crossing"] = _crossing(sheet, of_both, is_first)
    iteration["coverage"], made_of = _on_training_problems(sheet.settle(on_test), first, model, is_first, settings)
    iteration["drift"] = {"test": sheet.settle(by_difficulty), "train": made_of}
    iteration["ood"] = {}
    for name, on in suites.items():
        levels = [row["level"] for row in model.ood[name]]
        kind = shared.suite_answers.get(name, shared.answers)
        here = Compared(
            on, model.on_suite(name), first.on_suite(name), is_first, levels, kind, on_suites.get(name, {}), settings.from_draws
        )
        iteration["ood"][name] = _on_suite(here)
    iteration["against_m1"] = {
        name: judged(outcome, cells[name], settings.seed, settings.replicates) for name, outcome in paired.items()
    }
    return iteration, paired


def _crossing(sheet: Sheet, of_both: Curves, is_first: bool) -> Crossing:
    itself = absent("M_1 is not compared with itself")
    return {**itself, "share": None} if is_first else where_they_cross(sheet, of_both)


def _on_suite(compared: Compared) -> SuiteAccuracy:
    """The statistics of M_t's answers to a suite of other problems."""
    sheet, first, model, is_first = compared.sheet, compared.first, compared.model, compared.is_first
    tree = suite(sheet, first, model, is_first)
    if model.draws:
        tree["support"] = support(sheet, first, model, is_first)
    if diversity.FAMILY.rows(model):
        tree |= diversity.FAMILY.statistics(compared)
    of_both = Curves([], [], []) if is_first else curves(sheet, first, model)  # before the sheet is settled
    found = cast(SuiteAccuracy, sheet.settle(tree))
    if model.draws:
        found["reach"] = reach(first, model)
        found["crossing"] = _crossing(sheet, of_both, is_first)
    return found


def _join(tree: Tree, more: Tree) -> None:
    """Merge a family's fields into the tree of all, node by node."""
    for name, node in more.items():
        if isinstance(node, dict) and name in tree:
            _join(tree[name], node)
        else:
            tree[name] = node


def _on_training_problems(
    on_test: dict[str, Statistic], first: Measures, model: Measures, is_first: bool, settings: ComparisonSettings
) -> tuple[Coverage, Composition]:
    """Coverage of training and test problems, and the composition of right draws on training problems."""
    sheet = settings.sheet(len(model.train or ()))
    tree: Tree = {"made_of": composition(sheet, first.train, model.train, is_first, NO_TRAIN)}
    tree |= dict.fromkeys(("mass", "solved"), absent(NO_TRAIN))
    if model.train:
        tree |= coverage_statistic(sheet, model.train, NO_TRAIN)
        tree = sheet.settle(tree)
    coverage: Coverage = {
        "mass": {"train": tree["mass"], "test": on_test["mass"]},
        "solved": {"train": tree["solved"], "test": on_test["solved"]},
    }
    return coverage, tree["made_of"]
