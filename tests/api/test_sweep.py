from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

import sirev
from sirev.api.sweep import GridSweep, run, sweep, usual_engine
from sirev.errors import BadInput, StageFailed
from sirev.execution.failures import FailedSegment
from sirev.execution.listener import Listener, State
from sirev.execution.segments import Segment
from sirev.recipe.grid import read_grid
from sirev.store.artifacts import Output
from sirev.store.runs import Pin, Run
from sirev.store.sharing.backend import RemoteFailed
from sirev.store.sharing.folder import Folder
from sirev.store.sharing.remote import Remote
from sirev.store.store import Store
from tests.conftest import Study, semantic_digests
from tests.listeners import Heard


class Computed(Listener):
    """Counts the steps that are computed."""

    def __init__(self) -> None:
        self.steps: Counter[tuple[str, str]] = Counter()

    def step(self, run: Run, name: str, state: State) -> None:
        if state == "done":
            self.steps[run.method, name] += 1


def grid(folder: Path, text: str) -> Path:
    file = folder / "grid.yaml"
    file.write_text(text)
    return file


GRID = "recipes: tiny_smoke\nmethods: [sft, dpo]\nseeds: [3]\nset: {evaluation.draws.n: 2, sampling.n: 4}\n"


@pytest.mark.slow
def test_a_swept_grid_is_what_iterate_makes_of_it_each_step_computed_once(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(smoke.store.path, tmp_path / "whole")
    heard = Computed()
    results = sweep(grid(tmp_path, GRID), store=smoke_copy, listener=heard)
    expected = sirev.iterate(
        "tiny_smoke", methods=["sft", "dpo"], seeds=[3], overrides={"evaluation.draws.n": 2, "sampling.n": 4}, store=whole
    )
    assert semantic_digests(Store(smoke_copy)) == semantic_digests(Store(whole))
    assert [(one.id, one.iterations) for one in results] == [(one.id, one.iterations) for one in expected]
    made = Store(smoke_copy).records.names()
    assert heard.steps.total() == len(heard.steps)
    assert sum(name == "train:1" for _, name in heard.steps) == 1
    assert len(set(made)) == len(list(Store(whole).records.names()))


def test_the_control_run_of_a_method_that_is_left_out_is_left_out(tmp_path: Path) -> None:
    text = "recipes: tiny_smoke\nmethods: [sft, dpo]\nnulls: [gold]\nexcept: [{method: dpo}]\n"
    made = GridSweep(read_grid(grid(tmp_path, text)), Store(tmp_path / "store"))
    assert sorted(one.run.method for one in made.runs.values()) == ["null-gold-sft", "sft"]


@pytest.mark.slow
def test_a_run_that_ends_early_has_all_that_iterate_gives_it(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    settings = {"T": 3, "evaluation.draws.n": 2, "sampling.n": 1, "schedule": ["sft", "dpo"]}
    whole = shutil.copytree(smoke.store.path, tmp_path / "whole")
    (expected,) = sirev.iterate("tiny_smoke", methods=["sft-dpo"], seeds=[3], overrides=settings, store=whole)
    assert expected.stopped  # of one draw per problem there is no pair
    values = {key: [value] for key, value in settings.items()}
    (result,) = sweep(grid(tmp_path, f"recipes: tiny_smoke\nmethods: sft-dpo\nseeds: 3\nset: {values}\n"), store=smoke_copy)
    assert result.stopped == expected.stopped
    assert semantic_digests(Store(smoke_copy)) == semantic_digests(Store(whole))
    assert GridSweep(read_grid(tmp_path / "grid.yaml"), Store(smoke_copy)).unfinished() == []


def test_options_of_one_engine_are_refused_for_another(tmp_path: Path) -> None:
    file = grid(tmp_path, "recipes: tiny_smoke\n")
    with pytest.raises(BadInput, match="slurm and at_most: only read with on='slurm', not with on='here'"):
        sweep(file, on="here", at_most=2, store=tmp_path / "store")
    with pytest.raises(BadInput, match="at_most=0"):
        sweep(file, on="slurm", at_most=0, store=tmp_path / "store")


def test_a_failed_segment_takes_its_followers_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def failing(self: GridSweep, segment: Segment, listener: Listener | None = None) -> None:
        begun.append(segment.leader)
        if segment.leader == "2:train" and any("dpo" in run for run in segment.runs):
            raise StageFailed("out of memory")

    monkeypatch.setattr(GridSweep, "compute", failing)
    with pytest.raises(StageFailed, match=r"out of memory\n2 runs of 3 not finished"):
        sweep(grid(tmp_path, "recipes: tiny_smoke\nseeds: 5\n"), store=tmp_path / "store")
    assert begun.count("2:train") == 2
    assert begun.count("3:train") == 1


@pytest.mark.slow
def test_a_machine_that_can_not_compute_the_grid_is_told_so_before_anything_is(tmp_path: Path) -> None:
    begun: list[str] = []

    class Begun(Listener):
        def step(self, run: Run, name: str, state: State) -> None:
            begun.append(name)

    text = "recipes: [tiny_smoke, mistral_gsm8k, llama3_gsm8k]\n"
    with pytest.raises(BadInput) as told:
        sweep(grid(tmp_path, text), on="here", store=tmp_path / "store", listener=Begun())
    lines = str(told.value).splitlines()
    assert len(lines) == len(set(lines))
    assert all(any(name in line for line in lines) for name in ("Mistral-7B", "Llama-3"))
    assert begun == []
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("gpus", "engine"), [("0", "here"), ("0,1", "ray"), ("", "here")])
def test_several_gpus_are_used_where_ray_is(gpus: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    monkeypatch.setattr("sirev.api.sweep.find_spec", lambda name: name)
    assert usual_engine() == engine
    monkeypatch.setattr("sirev.api.sweep.find_spec", lambda name: None)
    assert usual_engine() == "here"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipes: tinny_smoke", "unknown recipe 'tinny_smoke'; did you mean"),
        ("recipes: tiny_smoke\nset: {training.dpo.betta: [0.1]}", "no field 'betta'"),
        ("recipes: tiny_smoke\nexcept: [{method: [sft, dpo, sft-dpo]}]", "no run is left"),
        ("recipes: tiny_smoke\nmethods: sfd", "unknown method 'sfd'"),
    ],
)
def test_what_can_not_be_run_is_said_in_a_line_and_leaves_no_store(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        sweep(grid(tmp_path, text), store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


SHARED_GRID = (
    "recipes: tiny_smoke\nmethods: sft\nset: {evaluation.draws.n: 2}\n"  # runs that the smoke study has not, of steps it has
)


def _another_model(smoke: Study, path: Path) -> tuple[str, str]:
    """Make a store whose only result is another model for the smoke study's M_1: the key, and the model's digest."""
    run = smoke.run("sft")
    first, second = run.pins["train:1"], smoke.artifact("sft", "train:2")
    record = smoke.store.records.get(first.key, first.artifact)
    assert record is not None
    files = {name: second.path(name).read_bytes() for name in second.manifest["files"]}
    other = Store(path).publish(record.action, Output(files=files))
    assert other.digest != first.artifact
    return first.key, other.digest


def test_what_the_shared_store_has_comes_before_another_result_of_this_machine(
    smoke: Study, smoke_copy: Path, tmp_path: Path
) -> None:
    key, model = _another_model(smoke, tmp_path / "shared")
    made = GridSweep(read_grid(grid(tmp_path, SHARED_GRID)), Store(smoke_copy), remote=str(tmp_path / "shared"), push=True)
    made.catch_up()
    (name,) = made.runs
    assert made.pins[name, "train:1"] == Pin(key, model)
    assert (name, "sample/train:2") not in made.pins  # that of this machine's M_1 is no answer of it


@pytest.mark.parametrize("push", [False, True])
def test_a_segment_that_lacks_what_it_reads_has_failed(push: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.api.sweep.UNSEEN_SECONDS", 0.0)
    shared = str(tmp_path / "shared")
    Remote(shared).create()
    place = {"remote": shared, "push": True} if push else {}
    made = GridSweep(read_grid(grid(tmp_path, SHARED_GRID)), Store(tmp_path / "store"), **place)
    segment = next(one for one in made.segments if one.leader == "2:train")
    with pytest.raises(StageFailed, match=rf"2:train can't be computed: .*{'shared' if push else 'store'} lacks its inputs"):
        made.compute(segment)


def test_other_machines_need_a_shared_store_that_answers(
    smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(folder: Folder) -> None:
        raise RemoteFailed("no answer")

    monkeypatch.setattr(Folder, "answer", silent)
    remote = str(tmp_path / "shared")
    made = GridSweep(read_grid(grid(tmp_path, SHARED_GRID)), Store(smoke_copy), remote=remote, push=True)
    heard = Heard()
    with pytest.raises(RemoteFailed, match="no answer"):
        run(made, "ray", 0, heard)
    assert heard.warnings == []
    assert not made.answering(heard)
    (warning,) = heard.warnings
    assert warning.startswith("no answer; this command computes without it")


def test_what_this_machine_has_is_sent_before_others_go_on_from_it(
    smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    made = GridSweep(read_grid(grid(tmp_path, SHARED_GRID)), Store(smoke_copy), remote=str(shared), push=True)
    there: list[int] = []

    def elsewhere(*_: object) -> dict[str, FailedSegment]:
        there.append(len(list(Store(shared).records.names())))
        return {segment.id: FailedSegment(segment, "not today") for segment in made.segments}

    monkeypatch.setattr("sirev.api.sweep._computed", elsewhere)
    with pytest.raises(StageFailed, match="not today"):
        run(made, "ray", 0, Listener())
    assert there == [len(set(made.pins.values()))]
