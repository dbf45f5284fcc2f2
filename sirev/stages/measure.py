"""measure: per-problem statistics of one M_t's graded completions, in families with versions of their own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from sirev.grading import equivalence, extract
from sirev.grading.grade import IN_PROCESS
from sirev.metrics import diversity, pairwise_diversity, programs
from sirev.metrics.voting import RIGHT_VOTE, majority, votes
from sirev.processes.workers import spread
from sirev.stages.stage import Context, Stage, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Chosen = NDArray[np.bool_]
    """(draws of a problem): whether each is one of a group."""

UNANSWERED = ("no answer found", "no code found")
"""The reasons of draws that no answer could be read from."""

PAPER_DRAWS = 50
"""The first so many draws of a problem make values comparable with the paper's (arXiv 2407.05013), which has 50."""

MATCHED_SIZES = (4, 8, 16)
"""The m of size-matched diversity."""

SPREAD_FROM = 20_000
"""Completions from which the problems are spread over the cores: below, starting processes takes longer than it saves."""

BATCH = 64
"""Problems that a process is given at a time."""


@dataclass(frozen=True)
class MeasureParameters:
    """Which family of statistics, and its version: a change to one family recomputes that one alone."""

    family: str = semantic()
    family_version: int = semantic()
    answers: str = semantic(default="math", absent_means="math")
    """What an answer is: "math" (its equations are compared too), "code" (its programs are) or "text"."""


class Draw(NamedTuple):
    """One graded completion."""

    text: str
    draw: int
    tokens: int
    """Negative where nobody knows."""
    truncated: bool
    right: bool
    reason: str
    answer: str


class AnswerType(NamedTuple):
    """What the answers of all problems measured are."""

    name: str
    """As `MeasureParameters.answers`."""
    readable: bool
    """Whether grades say what each draw answered: those made elsewhere may only say that it is right or wrong."""


Measure = Callable[[Sequence[Draw], AnswerType], dict[str, Any]]
Measured = tuple[str, dict[str, Any]]
"""Problem id, and what a family says of it."""

Forms = dict[str, list[Hashable] | None]
""""equations" and "programs" -> that of each answer, or None where the answers are of another kind."""


def parameters_for(family: str, answers: str = "math") -> MeasureParameters:
    """The parameters of a family at its present version."""
    return MeasureParameters(family, FAMILIES[family].version, answers)


def run(parameters: MeasureParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`measures.json`: {"problems": [{"id", "level", ...}]}, in the order of ids.

    Inputs: `problems`, `completions`, `grades`.
    """
    levels = {p["id"]: p["level"] for p in inputs["problems"].rows("problems")}
    drawn = _by_problem(inputs)
    every = [one for _, draws in drawn for one in draws]
    readable = any(one.answer for one in every) or all(one.reason in UNANSWERED for one in every)
    kind = AnswerType(parameters.answers, readable)
    family = FAMILIES[parameters.family]
    work = _spread if family.costly and len(every) >= SPREAD_FROM else _measured
    measured = work(family.measure, drawn, kind)
    problems = [{"id": x, "level": levels[x], **found} for x, found in measured]
    return Output(files={"measures.json": canonical_json({"problems": problems})})


def _by_problem(inputs: Mapping[str, Artifact]) -> list[tuple[str, list[Draw]]]:
    """Each problem's draws in their order, by id."""
    # Both tables are in the order of problem and draw.
    rows = zip(inputs["completions"].rows("completions"), inputs["grades"].rows("grades"), strict=True)
    return [
        (
            problem,
            [
                Draw(c["text"], c["draw"], c["tokens"], c["finish"] == "length", g["correct"], g["reason"], g["answer"])
                for c, g in found
            ],
        )
        for problem, found in groupby(rows, key=lambda row: str(row[0]["problem_id"]))
    ]


def _spread(measure: Measure, drawn: list[tuple[str, list[Draw]]], kind: AnswerType) -> list[Measured]:
    """What `_measured` says, by all cores."""
    batches = [drawn[i : i + BATCH] for i in range(0, len(drawn), BATCH)]
    with spread(partial(_measured, measure, kind=kind), batches) as measured:
        return [one for batch in measured for one in batch]


def _measured(measure: Measure, drawn: list[tuple[str, list[Draw]]], kind: AnswerType) -> list[Measured]:
    return [(problem, measure(draws, kind)) for problem, draws in drawn]


def accuracy(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    """How many draws of a problem there are and are right, how they end, and how their votes fall.

    {"n", "correct", "in_process": right draws judged in process, "tokens": in all, null where one's number is not known,
    "truncated", "unanswered", "votes": see `sirev.metrics.voting.votes`, "majority": {N: share of blocks}}. The last two are
    null where no grade of any problem holds a readable answer, and for programs, which nobody can vote on.
    """
    voting = kind.readable and kind.name != "code"
    ballots = [ballot(one) for one in draws] if voting else []
    return {
        "n": len(draws),
        "correct": sum(one.right for one in draws),
        "in_process": sum(one.reason == IN_PROCESS for one in draws),
        "tokens": None if any(one.tokens < 0 for one in draws) else sum(one.tokens for one in draws),
        "truncated": sum(one.truncated for one in draws),
        "unanswered": sum(one.reason in UNANSWERED for one in draws),
        "votes": votes(ballots) if voting else None,
        "majority": majority(ballots) if voting else None,
    }


def ballot(draw: Draw) -> str | None:
    """What a draw votes for, as in `sirev.metrics.voting`: plain decimals by their value, other wrong answers by their text."""
    if draw.right:
        return RIGHT_VOTE
    text = equivalence.tidy(draw.answer)
    number = equivalence.canonical(text)
    return (f"{'-' * number[0]}{number[1]}.{number[2]}" if number else text) or None


def answer_diversity(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    """How unlike all, the right and the wrong draws of a problem are, as shares.

    {"all" | "correct" | "incorrect": {"answers": R, "distinct_n": {n}, "distinct_equations", "distinct_programs" (of the first
    PAPER_DRAWS), "matched": {"total": R, m: {"distinct_n": {n}, "distinct_equations", "distinct_programs"} | null where R < m}
    (of all)}, "pairs": {"equations", "programs", "texts": see `sirev.metrics.pairwise_diversity`}}. Equations are null
    unless answers are mathematical, programs unless they are code.
    """
    import numpy as np

    texts = [one.text for one in draws]
    forms: Forms = {
        "equations": _forms(texts, diversity.equations) if kind.name == "math" else None,
        "programs": _forms(texts, _program) if kind.name == "code" else None,
    }
    right = [one.right for one in draws]
    first = np.fromiter((one.draw < PAPER_DRAWS for one in draws), bool, len(draws))
    correct = np.array(right, bool)
    groups = {"all": np.ones(len(draws), bool), "correct": correct, "incorrect": ~correct}
    grams = list(diversity.n_grams(texts))
    compared = {**forms, "texts": texts}
    return {
        **{group: _unlikeness(grams, forms, chosen, chosen & first) for group, chosen in groups.items()},
        "pairs": {name: None if one is None else pairwise_diversity.of_forms(one, right) for name, one in compared.items()},
    }


def _unlikeness(grams: Sequence[diversity.Grams], forms: Forms, chosen: Chosen, early: Chosen) -> dict[str, Any]:
    """What is said of one group: the `early` of its answers alone, and all that are `chosen`, size-matched."""
    n_grams = [(one.held_by(early), int(one.totals[early].sum())) for one in grams]
    early_forms, chosen_forms = _only(forms, early), _only(forms, chosen)
    return {
        "answers": int(early.sum()),
        "distinct_n": {
            str(n): int((held > 0).sum()) / total if total else None
            for n, (held, total) in zip(diversity.ORDERS, n_grams, strict=True)
        },
        **{f"distinct_{name}": None if one is None else diversity.distinct_share(one) for name, one in early_forms.items()},
        "matched": _matched(grams, chosen_forms, chosen),
    }


def _matched(grams: Sequence[diversity.Grams], forms: Forms, chosen: Chosen) -> dict[str, Any]:
    answers = int(chosen.sum())
    sizes = [m for m in MATCHED_SIZES if m <= answers]
    n_grams = [(diversity.histogram(one.held_by(chosen)), int(one.totals[chosen].sum())) for one in grams if sizes]
    whole = {name: None if one is None else diversity.histogram_of_forms(one) for name, one in forms.items()}
    values = {
        str(m): {
            "distinct_n": {
                str(n): diversity.expected_distinct(holding, answers, m, total)
                for n, (holding, total) in zip(diversity.ORDERS, n_grams, strict=True)
            },
            **{
                f"distinct_{name}": None if one is None else diversity.expected_distinct(one, answers, m, answers)
                for name, one in whole.items()
            },
        }
        for m in sizes
    }
    return {"total": answers, **dict.fromkeys(map(str, MATCHED_SIZES)), **values}


def _only(forms: Forms, chosen: Chosen) -> Forms:
    return {name: None if one is None else [*compress(one, chosen)] for name, one in forms.items()}


def _forms(texts: Sequence[str], form: Callable[[str], Hashable]) -> list[Hashable]:
    """Each text's form; equal texts are looked at once."""
    known = {text: form(text) for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def _program(text: str) -> str:
    return programs.normal_form(extract.code(text) or "")


class Family(NamedTuple):
    """One family of statistics. A change of `version` recomputes it alone."""

    version: int
    measure: Measure
    """What it says of one problem, from its draws and from what an answer is."""
    costly: bool
    """Whether it takes so long that spreading it over the cores pays."""


FAMILIES: dict[str, Family] = {
    "accuracy": Family(2, accuracy, False),
    "diversity": Family(2, answer_diversity, True),
}

STAGE = Stage("measure", 2, MeasureParameters, run, place=100, deterministic=True)
