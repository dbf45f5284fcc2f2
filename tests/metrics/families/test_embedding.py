from __future__ import annotations

import itertools

import numpy as np
import pytest

from sirev.metrics.families.diversity import PAPER_DRAWS
from sirev.metrics.families.embedding import by_kind_of_pair, embedding_diversity, embedding_unlikeness


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def mean_unlikeness(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return sum(1 - cosine(one, other) for one, other in pairs) / len(pairs)


def test_a_hand_worked_example() -> None:
    # Cosines of the three pairs: 0 between the axes, 0.6 and 0.8 with the third.
    unit = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    assert embedding_unlikeness(unit) == pytest.approx(1 - (0 + 0.6 + 0.8) / 3)
    assert by_kind_of_pair(unit[:2], unit[2:]) == {
        "right-right": [1, pytest.approx(1.0)],
        "mixed": [2, pytest.approx(1 - (0.6 + 0.8) / 2)],
        "wrong-wrong": [0, None],
    }


def test_the_sums_are_the_means_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    answers = 64
    vectors = (rng.normal(size=(9, 12)) * rng.uniform(0.5, 2, size=(9, 1)))[rng.integers(9, size=answers)].astype(np.float32)
    right = [bool(x) for x in rng.integers(2, size=answers)]
    found = embedding_diversity(vectors, right, range(answers))
    early = list(zip(vectors, right, strict=True))[:PAPER_DRAWS]
    groups = {
        "all": [v for v, _ in early],
        "correct": [v for v, is_right in early if is_right],
        "incorrect": [v for v, is_right in early if not is_right],
    }
    for name, group in groups.items():
        pairs = list(itertools.combinations(group, 2))
        assert found[name] == {"answers": len(group), "sentence_bert": pytest.approx(mean_unlikeness(pairs), abs=1e-6)}
    kinds: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"right-right": [], "mixed": [], "wrong-wrong": []}
    for i, j in itertools.combinations(range(answers), 2):
        kind = "mixed" if right[i] != right[j] else "right-right" if right[i] else "wrong-wrong"
        kinds[kind].append((vectors[i], vectors[j]))
    assert found["pairs"]["sentence_bert"] == {
        kind: [len(pairs), pytest.approx(mean_unlikeness(pairs), abs=1e-6)] for kind, pairs in kinds.items()
    }


def test_equal_answers_are_not_apart_and_one_answer_says_nothing() -> None:
    same = np.tile(np.array([[0.3, -0.4, 0.1]], dtype=np.float32), (7, 1))
    found = embedding_diversity(same, [True] * 6 + [False], range(7))
    assert found["all"]["sentence_bert"] == 0.0
    assert found["incorrect"] == {"answers": 1, "sentence_bert": None}
    assert found["pairs"]["sentence_bert"] == {"right-right": [15, 0.0], "mixed": [6, 0.0], "wrong-wrong": [0, None]}


def test_without_an_answer_all_is_none() -> None:
    found = embedding_diversity(np.zeros((0, 4), dtype=np.float32), [], [])
    assert {found[group]["sentence_bert"] for group in ("all", "correct", "incorrect")} == {None}
    assert found["pairs"]["sentence_bert"]["mixed"] == [0, None]


def test_groups_are_of_the_first_fifty_draws_whatever_the_order() -> None:
    rng = np.random.default_rng(5)
    vectors, right = rng.normal(size=(60, 4)), [True] * 60
    whole = embedding_diversity(vectors, right, range(60))
    turned = embedding_diversity(vectors[::-1], right, range(59, -1, -1))
    assert whole["correct"] == turned["correct"]
    assert whole["correct"] == embedding_diversity(vectors[:50], right[:50], range(50))["correct"]
    assert whole["pairs"]["sentence_bert"]["right-right"][0] == 60 * 59 // 2
