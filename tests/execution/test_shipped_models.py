"""M_0 that comes with sirev: taken in where the key fits, and never believed more than any archive."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.errors import BadInput
from sirev.execution import shipped_models
from sirev.execution.listener import Listener
from sirev.explain.explanation import Explanation
from sirev.shipped import model_archive, recipe_folder
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.store.upkeep.gc import Policy, collect
from sirev.study.step_names import PRETRAINED_MODEL
from tests.conftest import Study
from tests.execution.make_shipped_model import make, pretrained

SHIPPED = sorted((recipe_folder() / "models").glob("*/*.tar.zst"))
PROCESSOR = {"vendor_id": "AuthenticAMD", "cpu family": "25", "model": "17"}
"""What the shipped models were made on (Zen 4, with AVX-512); others give other last bits."""


@pytest.fixture
def archive(smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive of tiny_smoke's M_0, in the place of those that come with sirev."""
    monkeypatch.setattr("sirev.shipped.recipe_folder", lambda: tmp_path / "recipes")
    return make("tiny_smoke", Store(smoke_copy), tmp_path / "recipes" / "models")


def run_m0(study: Study) -> tuple[str, str]:
    """Key and artifact of a study's M_0."""
    run = study.store.runs.get(study.of("sft").id)
    assert run is not None
    pin = run.pins[PRETRAINED_MODEL]
    return pin.key, pin.artifact


def test_m0_is_taken_in_where_the_key_is_that_of_the_action(smoke: Study, archive: Path, tmp_path: Path) -> None:
    key, artifact = run_m0(smoke)
    store = Store(tmp_path / "new")
    taken = shipped_models.take(store, key)
    assert taken is not None
    assert (taken.digest, taken.complete()) == (artifact, True)
    assert store.runs.ids() == []  # of the run that it was made for nothing comes along
    assert shipped_models.take(store, "0" * 64) is None
    assert shipped_models.take(store, key, "0" * 64) is None


@pytest.mark.slow
def test_a_run_computes_what_comes_with_sirev_on_request_alone(smoke: Study, archive: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    heard: list[str] = []

    class Heard(Listener):
        def note(self, run: Run, text: str) -> None:
            heard.append(text)

    asked: dict[str, Any] = {"methods": ["sft"], "overrides": ["T=2"], "store": store, "listener": Heard()}
    (taken,) = sirev.iterate("tiny_smoke", **asked)
    (again,) = sirev.iterate("tiny_smoke", redo=["pretrain"], **asked)
    assert PRETRAINED_MODEL not in taken.computed
    assert PRETRAINED_MODEL in again.computed
    assert heard == [shipped_models.NOTE]
    pins = [run.pins[PRETRAINED_MODEL].artifact for run in store.runs.all()]
    assert pins == 2 * [run_m0(smoke)[1]]


@pytest.mark.slow
def test_files_that_were_given_up_come_back_from_it(smoke: Study, archive: Path, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    _, artifact = run_m0(smoke)
    collect(store, Policy(drop=lambda opened, runs: {artifact}))
    assert not store.artifact(artifact).complete()
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=store, redo=["1:train"])
    assert PRETRAINED_MODEL not in result.computed
    assert store.artifact(artifact).complete()


def test_it_is_said_before_and_after_where_m0_comes_from(smoke: Study, archive: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"methods": ["sft"], "store": Store(tmp_path / "new")}

    def told(*overrides: str) -> Explanation:
        return sirev.why("tiny_smoke", which="0:pretrain", overrides=list(overrides), **asked).steps[0]

    assert told().reasons() == ["it comes with sirev: it is imported, not computed"]
    assert told("model.pretrain.seed=1").cause != "shipped"
    said = plans(Request.of("tiny_smoke", **asked)).estimate().assumptions
    assert "0:pretrain comes with sirev: it is imported, not computed" in said
    shipped_models.take(asked["store"], run_m0(smoke)[0])
    found = told()
    assert (found.state, found.here, found.shipped) == ("hit", False, True)


def test_a_spoilt_archive_is_bad_input_and_leaves_nothing(smoke: Study, archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    archive.chmod(0o644)
    archive.write_bytes(whole[:-500])
    store = Store(tmp_path / "new")
    with pytest.raises(BadInput, match=re.escape(str(archive))):
        shipped_models.take(store, run_m0(smoke)[0])
    assert not list(store.records.names())


def test_tiny_has_the_m0_that_comes_with_sirev(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    request = Request.of("tiny", methods=["sft"], store=store)
    (planner,) = plans(request).planners
    key = planner.steps[PRETRAINED_MODEL].key
    assert [file.parent.name for file in SHIPPED] == [key]
    taken = shipped_models.take(store, str(key))
    assert taken is not None
    assert f"{taken.digest}.tar.zst" == SHIPPED[0].name


@pytest.mark.slow
def test_computing_it_again_gives_the_same(tmp_path: Path) -> None:
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    here = {name.strip(): value.strip() for name, _, value in lines}
    if PROCESSOR.items() - here.items():
        pytest.skip(f"made on {PROCESSOR}: other processors give other weights")
    pin, _ = pretrained("tiny", Store(tmp_path / "store"))
    assert model_archive(pin.key, pin.artifact) is not None
