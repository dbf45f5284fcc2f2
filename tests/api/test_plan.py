from __future__ import annotations

from pathlib import Path

import sirev
from tests.conftest import Study


def test_a_plan_from_nothing_knows_only_what_needs_nothing(tmp_path: Path) -> None:
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], store=tmp_path / "store").values()
    assert states["pretrain:0"] == states["source/train"] == "run"
    assert states["train:1"] == states["compare"] == "unknown"
    assert not (tmp_path / "store").exists()


def test_a_plan_of_a_finished_study_is_all_hits(smoke: Study) -> None:
    plans = sirev.plan("tiny_smoke", store=smoke.store.path)
    assert set(plans) == {result.id for result in smoke.results}
    assert {state for states in plans.values() for state in states.values()} == {"hit"}


def test_a_plan_shows_what_an_override_touches(smoke: Study) -> None:
    (states,) = sirev.plan(
        "tiny_smoke", methods=["sft"], overrides=["training.sft.learning_rate=1e-3"], store=smoke.store.path
    ).values()
    assert states["train:1"] == states["select:2"] == "hit"
    assert states["train:2"] == "run"
    assert states["sample/test:2"] == "unknown"


def test_a_plan_shows_what_would_be_redone(smoke: Study) -> None:
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], redo=["train:2"], store=smoke.store.path).values()
    assert (states["train:1"], states["train:2"], states["sample/test:2"]) == ("hit", "run", "unknown")
