"""Overlap of questions with known ones: whether a model has seen an evaluated problem in its training data.

It is measured by shared n-grams of words, like contamination in papers on language models: n = 13 in GPT-3 (arXiv 2005.14165,
appendix C), 8 in PaLM (arXiv 2204.02311, section 8). Plain Python, no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

Words = Sequence[str]
"""A question in its task's normal form (`sirev.tasks.task.Task.normal_form`)."""
_HALF = 0.5
TRAINING, CORPUS = "training", "corpus"
"""Places that are searched: the training set, and the pretraining corpus of an M_0 made here."""


class Overlapping(TypedDict):
    """Numbers of questions that are known: word by word (`whole`), or by at least half of their n-grams (`half`).

    `share`: the mean over questions of the share of their n-grams that are known. Both are null where no n-grams were compared,
    or where there is no question.
    """

    whole: int
    half: int | None
    share: float | None


class LevelOverlap(TypedDict):
    """The number of problems, and how many of them are known in each place."""

    problems: int
    known: dict[str, Overlapping]


class SplitOverlap(TypedDict):
    """The overlap of a split's problems, overall and by level, easiest first."""

    all: LevelOverlap
    levels: dict[str, LevelOverlap]


class Overlap(TypedDict):
    """`overlap.json`: the n of the n-grams, and the overlap of each split."""

    n: int | None
    splits: dict[str, SplitOverlap]


@dataclass(frozen=True)
class Found:
    """For one question: whether it is known word by word, and the share of its n-grams that are known."""

    whole: bool
    share: float | None


@dataclass(frozen=True)
class Wording:
    """The words with which a template begins and ends its prompts."""

    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()

    @classmethod
    def of(cls, prompts: Sequence[Words]) -> Wording:
        """The common beginning and end of all prompts, which leave at least a word of each; empty for fewer than two prompts."""
        if len(prompts) < 2:
            return cls()
        room = max(min(map(len, prompts)) - 1, 0)
        begin = _alike(zip(*prompts, strict=False), room)
        end = _alike(zip(*map(reversed, prompts), strict=False), room - len(begin))
        return cls(begin, end[::-1])

    def without(self, prompt: Words) -> tuple[str, ...]:
        """The question alone; the whole prompt if it has another wording."""
        last = len(prompt) - len(self.end)
        worded = last >= len(self.begin) and (*prompt[: len(self.begin)], *prompt[last:]) == (*self.begin, *self.end)
        return tuple(prompt[len(self.begin) : last]) if worded else tuple(prompt)


def _alike(columns: Iterable[tuple[str, ...]], most: int) -> tuple[str, ...]:
    """The word of each column, up to the first column with different words, and `most` words at most."""
    found: list[str] = []
    for words in columns:
        if len(found) >= most or len(set(words)) > 1:
            break
        found.append(words[0])
    return tuple(found)


def overlaps(asked: Mapping[str, Sequence[Words]], known: Iterable[Words], n: int | None) -> dict[str, list[Found]]:
    """Set -> the overlap of each of its questions with known texts. `known` is read once; `n` None skips n-grams.

    A question of fewer than `n` words has no n-gram: it is known as a whole or not at all, a share of 1 or 0.
    """
    questions = [tuple(words) for one in asked.values() for words in one]
    wanted, whole = {gram for words in questions for gram in _n_grams(words, n)}, set(questions)
    seen_grams: set[Words] = set()
    seen_whole: set[Words] = set()
    for words in map(tuple, known):
        if words in whole:
            seen_whole.add(words)
        seen_grams.update(wanted.intersection(_n_grams(words, n)))

    def found(words: tuple[str, ...]) -> Found:
        same = words in seen_whole
        if n is None:
            return Found(same, None)
        grams = list(_n_grams(words, n))
        return Found(same, sum(gram in seen_grams for gram in grams) / len(grams) if grams else float(same))

    return {name: [found(tuple(words)) for words in one] for name, one in asked.items()}


def _n_grams(words: tuple[str, ...], n: int | None) -> Iterator[tuple[str, ...]]:
    """All runs of `n` words, in order; none where `n` is None."""
    return (words[i : i + n] for i in range(len(words) - n + 1)) if n is not None else iter(())


def summed(found: Sequence[Found]) -> Overlapping:
    """The overlap of several questions together."""
    shares = [one.share for one in found if one.share is not None]
    looked = bool(shares)
    return {
        "whole": sum(one.whole for one in found),
        "half": sum(share >= _HALF for share in shares) if looked else None,
        "share": sum(shares) / len(shares) if looked else None,
    }
