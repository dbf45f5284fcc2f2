from __future__ import annotations

import json
from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.study.comparing import comparison, joint_records, studies
from tests.conftest import Study, tree


def test_one_run_alone_is_what_it_pinned(smoke: Study) -> None:
    run = smoke.run("sft")
    assert comparison(smoke.store, [run]) == smoke.artifact("sft", "compare").json("comparison.json")


def test_several_runs_are_compared_once_and_then_found(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    runs = store.runs.all()
    told = comparison(store, runs)
    assert {one["method"] for one in told["runs"]} == {"sft", "dpo", "sft-dpo"}
    before = tree(smoke_copy)
    assert comparison(sirev.Store(smoke_copy), runs) == told
    assert tree(smoke_copy) == before


def test_runs_of_other_settings_are_another_study(smoke_copy: Path) -> None:
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    found = studies(sirev.Store(smoke_copy).runs.all())
    assert sorted(len(group) for group in found) == [1, 3]


def test_a_store_that_can_only_be_read_is_reported_all_the_same(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = sirev.Store(smoke_copy)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store, "publish", refuse)
    before = tree(smoke_copy)
    assert json.dumps(comparison(store, store.runs.all()))
    assert tree(smoke_copy) == before


def test_measures_that_are_gone_are_one_clear_line(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    runs = store.runs.all()
    artifact = store.artifact(runs[0].pins["measure/draws:1"].artifact)
    store.objects.path(artifact.digest).unlink()
    with pytest.raises(
        BadInput, match=r"lacks the measures of tiny_smoke-\S+'s M_1 \(draws\); compute them again with `sirev iterate"
    ) as caught:
        comparison(sirev.Store(smoke_copy), runs)
    assert "\n" not in str(caught.value)


def test_whoever_watches_hears_at_once_and_after_each_model_and_nothing_of_what_is_found(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    runs = store.runs.all()
    for key, artifact in joint_records(store, runs):
        store.records.path(key, artifact).unlink()
    heard: list[tuple[int, int, int]] = []
    comparison(store, runs, lambda *said: heard.append(said))
    assert heard == [(3, done, 9) for done in range(10)]
    comparison(sirev.Store(smoke_copy), runs, lambda *said: pytest.fail("it was there"))


def test_a_comparison_whose_file_is_lost_is_made_again(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    (run,) = [run for run in store.runs.all() if run.method == "sft"]
    artifact = store.artifact(run.pins["compare"].artifact)
    before = artifact.json("comparison.json")
    artifact.path("comparison.json").unlink()
    assert comparison(sirev.Store(smoke_copy), [run]) == before
    assert artifact.complete()
