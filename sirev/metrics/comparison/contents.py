"""Types of a comparison, field by field: `comparison.json` as documented in docs/report.md."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from sirev.metrics.comparison.verdict_contents import Change, Claim, StudyVerdict
from sirev.metrics.statistic import Statistic

ByN = dict[str, Statistic]
"""N as text -> a statistic; for Distinct-N also "mean"."""


class GreedyEnds(TypedDict):
    """Greedy answers: shares cut off and unanswered, and length in tokens."""

    truncated: Statistic
    unanswered: Statistic
    tokens: Statistic


class NewSkill(TypedDict):
    """Test of IS(t) against luck at one N: `p` for "no harder than luck's", and the same after Holm's correction."""

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

    `reroll`: M_1's pass@N on equally many problems gained by luck, with a 95 % band; `shortfall`: `reroll` minus IS(t)'s.
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
    """Numbers of problems that only M_t (`gained`) or only M_1 (`lost`) ever solves, and p of the exact sign test."""

    gained: int | None
    lost: int | None
    p: float | None
    reason: str | None


class Crossing(Statistic):
    """The k at which M_t's pass@k falls to M_1's; `share` of the bootstrap replicates in which the curves cross."""

    share: float | None


class Support(TypedDict):
    """Numbers of problems that M_1 (`first`) and M_t (`later`) solve in k draws; only M_1: `shrinkage`; only M_t: `expansion`."""

    k: int | None
    first: float | None
    later: float | None
    shrinkage: float | None
    expansion: float | None
    retention: Statistic
    reason: str | None


class Bin(TypedDict):
    """Success of M_1 and M_t on problems of one difficulty; `problems` is their expected number."""

    problems: float | None
    first: Statistic
    later: Statistic
    change: Statistic


class Composition(TypedDict):
    """Shares of M_t's right draws on training problems, by M_1's success there and by level."""

    bins: dict[str, Statistic]
    levels: dict[str, Statistic]


class Drift(TypedDict):
    """Success on the test by how often M_1 solves a problem, and the composition of training sets."""

    test: dict[str, Bin]
    train: Composition


class OnSplits(TypedDict):
    """One reading of coverage, per split."""

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
    """Diversity of all, the right or the wrong answers; `matched` by the number of answers m as text.

    `unread`: "equations" and "programs" -> share of answers without a readable one; that measure leaves them out.
    """

    matched: dict[str, DistinctShares]
    unread: dict[str, Statistic]


class GroupDiversity(SuiteDiversity):
    """Diversity on the test problems, which includes that of embeddings."""

    sentence_bert: Statistic


class Parts(TypedDict):
    """Parts of a change of pairwise diversity; `narrowing` by kind of pair."""

    change: Statistic
    composition: Statistic
    narrowing: dict[str, Statistic]


class AtTemperature(TypedDict):
    """Results of draws at another temperature."""

    pass_at_n: ByN


class SuiteAccuracy(TypedDict):
    """Accuracy on a suite of other problems: of greedy answers, and of draws where M_t has some.

    `disparity_change`: group disparity of M_t minus M_1's, over the same resampled problems. Names that begin with `mean_` are
    about the mean share of right draws.
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
    """Perplexity of M_1's own answers: right greedy ones, draws, right draws on IS(t) and on problems it gets wrong greedily."""

    greedy: Statistic
    draws: Statistic
    gained: Statistic
    missed: Statistic


class Likelihood(TypedDict):
    """Perplexity under M_1 of M_t's right greedy answers, on IS(t) and all, and M_1's own; `ratio`: `gained` over `missed`."""

    gained: Statistic
    right: Statistic
    first: OwnLikelihood
    ratio: Statistic


class FalseEquations(TypedDict):
    """Share of a group of draws with a false equation, and share with any that could be evaluated."""

    false: Statistic
    checked: Statistic


class Process(TypedDict):
    """Equations of right and of wrong draws, and CoT-pass@k (arXiv 2506.14245)."""

    right: FalseEquations
    wrong: FalseEquations
    pass_at_n: ByN


class VotingBaseline(TypedDict):
    """M_1's vote of N draws as a baseline without training: maj@N (arXiv 2203.11171), and its share of the gain in pass@1.

    `share`: (maj@N(M_1) - pass@1(M_1)) / (pass@1(M_t) - pass@1(M_1)) (arXiv 2412.02674), where pass@1 rose.
    """

    N: int | None
    first: Statistic
    share: Statistic


class Iteration(TypedDict):
    """M_t, alone and against M_1. A family of metrics may add its own fields, named in its `SHOWN`."""

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
"""A field of an iteration; the path of a statistic begins with it."""


class Advice(TypedDict):
    """The methods that the paper's rule names, and the reason."""

    methods: str | None
    reason: str


class MatchedProblems(TypedDict):
    """The problems behind a group's size-matched values; `levels` has their number per level."""

    problems: int
    share: float
    levels: dict[str, int]
    reason: str | None


class RunHead(TypedDict):
    """A run without its iterations; `matched`: m -> group."""

    method: str
    seed: int
    advice: Advice
    matched: dict[str, dict[str, MatchedProblems]]
    pass_at_1_from: NotRequired[str]


class ComparedRun(RunHead):
    """A method's run or a null run, model by model."""

    iterations: list[Iteration]


class Judging(TypedDict):
    """The settings by which changes were judged."""

    margin: float
    diversity_margin: float
    diversity_counts: bool
    new_margin: float
    replicates: int
    bootstrap_seed: int
    permutation_seed: int


class ComparisonHead(TypedDict):
    """A comparison without its runs."""

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
    """A comparison of runs on the same problems."""

    runs: list[ComparedRun]
