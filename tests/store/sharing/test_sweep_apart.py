"""A sweep on machines that have nothing in common but an S3 bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.api.sweep import sweep
from sirev.store.sharing.pull import pull
from sirev.store.sharing.remote import Remote
from sirev.store.store import Store
from sirev.store.upkeep.verify import verify
from tests.api.machines import compute_apart, computed
from tests.conftest import semantic_digests

SETTINGS = {"T": 2, "evaluation.draws.n": 2}


@pytest.mark.slow
def test_machines_with_a_bucket_alone_in_common_compute_each_step_once_and_what_iterate_computes(
    tmp_path: Path, bucket: str
) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(f"recipes: tiny_smoke\nmethods: [sft, dpo]\nseeds: [0]\nset: {SETTINGS}\n")
    stores = [tmp_path / "one", tmp_path / "two"]
    compute_apart(grid, stores, bucket, tmp_path / "ended")
    counts = computed(stores)
    assert set(counts.values()) == {1}
    results = sweep(grid, store=tmp_path / "head", remote=bucket, push=True)
    assert not any(result.computed for result in results)
    whole = tmp_path / "whole"
    expected = sirev.iterate("tiny_smoke", methods=["sft", "dpo"], seeds=[0], overrides=SETTINGS, store=whole)
    assert [(one.id, one.iterations) for one in results] == [(one.id, one.iterations) for one in expected]
    pulled = Store(tmp_path / "pulled")
    assert sorted(pull(pulled, Remote(bucket)).runs) == sorted(one.id for one in results)
    assert verify(pulled).whole
    assert semantic_digests(pulled) == semantic_digests(Store(whole))
