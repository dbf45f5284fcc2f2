"""`sirev track`: a finished run in a tracker, by real ones that keep all on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

import sirev
from sirev.api.run_sender import RunSender
from sirev.errors import BadInput, StageFailed
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.trackers.dispatch import TRACKERS
from tests.conftest import Study, tree
from tests.listeners import Heard
from tests.trackers.tracked import LOCAL, hosts, keep_in, read_back

BROKEN_TRACKIO = Path(__file__).parents[1] / "trackers" / "broken_trackio"
"""A folder for PYTHONPATH, whose trackio fails at the end of a run."""
WHOLE_RUN = sorted(LOCAL)


def test_every_tracker_is_tried() -> None:
    assert TRACKERS.keys() == LOCAL.keys()


@pytest.mark.slow
@pytest.mark.parametrize("tracker", WHOLE_RUN)
def test_a_finished_run_is_sent_whole_and_once(
    tracker: str, smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in(tmp_path / "kept", tracker, monkeypatch)
    result = smoke.of("sft-dpo")
    before = tree(smoke.store.path)
    assert sirev.track(result.id, f"{tracker}:mine", store=smoke.store) > 0
    kept = tree(tmp_path / "kept")
    logs = {name: found for name, found in kept.items() if "/logs/" in name}  # wandb writes on in those
    assert sirev.track(result.id, f"{tracker}:mine", store=smoke.store) == 0
    assert {**tree(tmp_path / "kept"), **logs} == kept
    assert tree(smoke.store.path) == before
    found = read_back(tmp_path / "kept", tracker, "mine")
    assert found.keys() == {result.id}
    run = found[result.id]
    stored = smoke.store.runs.get(result.id)
    assert stored is not None
    assert run.name.startswith(result.id)
    assert run.group == f"tiny_smoke-{result.id[-8:]}"
    assert run.config["method"] == "sft-dpo"
    assert run.config["settings.T"] in (3, "3")
    assert run.config["key"] == stored.pins["compare"].key
    assert len(run.values) == len({(name, step) for name, step, _ in run.values})
    for name, field in (("pass_at_1", "pass_at_1"), ("pass_at_n/4", "pass_at_n")):
        wanted = [one[field] if name == field else one[field]["4"] for one in result.iterations]
        assert run.curve(name) == [(t, pytest.approx(one["value"])) for t, one in enumerate(wanted, 1)]
    assert [step for step, _ in run.curve("diversity/all/distinct_equations")] == [1, 2, 3]
    assert [step for step, _ in run.curve("ood/levels_1_to_3/accuracy")] == [1, 2, 3]
    losses = [entry["loss"] for entry in recorded_log(smoke.store, result.id, "train:2")]
    assert [loss for _, loss in run.curve("train/M_2/loss")] == pytest.approx(losses)
    assert run.curve("train/M_2/rewards/margins")  # of DPO
    headlines = [(3, run.config["headline"])] if tracker == "mlflow" else run.curve("headline")
    assert [(t, str(words).partition(",")[0]) for t, words in headlines][-1] == (3, "INCONCLUSIVE")
    assert tracker == "mlflow" or [t for t, _ in headlines] == [2, 3]
    assert run.files == (0 if tracker == "tensorboard" else 1)


def recorded_log(store: Store, run_id: str, step: str) -> list[dict[str, float]]:
    run = store.runs.get(run_id)
    assert run is not None
    record = store.records.get(run.pins[step].key, run.pins[step].artifact)
    assert record is not None
    log: list[dict[str, float]] = record.provenance["log"]
    return log


def test_wandb_is_told_nothing_of_this_machine(smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in(tmp_path, "wandb", monkeypatch)
    assert sirev.track(smoke.of("sft").id, "wandb:mine", store=smoke.store) > 0
    (kept,) = tmp_path.glob("wandb/offline-run-*")
    assert not (kept / "files" / "wandb-metadata.json").exists()
    (records,) = kept.glob("*.wandb")
    assert list(hosts(records)) == [""]
    for private in (sys.executable, os.getcwd(), str(smoke.store.path)):
        assert private.encode() not in records.read_bytes()


@pytest.mark.slow
def test_again_sends_what_was_sent_before(smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in(tmp_path, "mlflow", monkeypatch)
    run = smoke.of("sft").id
    points = sirev.track(run, "mlflow:again", store=smoke.store)
    assert points > 0
    assert sirev.track(run, "mlflow:again", store=smoke.store, again=True) == points
    (found,) = read_back(tmp_path, "mlflow", "again").values()
    assert [step for step, _ in found.curve("pass_at_1")] == [1, 1, 2, 2, 3, 3]


@pytest.mark.slow
def test_another_place_of_the_same_tracker_has_none_of_it_yet(
    smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = smoke.of("sft").id
    for place in ("here", "there"):
        keep_in(tmp_path / place, "mlflow", monkeypatch)
        assert sirev.track(run, "mlflow:mine", store=smoke.store) > 0
        assert read_back(tmp_path / place, "mlflow", "mine").keys() == {run}


def test_a_tracker_that_fails_fails_the_command(smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/file/below")
    with pytest.raises(StageFailed, match=r"mlflow:sirev: .*file/below"):
        sirev.track(smoke.of("sft").id, "mlflow", store=smoke.store)


def test_what_a_tracker_lost_at_the_end_is_sent_by_the_next_command(
    smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in(tmp_path, "trackio", monkeypatch)
    run = smoke.of("sft").id
    with monkeypatch.context() as broken:
        broken.setenv("PYTHONPATH", str(BROKEN_TRACKIO))
        with pytest.raises(StageFailed, match="trackio:mine: OSError: no space left on device"):
            sirev.track(run, "trackio:mine", store=smoke.store)
    assert sirev.track(run, "trackio:mine", store=smoke.store) > 0
    (found,) = read_back(tmp_path, "trackio", "mine").values()
    assert [step for step, _ in found.curve("train/M_1/loss")] == list(range(1, 9))
    assert [step for step, _ in found.curve("pass_at_1")] == [1, 2, 3]


@pytest.mark.slow
def test_a_page_that_is_not_taken_is_noted_and_all_else_arrives_once(
    smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in(tmp_path / "kept", "mlflow", monkeypatch)
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    MlflowClient().create_experiment("mine", artifact_location=f"file://{blocked}")
    run, heard = smoke.of("sft").id, Heard()
    assert sirev.track(run, "mlflow:mine", store=smoke.store, listener=heard) > 0
    (note,) = heard.notes
    assert note.startswith("mlflow:mine has no page: ")
    blocked.unlink()
    assert sirev.track(run, "mlflow:mine", store=smoke.store) == 0
    (found,) = read_back(tmp_path / "kept", "mlflow", "mine").values()
    assert [step for step, _ in found.curve("pass_at_1")] == [1, 2, 3]
    assert found.files == 1


def test_runs_are_ended_where_a_tracker_fails_half_way(smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in(tmp_path, "mlflow", monkeypatch)

    def no_end(self: RunSender, run: Run) -> bool:
        raise OSError("no page")

    monkeypatch.setattr(RunSender, "_send_page", no_end)
    with pytest.raises(StageFailed, match="no page"):
        sirev.track(smoke.of("sft").id, "mlflow:mine", store=smoke.store)
    client = MlflowClient()
    (found,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert found.info.status == "FINISHED"


def test_a_run_that_is_not_finished_is_refused(smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = store.runs.all()[0]
    run.status = "running"
    store.runs.save(run)
    with pytest.raises(BadInput, match=f"{run.id} is not finished; continue with: sirev iterate"):
        sirev.track(run.id, "mlflow", store=store)


def test_a_tracker_must_be_named(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIREV_TRACK", raising=False)
    with pytest.raises(BadInput, match="trackio, wandb, tensorboard, mlflow with --track, or in SIREV_TRACK"):
        sirev.track(smoke.of("sft").id, store=smoke.store)
