from __future__ import annotations

import pytest

from sirev.execution.task_lengths import TaskLengths, lengths_of


def test_a_subject_alone_has_lengths_of_its_own() -> None:
    whole, algebra = lengths_of("math", {"subjects": None}), lengths_of("math", {"subjects": ["Algebra"]})
    assert whole.answer
    assert algebra.answer
    assert algebra.answer < whole.answer
    assert lengths_of("math", {"subjects": ["Algebra", "Geometry"]}) == whole
    assert lengths_of("jsonl", {}) == TaskLengths()


def test_more_padding_where_more_go_through_at_once() -> None:
    usual = lengths_of("gsm8k", {})
    sft = [usual.part("sft", most) for most in (0.5, 1, 1.5, 2, 3, 8, 11, 32)]
    assert [share for _, share in sft] == sorted((share for _, share in sft), reverse=True)
    assert sft[:2] == [(1, 1), (1, 1)]
    assert sft[3] == (2, 0.98)
    assert 0.98 < sft[2][1] < 1
    assert sft[-1] == sft[-2] == (11, 0.86)  # a larger part does not pay
    assert usual.part("sft", None) == (32, 0.56)  # not cut at all
    assert usual.part("dpo", 8) == (8, 0.82)  # an answer is padded to the other one too


@pytest.mark.parametrize("most", [1, 8, 100, None])
def test_an_unknown_task_or_kind_has_padding_too(most: int | None) -> None:
    for kind in ("sft", "dpo", "other"):
        assert 0 < TaskLengths().part(kind, most)[1] <= 1
