"""`iterate --remote`: what a shared store has is pulled, checked and used, and what it has not is computed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.store.store import Store
from sirev.store.upkeep.verify import verify
from tests.conftest import Study, semantic_digests
from tests.listeners import Heard


def digests(path: Path, run: str) -> dict[str, str]:
    return {step: digest for step, digest in semantic_digests(Store(path)).items() if step.startswith(run)}


def test_what_the_shared_store_has_is_not_computed_and_models_come_when_they_are_needed(smoke: Study, tmp_path: Path) -> None:
    shared = str(smoke.store.path)
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=tmp_path / "mine", remote=shared)
    assert result.computed == ()
    assert result.iterations == smoke.of("sft").iterations
    assert digests(tmp_path / "mine", result.id) == digests(smoke.store.path, result.id)
    mine = Store(tmp_path / "mine")
    run = mine.runs.get(result.id)
    assert run is not None
    models = {step: mine.artifact(pin.artifact) for step, pin in run.pins.items() if step.startswith(("train", "pretrain"))}
    assert len(models) == 4
    assert not any(model.complete() for model in models.values())
    assert verify(mine).whole
    (redone,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["sample:2"], store=tmp_path / "mine", remote=shared)
    assert not [step for step in redone.computed if step.startswith(("train", "pretrain"))]  # pulled, not trained
    assert models["train:2"].complete()
    assert not models["train:3"].complete()


def test_what_is_damaged_there_is_computed_here_with_a_warning(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    theirs = Store(smoke_copy)
    run = smoke.run("sft", theirs)
    (entry,) = theirs.artifact(run.pins["select:2"].artifact).manifest["tables"]["examples"]["parts"]
    path = theirs.objects.path(theirs.artifact(run.pins["select:2"].artifact).manifest["files"][entry]["sha256"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    heard = Heard()
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=tmp_path / "mine", remote=str(smoke_copy), listener=heard)
    assert result.computed == ("select:2",)
    assert digests(tmp_path / "mine", result.id) == digests(smoke.store.path, result.id)
    (warning,) = heard.warnings
    assert "other bytes than its name says" in warning


@pytest.mark.slow
def test_a_shared_store_that_goes_away_is_no_reason_to_stop(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(smoke_copy / "records")
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=tmp_path / "mine", remote=str(smoke_copy))
    assert "train:3" in result.computed
    assert digests(tmp_path / "mine", result.id) == digests(smoke.store.path, result.id)


def test_a_url_that_leads_to_no_store_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a sirev store"):
        sirev.iterate("tiny_smoke", store=tmp_path / "mine", remote=str(tmp_path / "nowhere"))
    assert not (tmp_path / "mine" / "runs").exists()


def test_without_a_gpu_only_what_is_missing_everywhere_is_refused(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    asked = {"methods": ["sft"], "overrides": ["gpu=required"]}
    (result,) = sirev.iterate("tiny_smoke", **asked, store=tmp_path / "mine", remote=str(smoke_copy))  # type: ignore[arg-type]
    assert result.computed == ()
    run = smoke.store.runs.get(result.id)
    assert run is not None
    shutil.rmtree(smoke_copy / "records" / run.pins["train:3"].key[:2] / run.pins["train:3"].key)
    with pytest.raises(BadInput, match=r"^3:train can't be computed here: GPU: none; "):
        sirev.iterate("tiny_smoke", **asked, store=tmp_path / "other", remote=str(smoke_copy))  # type: ignore[arg-type]
