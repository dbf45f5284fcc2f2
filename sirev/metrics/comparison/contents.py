"""Types of a comparison, field by field: `comparison.json` as docs/report.md documents it."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from sirev.metrics.comparison.verdict_contents import Change, Claim, StudyVerdict
from sirev.metrics.statistic import Statistic

ByN = dict[str, Statistic]
"""N as text -> a statistic; of Distinct-N also "mean"."""


class GreedyEnds(TypedDict):
    """How greedy answers end."""

    truncated: Statistic
    unanswered: Statistic
    tokens: Statistic


class NewSkill(TypedDict):
    """The test of IS(t) against luck at one N: p that it is no harder; `bound`, the upper one-sided 95 % bound of `shortfall`."""

    N: int | None
    p: float | None
    holm: float | None
    bound: float | None
    """The upper one-sided 95 % bound of the shortfall at N."""
    reason: str | None


class StillWrong(TypedDict):
    """The problems that M_1 and M_t get wrong."""

    size: int | None
    m1_pass_at_n: ByN


class ImprovementSet(TypedDict):
    """IS(t), the problems that M_t gains over M_1, with its controls.

    `reroll`: M_1's pass@N on equally many problems that luck gains, with a 95 % band; `shortfall`: `reroll` minus IS(t)'s.
    """

    size: int | None
    m1_pass_at_n: ByN
    rest: StillWrong
    reroll: ByN
    shortfall: ByN
    new: NewSkill
    format: Statistic


class LostSet(TypedDict):
    """LS(t), the problems that M_t loses against M_1."""

    size: int | None
    reason: NotRequired[str]


class Reach(TypedDict):
    """Problems that only M_t, only M_1 ever solves."""

    gained: int | None
    lost: int | None
    p: float | None
    reason: str | None


class Crossing(Statistic):
    """The k at which M_t's pass@k falls to M_1's."""

    share: float | None


class Support(TypedDict):
    """The problems that M_1 (`first`) and M_t (`later`) solve in k draws; only M_1: `shrinkage`; only M_t: `expansion`."""

    k: int | None
    first: float | None
    later: float | None
    shrinkage: float | None
    expansion: float | None
    retention: Statistic
    reason: str | None


class Bin(TypedDict):
    """The success of M_1 and M_t on problems of one difficulty; `problems` is how many are expected there."""

    problems: float | None
    first: Statistic
    later: Statistic
    change: Statistic


class Composition(TypedDict):
    """Shares of M_t's right draws on training problems, by M_1's success there and by level."""

    bins: dict[str, Statistic]
    levels: dict[str, Statistic]


class Drift(TypedDict):
    """Success on the test by how often M_1 solves a problem, and what training sets are made of."""

    test: dict[str, Bin]
    train: Composition


class OnSplits(TypedDict):
    """A reading of coverage."""

    train: Statistic
    test: Statistic


class Coverage(TypedDict):
    """Correct answer coverage in both readings."""

    mass: OnSplits
    solved: OnSplits


class DistinctShares(TypedDict):
    """Shares of answers, or of their n-grams, that are distinct."""

    distinct_n: ByN
    distinct_equations: Statistic
    distinct_programs: Statistic


class SuiteDiversity(DistinctShares):
    """The diversity of all, the right or the wrong answers; `matched` by the number of answers m as text.

    `unread`: "equations" and "programs" -> the share of answers that hold none that is read, and are left out of that measure.
    """

    matched: dict[str, DistinctShares]
    unread: dict[str, Statistic]


class GroupDiversity(SuiteDiversity):
    """The same with that of embedded answers."""

    sentence_bert: Statistic


class Parts(TypedDict):
    """Where the change of pairwise diversity came from; `narrowing` by kind of pair."""

    change: Statistic
    composition: Statistic
    narrowing: dict[str, Statistic]


class AtTemperature(TypedDict):
    """What draws at another temperature tell."""

    pass_at_n: ByN


class SuiteAccuracy(TypedDict):
    """Accuracy on a suite of other problems: of greedy answers, and of draws where M_t was asked for some.

    `disparity_change`: the group disparity of M_t less M_1's, over the same resampled problems. Names that begin with `mean_` are
    of the mean share of right draws.
    """

    accuracy: Statistic
    levels: dict[str, Statistic]
    group_disparity: Statistic
    disparity_change: Statistic
    pass_at_n: NotRequired[ByN]
    mean_accuracy: NotRequired[Statistic]
    mean_levels: NotRequired[dict[str, Statistic]]
    mean_group_disparity: NotRequired[Statistic]
    mean_disparity_change: NotRequired[Statistic]
    reach: NotRequired[Reach]
    crossing: NotRequired[Crossing]
    support: NotRequired[Support]
    diversity: NotRequired[dict[str, SuiteDiversity]]
    split: NotRequired[dict[str, Parts]]


class OwnLikelihood(TypedDict):
    """Perplexity of M_1's own answers: right greedy ones, draws, right draws on IS(t) and on what it gets wrong greedily."""

    greedy: Statistic
    draws: Statistic
    gained: Statistic
    missed: Statistic


class Likelihood(TypedDict):
    """Perplexity under M_1 of M_t's right greedy answers, on IS(t) and all, beside M_1's own; `ratio`: `gained` over `missed`."""

    gained: Statistic
    right: Statistic
    first: OwnLikelihood
    ratio: Statistic


class FalseEquations(TypedDict):
    """The share of some draws with a false equation, and of those with any that could be evaluated."""

    false: Statistic
    checked: Statistic


class Process(TypedDict):
    """The equations of right and of wrong draws, and CoT-pass@k (arXiv 2506.14245)."""

    right: FalseEquations
    wrong: FalseEquations
    pass_at_n: ByN


class VotingBaseline(TypedDict):
    """What M_1's vote of N draws gives without training: maj@N (arXiv 2203.11171), and its share of the gain in pass@1.

    `share`: (maj@N(M_1) - pass@1(M_1)) / (pass@1(M_t) - pass@1(M_1)) (arXiv 2412.02674), where pass@1 rose.
    """

    N: int | None
    first: Statistic
    share: Statistic


class Iteration(TypedDict):
    """M_t, alone and against M_1. A family of metrics may add fields of its own, which its `SHOWN` names."""

    t: int
    pass_at_1: Statistic
    levels: dict[str, Statistic]
    greedy: GreedyEnds
    pass_at_n: ByN
    majority: ByN
    voting: VotingBaseline
    mean_accuracy: Statistic
    entropy: Statistic
    tokens: Statistic
    truncated: Statistic
    unanswered: Statistic
    in_process: Statistic
    improvement_set: ImprovementSet
    lost_set: LostSet
    reach: Reach
    crossing: Crossing
    support: Support
    coverage: Coverage
    drift: Drift
    diversity: dict[str, GroupDiversity]
    split: dict[str, Parts]
    likelihood: Likelihood
    process: Process
    temperatures: dict[str, AtTemperature]
    ood: dict[str, SuiteAccuracy]
    against_m1: dict[str, Change]


Field = Literal[
    "pass_at_1",
    "levels",
    "greedy",
    "pass_at_n",
    "majority",
    "voting",
    "mean_accuracy",
    "entropy",
    "tokens",
    "truncated",
    "unanswered",
    "in_process",
    "improvement_set",
    "lost_set",
    "reach",
    "crossing",
    "support",
    "coverage",
    "drift",
    "diversity",
    "split",
    "likelihood",
    "process",
    "temperatures",
    "ood",
    "against_m1",
]
"""A field of an iteration, where a statistic is named by its path."""


class Advice(TypedDict):
    """Which methods the paper's rule names."""

    methods: str | None
    reason: str


class MatchedProblems(TypedDict):
    """The problems that size-matched values of a group rest on; `levels` counts them."""

    problems: int
    share: float
    levels: dict[str, int]
    reason: str | None


class RunHead(TypedDict):
    """A run but for its iterations; `matched`: m -> group."""

    method: str
    seed: int
    advice: Advice
    matched: dict[str, dict[str, MatchedProblems]]
    pass_at_1_from: NotRequired[str]


class ComparedRun(RunHead):
    """A run, a method's or a null run, model by model."""

    iterations: list[Iteration]


class Judging(TypedDict):
    """How changes were judged."""

    margin: float
    diversity_margin: float
    diversity_counts: bool
    new_margin: float
    replicates: int
    bootstrap_seed: int
    permutation_seed: int


class ComparisonHead(TypedDict):
    """A comparison but for its runs."""

    schema: int
    problems: int
    answers: str
    guess: float | None
    headline: int
    levels: list[str]
    suites: list[str]
    settings: Judging
    verdicts: list[StudyVerdict]
    methods: list[Claim]


class Comparison(ComparisonHead):
    """Runs on the same problems against each other."""

    runs: list[ComparedRun]
