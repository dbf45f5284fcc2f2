from __future__ import annotations

from typing import Any

from sirev.metrics.overlap import Overlap
from sirev.reporting.overlap import sentences


def of(problems: int, **known: tuple[int, int | None]) -> Any:
    told = {place: {"whole": whole, "half": half, "share": None} for place, (whole, half) in known.items()}
    return {"problems": problems, "known": told}


def test_a_line_for_each_place_that_holds_problems_of_a_split() -> None:
    levels = {"1": of(100, training=(0, None), corpus=(99, None)), "2": of(100, training=(0, None), corpus=(0, None))}
    suite = {"all": of(200, training=(0, None), corpus=(99, None)), "levels": levels}
    test = {"all": of(50, training=(0, None), corpus=(0, None)), "levels": {}}
    told: Overlap = {"n": None, "splits": {"ood/levels": suite, "test": test}}  # type: ignore[typeddict-item]
    assert sentences(told) == [
        "99 of 200 problems of levels occur in the pretraining corpus (level 1: 99 of 100).",
        "No problem of the test split (50) occurs in the training set or the pretraining corpus.",
    ]


def test_texts_that_share_half_of_their_n_grams_are_counted_too() -> None:
    told: Overlap = {
        "n": 8,
        "splits": {
            "test": {"all": of(5000, training=(4, 336)), "levels": {}},
            "ood/gsm8k": {"all": of(1319, training=(0, 1)), "levels": {}},
        },
    }
    assert sentences(told) == [
        "4 of 5,000 problems of the test split occur in the training set; 336 share half of their 8-grams.",
        "1 of 1,319 problems of gsm8k share half of their 8-grams with the training set.",
    ]
