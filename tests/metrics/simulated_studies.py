"""Studies simulated by a latent-skill model, at the sizes of arXiv 2407.05013, judged by sirev's own rule.

A problem x of a world has a skill s_x ~ N(mean, spread^2 - TAU^2). M_1's skill on it is s_x + N(0, TAU^2); that of M_T is
mean + shift + slope * (s_x - mean) + N(0, TAU^2), with independent noise per model and seed, so that M_T with shift 0 and
slope 1 is exchangeable with M_1. A draw is right with the logistic probability of the skill; the greedy answer with that of
`sharpness` times the skill, since a mode is right more often than a draw if draws are mostly right. Shift and slope are solved
for a given change of pass@1 and of pass@32: a slope above 1 sharpens, which raises pass@1 and lowers reach. Seeds of a method
may differ by a random shift. The worlds' means and spreads give the paper's M_1 of Mistral 7B; its pass@32 is partly a guess.

Real: McNemar's test, Holm's correction, the sign test on reach, Gaffke's bounds, margins, verdicts and claims. In studies of one
seed the bootstrap's percentiles and the label swap are replaced by their normal limits, for speed; claims are computed
as `compare` does, with fewer replicates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import fsolve
from scipy.special import expit, ndtri
from scipy.stats import norm

from sirev.margins import MARGIN, near_ceiling
from sirev.metrics.comparison.change import Outcome
from sirev.metrics.comparison.claims import claims
from sirev.metrics.comparison.contents import Reach
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.comparison.one_run import Judged
from sirev.metrics.comparison.verdict_contents import Change, JudgedChange, StudyVerdict
from sirev.metrics.comparison.verdicts import corrected
from sirev.metrics.families.measures import Measures
from sirev.metrics.paired_tests import change_interval, mcnemar, sign_test, widening
from sirev.metrics.pass_at_n import pass_at_n_table
from sirev.metrics.study_verdict import WORDS, classify, in_one_word, possible

Floats = npt.NDArray[np.float64]

TAU = 0.6 / math.sqrt(2)
"""Standard deviation of one model's noise on a problem; that of the difference of two models is 0.6."""
DRAWS, HEADLINE = 64, 32
SIZES = [2**k for k in range(6)]
_PASS = pass_at_n_table(np.full(DRAWS + 1, DRAWS), np.arange(DRAWS + 1), SIZES)
"""pass@N, shape (right draws, index of N)."""
_NORMAL = ndtri((np.arange(201) + 0.5) / 201)
SUITE = "ood/algebra"


@dataclass(frozen=True)
class World:
    """Test problems for M_1: their number, mean and spread of its skill, and the sharpness of greedy answers."""

    problems: int
    mean: float
    spread: float
    sharpness: float

    def expected(self, mean: float, spread: float, n: int = HEADLINE) -> tuple[float, float]:
        """pass@1 of greedy answers and pass@n of a model whose skill is N(mean, spread^2) over the problems."""
        skill = mean + spread * ndtri((np.arange(4_000) + 0.5) / 4_000)
        return float(expit(self.sharpness * skill).mean()), float((1 - (1 - expit(skill)) ** n).mean())

    @property
    def first(self) -> tuple[float, float]:
        """pass@1 and pass@32 of M_1."""
        return self.expected(self.mean, self.spread)

    def skills(self, rng: np.random.Generator) -> Floats:
        return rng.normal(self.mean, math.sqrt(self.spread**2 - TAU**2), self.problems)


GSM8K = World(1_319, 0.55, 1.75, 2.2)
MATH = World(5_000, -2.9, 2.2, 1.2)
MBPP = World(500, -1.8, 4.0, 1.5)
CSQA = World(1_221, 1.9, 2.3, 0.9)
ALGEBRA = World(1_187, -2.3, 2.0, 1.7)
"""MATH's algebra problems, as a suite for GSM8K."""
NEAR = World(1_319, 0.0, 2.6, 2.2)
"""A synthetic world in which M_1's pass@32 is so high that the margin is a share of the unsolved problems."""


class Effect(NamedTuple):
    """The effect of training on the skill, and the standard deviation of the shift over seeds."""

    shift: float = 0.0
    slope: float = 1.0
    over_seeds: float = 0.0


NOTHING = Effect()


@cache
def effect(world: World, pass_at_1: float, pass_at_n: float, over_seeds: float = 0.0) -> Effect:
    """The effect with these changes of expected pass@1 and pass@32; `over_seeds` is a standard deviation of pass@1."""
    was = world.first

    def off(found: Floats) -> list[float]:
        now = world.expected(world.mean + found[0], found[1])
        return [now[0] - was[0] - pass_at_1, now[1] - was[1] - pass_at_n]

    (shift, spread), _, solved, why = fsolve(off, [0.0, world.spread], full_output=True)
    if solved != 1 or spread < TAU:
        raise ValueError(f"no effect changes pass@1 by {pass_at_1} and pass@32 by {pass_at_n}: {why}")
    a_step = world.expected(world.mean + shift + 0.1, spread)[0] - world.expected(world.mean + shift, spread)[0]
    slope = math.sqrt((spread**2 - TAU**2) / (world.spread**2 - TAU**2))
    return Effect(float(shift), slope, over_seeds * 0.1 / a_step)


@cache
def shifted(world: World, pass_at_1: float, over_seeds: float = 0.0) -> Effect:
    """The effect of slope 1 with this change of expected pass@1."""

    def off(found: Floats) -> float:
        return world.expected(world.mean + found[0], world.spread)[0] - world.first[0] - pass_at_1

    shift = float(fsolve(off, [0.0])[0])
    step = world.expected(world.mean + shift + 0.1, world.spread)[0] - world.expected(world.mean + shift, world.spread)[0]
    return Effect(shift, 1.0, over_seeds * 0.1 / step)


class Answers(NamedTuple):
    """Answers of one model: whether greedy ones are right, and the number of right draws."""

    greedy: npt.NDArray[np.bool_]
    right: npt.NDArray[np.int64]

    def pass_at(self, n: int) -> Floats:
        found: Floats = _PASS[self.right, SIZES.index(n)]
        return found


def answers(rng: np.random.Generator, world: World, skills: Floats, of: Effect = NOTHING) -> Answers:
    """Simulated answers of a model on which training had the effect `of`."""
    shift = of.shift + (rng.normal(0, of.over_seeds) if of.over_seeds else 0.0)
    own = world.mean + shift + of.slope * (skills - world.mean) + rng.normal(0, TAU, len(skills))
    greedy = rng.random(len(own)) < expit(world.sharpness * own)
    return Answers(greedy, rng.binomial(DRAWS, expit(own)))


@dataclass(frozen=True)
class Truth:
    """The true effect of a method on the test problems and, if any, on a suite of other problems."""

    here: Effect
    there: Effect | None = None


@dataclass(frozen=True)
class Study:
    """The judged outcomes of each method in one study of one seed."""

    outcomes: list[dict[str, JudgedChange]]
    changes: list[dict[str, Change]]
    reaches: list[dict[str, Reach]]

    @property
    def words(self) -> list[list[str]]:
        """The verdicts that each method's outcomes allow, without diversity."""
        return [possible(one, variety_counts=False) for one in self.outcomes]


Choice = Callable[[Answers], int]
"""A choice of N for the judged pass@N, from M_1's answers alone."""


def at_32(first: Answers) -> int:
    """The headline N."""
    return HEADLINE


def off_the_ceiling(first: Answers) -> int:
    """The largest N, at most half of the draws, at which M_1's pass@N is at most 90%."""
    return max((n for n in SIZES if first.pass_at(n).mean() <= 0.9), default=1)


def one_study(seed: int, world: World, methods: Sequence[Truth], choice: Choice = at_32) -> Study:
    """Simulate a study of one seed, in which all methods start from the same M_1."""
    rng = np.random.default_rng(seed)
    skills, others = world.skills(rng), ALGEBRA.skills(rng)
    first, first_there = answers(rng, world, skills), answers(rng, ALGEBRA, others)
    n = choice(first)
    changes, reaches = [], []
    for method in methods:
        later = answers(rng, world, skills, method.here)
        one = {
            "pass_at_1": _change(first.greedy, later.greedy, greedy=True),
            "pass_at_n": _change(first.pass_at(n), later.pass_at(n)),
        }
        if method.there is not None:
            there = answers(rng, ALGEBRA, others, method.there)
            one[SUITE] = _change(first_there.greedy, there.greedy, greedy=True)
        changes.append(one)
        gained, lost = (int((a & ~b).sum()) for a, b in _both_ways(later.right > 0, first.right > 0))
        reaches.append({"pass_at_n": Reach(gained=gained, lost=lost, p=sign_test(gained, lost), reason=None)})
    return Study(judge(changes, reaches), changes, reaches)


def judge(changes: Sequence[Mapping[str, Change]], reaches: Sequence[Mapping[str, Reach]]) -> list[dict[str, JudgedChange]]:
    """The outcomes, judged by sirev's rule."""
    names = [str(i) for i in range(len(changes))]
    found = corrected(dict(zip(names, changes, strict=True)), dict(zip(names, reaches, strict=True)), SETTINGS)
    return [found[name] for name in names]


def within_method(study: Study) -> list[dict[str, JudgedChange]]:
    """The outcomes, with the guards' tests corrected only within each method."""
    found = []
    for together, changes, reaches in zip(study.outcomes, study.changes, study.reaches, strict=True):
        alone = judge([changes], [reaches])[0]
        found.append({**alone, "pass_at_1": together["pass_at_1"]})
    return found


def by_plain_margin(outcomes: Mapping[str, JudgedChange]) -> str:
    """The judgement of pass@N by the plain margin of shares, regardless of M_1's unsolved problems."""
    one = outcomes["pass_at_n"]
    return classify(one, one["holm"], MARGIN, one["shrank"])


SETTINGS = ComparisonSettings(diversity_counts=False, replicates=400)


def _both_ways(one: Any, other: Any) -> list[tuple[Any, Any]]:
    return [(one, other), (other, one)]


def _change(first: npt.NDArray[Any], later: npt.NDArray[Any], greedy: bool = False) -> Change:
    """As by `sirev.metrics.comparison.change.judged`, with normal limits of the bootstrap and the label swap."""
    d = later.astype(np.float64) - first.astype(np.float64)
    mean, error = float(d.mean()), float(d.std()) / math.sqrt(len(d))
    within = change_interval(d, mean + error * _NORMAL)
    squares = float((d**2).sum())
    if greedy:
        p = mcnemar(int((d > 0).sum()), int((d < 0).sum()))
    else:
        p = float(2 * norm.sf(abs(d.sum()) / math.sqrt(squares))) if squares else 1.0
    return {
        "difference": {"value": mean, "low": None, "high": None, "n": len(d), "reason": None},
        "within": list(within) if within else None,
        "p": p,
        "test": None,
        "smallest": None,
        "base": float(first.mean()),
        "widening": widening(first.astype(np.float64), d),
    }


class Claimed(NamedTuple):
    """Claim of one method: the claimed verdict or None, the possible ones, and the verdicts of its seeds."""

    claim: str | None
    possible: list[str]
    verdicts: list[str]
    outcomes: Mapping[str, Any]

    @property
    def unanimous(self) -> str | None:
        """The common verdict of all seeds, if there is one."""
        return self.verdicts[0] if len(set(self.verdicts)) == 1 and self.verdicts[0] in WORDS else None


def claimed(seed: int, world: World, methods: Sequence[Truth], seeds: int = 3) -> list[Claimed]:
    """Claims, by `claims`, of a simulated study of several seeds on the same problems, each with its own M_1."""
    rng = np.random.default_rng(seed)
    skills, others = world.skills(rng), ALGEBRA.skills(rng)
    runs: list[Judged] = []
    verdicts: list[StudyVerdict] = []
    for one in range(seeds):
        first, first_there = answers(rng, world, skills), answers(rng, ALGEBRA, others)
        of_seed = []
        for i, method in enumerate(methods):
            later = answers(rng, world, skills, method.here)
            there = answers(rng, ALGEBRA, others, method.there) if method.there is not None else None
            of_seed.append(_run(str(i), one, first, later, first_there, there))
        judged = judge([run.changes for run in of_seed], [run.reaches for run in of_seed])
        for run, outcomes in zip(of_seed, judged, strict=True):
            words = possible(outcomes, variety_counts=False)
            verdicts.append(
                cast(
                    StudyVerdict,
                    {
                        "method": run.run.method,
                        "seed": one,
                        "t": 5,
                        "verdict": in_one_word(words),
                        "observations": {"new_or_selected": {"is": "not measured"}},
                    },
                )
            )
        runs += of_seed
    found = claims(runs, [], verdicts, SETTINGS)
    return [Claimed(one["claim"], one["possible"], one["verdicts"], one["mean"]) for one in found]


def _run(method: str, seed: int, first: Answers, later: Answers, first_there: Answers, there: Answers | None) -> Judged:
    """The result of `compare_run` for a run, as far as claims use it."""
    models = {
        t: cast(Measures, _Drawn([{"n": DRAWS, "correct": int(c)} for c in one.right])) for t, one in ((1, first), (5, later))
    }
    run = Judged(RunMeasures(method, seed, models))
    pairs = {
        "pass_at_1": (first.greedy.astype(np.float64), later.greedy.astype(np.float64), True, SETTINGS.sheet(len(first.greedy))),
        "pass_at_n": (first.pass_at(HEADLINE), later.pass_at(HEADLINE), False, SETTINGS.sheet(len(first.greedy))),
    }
    if there is not None:
        sheet = SETTINGS.sheet(len(there.greedy))
        pairs[SUITE] = (first_there.greedy.astype(np.float64), there.greedy.astype(np.float64), True, sheet)
    for name, (was, now, greedy, sheet) in pairs.items():
        run.outcomes[name] = Outcome(sheet, was, now, "none", greedy)
        run.changes[name] = _change(was, now, greedy)
    gained, lost = (int((a & ~b).sum()) for a, b in _both_ways(later.right > 0, first.right > 0))
    run.reaches = {"pass_at_n": Reach(gained=gained, lost=lost, p=sign_test(gained, lost), reason=None)}
    nothing = {"N": None, "p": None, "holm": None, "bound": None, "reason": "not simulated"}
    run.last = cast(Any, {"improvement_set": {"size": None, "m1_pass_at_n": {}, "reroll": {}, "shortfall": {}, "new": nothing}})
    return run


class _Drawn(NamedTuple):
    """The measures that are used for reach."""

    draws: list[dict[str, int]]


def shares(words: Sequence[Any]) -> dict[Any, float]:
    """Value -> share, the most frequent first."""
    return {word: count / len(words) for word, count in Counter(words).most_common()}


def margin_of(world: World) -> float:
    """The margin of pass@32 in a world."""
    return near_ceiling(MARGIN, world.first[1])
