from __future__ import annotations

import pytest

from sirev.reporting.papers.spent import SERVER, gpu_in_words, time_in_words, time_of
from tests.reporting.papers.recorded_studies import GPU, PROVENANCE, record


def test_time_is_summed_by_stage_and_machine_in_the_order_of_the_stages() -> None:
    steps = [record("sample", seconds=1800), record("train", seconds=60), record("sample", seconds=1800.5), record("grade")]
    rows = time_of(steps).rows
    assert [(row.stage, row.gpu, row.steps, row.seconds) for row in rows] == [
        ("train", GPU, 1, 60.0),
        ("sample", GPU, 2, 3600.5),
        ("grade", "", 1, 3600.0),
    ]
    assert time_in_words(time_of(steps)) == f"1.02 GPU hours on {GPU} and 1.00 hours on the CPU"


@pytest.mark.parametrize(
    ("stage", "noted", "gpu"),
    [
        ("train", {}, GPU),
        ("grade", {}, ""),
        ("train", {"hardware": {"machine": "x86_64", "cores": 2}}, ""),
        ("train", {"packages": {"torch": "2.13.0+cpu"}}, ""),
        ("sample", {"parameters": {"engine": "server"}}, SERVER),
    ],
)
def test_a_gpu_counts_where_a_step_can_have_used_it(stage: str, noted: dict[str, object], gpu: str) -> None:
    assert gpu_in_words(record(stage, **noted)) == gpu


def test_what_was_not_measured_or_begun_earlier_is_counted_apart() -> None:
    resumed = [record("train", resumed=7), record("sample", tokens=100, tokens_now=60), record("sample", tokens=5, tokens_now=5)]
    time = time_of([record("train", seconds=None), *resumed])
    assert (time.unmeasured, time.resumed) == (1, 2)
    assert sum(row.steps for row in time.rows) == 3


def test_the_shards_of_a_sampling_are_no_steps() -> None:
    assert time_of([record("sample-shard", seconds=None)]) == time_of([])


def test_the_time_of_a_server_is_no_gpu_hours() -> None:
    asked = [record("sample", parameters={"engine": "server"}), record("train", seconds=7200)]
    assert time_in_words(time_of(asked)) == f"2.00 GPU hours on {GPU} and 1.00 hours on {SERVER}"


def test_gpu_hours_alone_leave_none_on_the_cpu() -> None:
    uneven = [record(stage, seconds=seconds) for stage, seconds in (("train", 0.1), ("sample", 0.2), ("score", 0.3))]
    assert time_in_words(time_of(uneven)) == f"under 0.01 GPU hours on {GPU}"


def test_little_time_is_no_zero() -> None:
    assert time_in_words(time_of([record("grade", seconds=1)])) == "under 0.01 hours on the CPU"
    assert PROVENANCE["seconds"] == 3600.0
