from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import sirev
from sirev.api.iterate import RunResult
from sirev.errors import BadInput
from sirev.study.step_names import parse_step
from tests.conftest import Study, semantic_digests

SMALL = ("evaluation.draws.n=2", "sampling.n=4")


@pytest.mark.slow
def test_a_run_until_m_1_goes_on_and_ends_as_one_that_was_never_stopped(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    def iterated(store: Path, until: int | None = None) -> RunResult:
        (result,) = sirev.iterate("tiny_smoke", methods=["sft"], seeds=[7], overrides=SMALL, store=store, until=until)
        return result

    whole = shutil.copytree(smoke.store.path, tmp_path / "whole")
    first = iterated(smoke_copy, until=1)
    assert {parse_step(step).t for step in first.computed} <= {None, 1}
    assert "train:1" in first.computed
    assert first.iterations == []
    assert iterated(smoke_copy, until=1).computed == ()
    rest = iterated(smoke_copy)
    assert rest.id == first.id
    assert "train:1" not in rest.computed
    assert rest.iterations == iterated(whole).iterations
    assert semantic_digests(sirev.Store(smoke_copy)) == semantic_digests(sirev.Store(whole))


def test_until_the_last_model_is_the_whole_run_but_its_comparison(smoke: Study, smoke_copy: Path) -> None:
    last = sirev.load_recipe("tiny_smoke").T
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, until=last)
    assert result.computed == ()
    assert result.iterations == smoke.of("sft").iterations  # it was compared already


@pytest.mark.parametrize("t", [0, 99, -1])
def test_a_t_that_the_recipe_has_not_is_refused(t: int, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"--until {t}: expected 1 to \d+, the recipe's T"):
        sirev.iterate("tiny_smoke", store=tmp_path / "store", until=t)
    assert not (tmp_path / "store").exists()
