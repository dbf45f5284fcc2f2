from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.api.measure import measure
from sirev.api.regrade import regrade
from sirev.errors import BadInput
from tests.api.test_measure import told_in_words, write


def test_measured_answers_are_graded_anew(tmp_path: Path) -> None:
    store = sirev.Store(tmp_path / "store")
    files = {"M1": told_in_words(tmp_path / "a.jsonl", 12, 2), "M2": told_in_words(tmp_path / "b.jsonl", 12, 12)}
    run = measure("mine", steps=files, grader="gsm8k_strict", store=store).id
    found = regrade(run, overrides=["evaluation.grader=gsm8k_flexible"], store=store)
    assert [(one.step, one.right_before, one.right_after) for one in found.steps] == [
        ("grade/greedy:1", 2, 12),
        ("grade/greedy:2", 12, 12),
    ]
    assert found.steps[0].flips[0].before == "no answer found"
    same = regrade(run, store=store)
    assert [one.flips for one in same.steps] == [[], []]


def test_what_can_not_be_regraded_is_one_line(tmp_path: Path) -> None:
    store = sirev.Store(tmp_path / "store")
    run = measure("mine", steps={"M1": write(tmp_path / "a.jsonl", 10, 4)}, store=store).id
    for overrides, line in (
        ([], "its verdicts are those of its files; name a grader"),
        (["training.grader=math"], "only evaluation.grader can change"),
        (["evaluation.grader=exact"], "its files hold no gold answer for some problems"),
        (["evaluation.grader=mth"], "unknown grader 'mth'"),
    ):
        with pytest.raises(BadInput) as caught:
            regrade(run, overrides=overrides, store=store)
        assert line in str(caught.value)
