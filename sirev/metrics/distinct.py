"""Distinct shares of the answers to one problem: 1 if all differ, near 0 if all are alike.

The items counted are n-grams of tokens, or the form of a whole answer (its equation list, its program). Values over sets of
different sizes are not comparable, since all of them fall as a set grows: `expected_distinct` corrects for size.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, count
from math import comb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

ORDERS = (1, 2, 3, 4, 5)
"""The n of the n-grams whose mean is Distinct-N."""

NUMBER = r"\d++(?:,\d{3}(?!\d))*+(?:\.\d++)?+"
_TOKEN = re.compile(rf"[^\W\d]\w*+|{NUMBER}|\n|\S")


def tokens(text: str) -> list[str]:
    r"""Words, numbers, line ends and single signs, without blanks.

    `3.5` and `1,000` are one token each, `1, 2` is three, and the full stop after a number is its own. Each line end is the token
    "\n", even if written `\r\n`. An n-gram may contain one: "a\nb" has the bigrams (a, \n) and (\n, b), not (a, b).
    """
    return _TOKEN.findall(text.replace("\r\n", "\n").replace("\r", "\n"))


@dataclass(frozen=True)
class Grams:
    """The n-grams of one order in the R answers to one problem, each known by a number below `distinct`.

    `occurring` and `start` are parallel: each n-gram as often as it occurs, in ascending order, and the index among the tokens of
    all answers where it starts, ascending per n-gram. `owner` has each token's answer; `totals` (R) each answer's number of
    n-grams, with repetition.
    """

    distinct: int
    occurring: Indices
    start: Indices
    owner: Indices
    totals: Indices

    @cached_property
    def _pairs(self) -> tuple[Indices, Indices]:
        """The n-gram and the answer of each distinct pair of them."""
        import numpy as np

        within = self.owner[self.start]
        new = np.ones(len(within), bool)
        new[1:] = (self.occurring[1:] != self.occurring[:-1]) | (within[1:] != within[:-1])
        return self.occurring[new], within[new]

    def held_by(self, chosen: NDArray[np.bool_] | None = None) -> Indices:
        """Per n-gram the number a_g of answers that contain it, among those `chosen` (R) or all; 0 where there are none."""
        import numpy as np

        gram, answer = self._pairs
        return np.bincount(gram if chosen is None else gram[chosen[answer]], minlength=self.distinct)


class _Numbers(dict[str, list[int]]):
    """Text without blanks -> numbers of its tokens, for one problem. Its answers share most words, so each is split once."""

    def __init__(self) -> None:
        self._number: dict[str, int] = defaultdict(count().__next__)

    def __missing__(self, word: str) -> list[int]:
        found = self[word] = [*map(self._number.__getitem__, _kept(word) if len(word) < 50 else tokens(word))]
        return found

    @property
    def different(self) -> int:
        """The number of different tokens so far."""
        return len(self._number)


@lru_cache(maxsize=1 << 15)
def _kept(word: str) -> list[str]:
    """The tokens of a word, cached since problems share words too."""
    return tokens(word)


def n_grams(answers: Sequence[str]) -> Iterator[Grams]:
    """The n-grams of `answers` for each n of ORDERS; none spans two answers.

    The number of an n-gram stands for the pair of its first n-1 tokens and its last one, so each order takes one sort.
    """
    import numpy as np

    numbers = _Numbers()
    numbered = [[*chain.from_iterable(map(numbers.__getitem__, answer.split(" ")))] for answer in answers]  # no token has a blank
    lengths = np.fromiter(map(len, numbered), np.int64, len(answers))
    token = np.fromiter(chain.from_iterable(numbered), np.int64, int(lengths.sum()))
    owner = np.repeat(np.arange(len(answers)), lengths)
    gram, distinct = np.zeros(len(token), np.int64), 1  # order 0 has one, the empty n-gram
    for n in ORDERS:
        begins = max(len(token) - n + 1, 0)
        whole = owner[:begins] == owner[n - 1 :]
        codes = distinct * numbers.different
        start, code = _ascending(gram[:begins] * numbers.different + token[n - 1 :], whole, codes)
        occurring = np.zeros(len(code), np.int64)
        np.cumsum(code[1:] != code[:-1], out=occurring[1:])
        gram[start], distinct = occurring, int(occurring[-1]) + 1 if len(occurring) else 0
        yield Grams(distinct, occurring, start, owner, np.maximum(lengths - n + 1, 0))


def _ascending(code: Indices, whole: NDArray[np.bool_], codes: int) -> tuple[Indices, Indices]:
    """The places where `whole` is true, sorted by `code` and then by place, and their codes. Every code is below `codes`."""
    import numpy as np

    bits = len(code).bit_length()
    if codes.bit_length() + bits < 64:  # both fit into one number, and sorting numbers is many times faster than argsort
        packed = ((code << bits) | np.arange(len(code)))[whole]
        packed.sort()
        return packed & ((1 << bits) - 1), packed >> bits
    start = np.flatnonzero(whole)
    start = start[np.argsort(code[start], kind="stable")]
    return start, code[start]


def distinct_share(forms: Collection[Hashable]) -> float | None:
    """Distinct forms / answers, for one problem (arXiv 2407.05013, section 4.2: of equation lists); None without answers."""
    return len(set(forms)) / len(forms) if forms else None


def histogram(held: Any) -> list[int]:
    """The numbers of n-grams held by 0, 1, 2, ... answers, from `Grams.held_by`."""
    import numpy as np

    return list(np.bincount(held).tolist())


def histogram_of_forms(forms: Collection[Hashable]) -> list[int]:
    """The numbers of forms shared by 0, 1, 2, ... answers."""
    shared = Counter(Counter(forms).values())
    return [shared[held] for held in range(max(shared, default=0) + 1)]


def expected_distinct(holding: Sequence[int], answers: int, m: int, units: int) -> float | None:
    """Distinct items expected in m of the `answers` R, drawn without replacement, as a share of all items expected in them.

    E = sum over g of [1 - C(R - a_g, m) / C(R, m)], where a_g answers contain g, in exact arithmetic up to the last division
    (Hurlbert 1971, "The nonconcept of species diversity", with answers for individuals). `holding[a]` is the number of items with
    a_g = a. E is divided by m * `units` / R, where `units` is the number of items in all R answers with repetition: R itself for
    forms, all n-grams for n-grams. None where R < m or there are no items.
    """
    if answers < m or not units:
        return None
    met = sum(number * ways for number, ways in zip(holding, _ways_to_meet(answers, m), strict=False))
    return met * answers / (comb(answers, m) * m * units)


@lru_cache(maxsize=4096)
def _ways_to_meet(answers: int, m: int) -> tuple[int, ...]:
    """For a = 0, 1, ... R, the number of m-subsets of R answers that contain at least one of a given answers."""
    every = comb(answers, m)
    return tuple(every - comb(answers - held, m) for held in range(answers + 1))
