"""Embedding: how different answers are in meaning, as 1 - the mean cosine of their embeddings, by group and by kind of pair.

The stage `embed` measures it, since a model must read the answers first. All values come from sums of vectors, so time is linear
in the number of answers: over the R answers of a group, the cosines of all ordered pairs, including each answer with itself, sum
to |sum e|^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sirev.metrics.families.diversity import GROUPS, PAPER_DRAWS, splits
from sirev.metrics.families.family import Compared, Family, Tree
from sirev.metrics.families.measures import column
from sirev.metrics.families.shown import Shown, Variety

if TYPE_CHECKING:
    import numpy

    from sirev.metrics.sheet import SheetCell


def embedding_diversity(vectors: numpy.ndarray, right: Sequence[bool], draws: Sequence[int]) -> dict[str, Any]:
    """The measures of one problem's answers.

    `vectors` (answers, dimensions) has one row per answer, of any length but 0; `right` and `draws` give each answer's verdict
    and the index of its draw. Returns, for "all", "correct" and "incorrect", {"answers": R among the first 50 draws,
    "sentence_bert": see `embedding_unlikeness`}, and "pairs": {"sentence_bert": see `by_kind_of_pair`} of all draws.
    """
    import numpy

    whole = numpy.asarray(vectors, dtype=numpy.float64)
    unit = whole / numpy.linalg.norm(whole, axis=1, keepdims=True)
    is_right, early = numpy.asarray(right, dtype=bool), numpy.asarray(draws) < PAPER_DRAWS
    groups = {"all": early, "correct": early & is_right, "incorrect": early & ~is_right}
    found: dict[str, Any] = {
        name: {"answers": int(chosen.sum()), "sentence_bert": embedding_unlikeness(unit[chosen])}
        for name, chosen in groups.items()
    }
    return {**found, "pairs": {"sentence_bert": by_kind_of_pair(unit[is_right], unit[~is_right])}}


def embedding_unlikeness(unit: numpy.ndarray) -> float | None:
    """1 - mean cosine over the pairs of different answers: 1 - (|sum e|^2 - R) / (R (R - 1)), in 0..2; None where R < 2.

    `unit`: vectors of length 1, (R, dimensions). After the SentenceBERT diversity of Tevet and Berant (arXiv 2004.02990), but
    without pairs of an answer with itself, which would make few answers look alike.
    """
    count = len(unit)
    if count < 2:
        return None
    total = unit.sum(axis=0)
    return _rounded(1 - (float(total @ total) - count) / (count * (count - 1)))


def by_kind_of_pair(right: numpy.ndarray, wrong: numpy.ndarray) -> dict[str, list[float | None]]:
    """[pairs, 1 - their mean cosine (None without a pair)] by kind: two right answers, a right and a wrong one, two wrong ones.

    `right` and `wrong`: vectors of length 1, one row per answer.
    """
    mixed = len(right) * len(wrong)
    apart = _rounded(1 - float(right.sum(axis=0) @ wrong.sum(axis=0)) / mixed) if mixed else None
    return {
        "right-right": [_pairs(len(right)), embedding_unlikeness(right)],
        "mixed": [mixed, apart],
        "wrong-wrong": [_pairs(len(wrong)), embedding_unlikeness(wrong)],
    }


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _rounded(value: float) -> float:
    """The value without digits beyond single precision, in which models compute, so that equal answers are 0 apart."""
    return max(0.0, round(value, 9))


def statistics(compared: Compared) -> Tree:
    """SentenceBERT diversity of all, correct and incorrect answers, and the parts of its change."""
    split = splits(compared, FAMILY, ("sentence_bert",))
    return {"diversity": {group: {"sentence_bert": _of_group(compared, group)} for group in GROUPS}, "split": split}


def _of_group(compared: Compared, group: str) -> SheetCell:
    rows, sheet = FAMILY.rows(compared.model), compared.sheet
    few = "no problem has two answers" if group == "all" else f"no problem has two {group} answers"
    none = "no sentence embeddings were asked for" if rows is None else few
    return sheet.mean(column(rows, lambda row: row[group]["sentence_bert"], sheet.n), none, binomial=False)


FAMILY = Family("embedding", statistics)

SHOWN = Shown(section="diversity", varieties=(Variety("SBERT", "SentenceBERT diversity (%)", ("sentence_bert",), matched=False),))
