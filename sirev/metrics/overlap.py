"""Overlap of questions with known ones: whether a problem that is asked was in what a model learned from.

By shared n-grams of words, as papers on language models look for contamination: n = 13 in GPT-3 (arXiv 2005.14165, appendix C), 8
in PaLM (arXiv 2204.02311, section 8). Plain Python, no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

Words = Sequence[str]
"""A question in its task's normal form (`sirev.tasks.task.Task.normal_form`)."""
_HALF = 0.5
TRAINING, CORPUS = "training", "corpus"
"""Where problems are looked for: the training set, and the pretraining corpus of an M_0 made here."""


class Overlapping(TypedDict):
    """How many of some questions are known: word by word (`whole`), or by at least half of their n-grams (`half`).

    `share`: the mean over questions of the share of their n-grams that are known. Both are null where no n-grams were looked at,
    `share` also where there is no question.
    """

    whole: int
    half: int | None
    share: float | None


class LevelOverlap(TypedDict):
    """Problems, and how many of them are in each of the places."""

    problems: int
    known: dict[str, Overlapping]


class SplitOverlap(TypedDict):
    """The problems of a split, all of them and by level, easiest first."""

    all: LevelOverlap
    levels: dict[str, LevelOverlap]


class Overlap(TypedDict):
    """`overlap.json`: the n of the n-grams, and what was found of each split."""

    n: int | None
    splits: dict[str, SplitOverlap]


@dataclass(frozen=True)
class Found:
    """Of one question: whether it is known word by word, and the share of its n-grams that are known."""

    whole: bool
    share: float | None


@dataclass(frozen=True)
class Wording:
    """The words that prompts begin and end with because of their template."""

    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()

    @classmethod
    def of(cls, prompts: Sequence[Words]) -> Wording:
        """What all prompts begin and end with; some words of each are left. Nothing of fewer than two."""
        if len(prompts) < 2:
            return cls()
        room = max(min(map(len, prompts)) - 1, 0)
        begin = _alike(zip(*prompts, strict=False), room)
        end = _alike(zip(*map(reversed, prompts), strict=False), room - len(begin))
        return cls(begin, end[::-1])

    def without(self, prompt: Words) -> tuple[str, ...]:
        """The question alone; the prompt as it is if it is not worded so."""
        last = len(prompt) - len(self.end)
        worded = last >= len(self.begin) and (*prompt[: len(self.begin)], *prompt[last:]) == (*self.begin, *self.end)
        return tuple(prompt[len(self.begin) : last]) if worded else tuple(prompt)


def _alike(columns: Iterable[tuple[str, ...]], most: int) -> tuple[str, ...]:
    """The one word of each column, up to the first in which words differ."""
    found: list[str] = []
    for words in columns:
        if len(found) >= most or len(set(words)) > 1:
            break
        found.append(words[0])
    return tuple(found)


def overlaps(asked: Mapping[str, Sequence[Words]], known: Iterable[Words], n: int | None) -> dict[str, list[Found]]:
    """What is known of every question of several sets; `known` is gone through once. No n-grams are looked at where `n` is None.

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
    """Every run of `n` words, in order; none where `n` is None."""
    return (words[i : i + n] for i in range(len(words) - n + 1)) if n is not None else iter(())


def summed(found: Sequence[Found]) -> Overlapping:
    """What is known of some questions together."""
    shares = [one.share for one in found if one.share is not None]
    looked = bool(shares)
    return {
        "whole": sum(one.whole for one in found),
        "half": sum(share >= _HALF for share in shares) if looked else None,
        "share": sum(shares) / len(shares) if looked else None,
    }
