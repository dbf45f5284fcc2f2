from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

import sirev
from sirev.errors import BadInput, StageFailed
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner
from sirev.parameters import semantic
from sirev.stages.stage import Stage
from sirev.store.artifacts import Output
from sirev.store.runs import Run
from sirev.store.store import Store
from tests.conftest import BROKEN_TRL, Study, semantic_digests, tree


@pytest.mark.slow
def test_two_runs_from_empty_stores_are_equal_in_every_artifact(smoke: Study, tmp_path: Path) -> None:
    sirev.iterate("tiny_smoke", store=tmp_path / "again")
    digests = semantic_digests(Store(tmp_path / "again"))
    assert digests == semantic_digests(smoke.store)
    assert len(digests) > 150


def test_a_replay_computes_nothing_and_writes_nothing(smoke: Study) -> None:
    before = tree(smoke.store.path)
    results = sirev.iterate("tiny_smoke", store=smoke.store.path)
    assert [result.computed for result in results] == [(), (), ()]
    assert [result.iterations for result in results] == [result.iterations for result in smoke.results]
    assert tree(smoke.store.path) == before


def test_a_deleted_result_is_computed_again_and_equal_results_cut_off_what_follows(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    store.records.path(run.pins["train:2"].key, run.pins["train:2"].artifact).unlink()
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert result.computed == ("train:2",)  # it yields the same weights, so everything below it still hits


def test_a_damaged_artifact_is_never_used_and_mended_by_the_next_command(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    entry = store.artifact(run.pins["compare"].artifact).manifest["files"]["comparison.json"]
    path = store.objects.path(entry["sha256"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"0", b"1"))
    with pytest.raises(sirev.SirevError, match="damaged and has been removed"):
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert result.computed == ("compare",)
    assert result.iterations == smoke.of("sft").iterations


def test_redo_adds_a_realisation_and_the_old_run_keeps_its_own(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["train:2"], store=smoke_copy)
    assert result.computed == ("train:2",)
    assert result.id == f"{smoke.of('sft').id}-r2"
    assert store.runs.get(smoke.of("sft").id) == smoke.store.runs.get(smoke.of("sft").id)
    assert result.iterations == smoke.of("sft").iterations


@pytest.mark.slow
def test_a_run_pins_its_realisation_when_another_one_appears(smoke: Study, smoke_copy: Path) -> None:
    """A nondeterministic training: a second realisation of M_2, recorded later, changes no run that stands on the first."""
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    pin = run.pins["train:2"]
    record = store.records.get(pin.key, pin.artifact)
    other = store.artifact(run.pins["train:3"].artifact)  # stands in for other weights of the same training
    assert record is not None
    from sirev.store.records import Record

    store.records.add(Record(record.action, other.digest, {"recorded": "2000", "store": store.id}))  # seems the earliest
    assert len(store.records.realisations(pin.key)) == 2
    (replay,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert replay.computed == ()
    assert replay.iterations == smoke.of("sft").iterations
    (smoke_copy / "runs" / f"{run.id}.json").unlink()  # a new run takes the earliest one
    (fresh,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert "train:3" in fresh.computed
    made = store.runs.get(fresh.id)
    assert made is not None
    assert made.pins["train:2"].artifact == other.digest


def test_a_redone_sampling_draws_from_the_engine_again(smoke_copy: Path) -> None:
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["sample:1"], store=smoke_copy)
    assert {"sample/train:1", "sample/test:1", "sample/test/greedy:1"} <= set(result.computed)
    assert not {"sample/train:2", "grade/draws:1"} & set(result.computed)  # the same answers came out


def test_an_interrupted_redo_goes_on_where_it_was(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(BROKEN_TRL))
    with pytest.raises(StageFailed):  # the draws are redone, then the training fails
        sirev.iterate("tiny_smoke", methods=["sft"], redo=["sample:1", "train:2"], store=smoke_copy)
    monkeypatch.delenv("PYTHONPATH")
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], store=smoke_copy).values()
    assert {step for step, state in states.items() if state == "run"} == {"train:2"}
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["sample:1", "train:2"], store=smoke_copy)
    assert result.id.endswith("-r2")
    assert "train:2" in result.computed
    assert not [step for step in result.computed if step.startswith("sample/") and step.endswith(":1")]
    (again,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert (again.id, again.computed) == (result.id, ())


def test_a_redo_of_a_step_that_no_run_has_is_refused_and_makes_no_run(smoke: Study, smoke_copy: Path) -> None:
    for redo, there in (("source:2", "no t"), ("pretrain:3", "0"), ("compare:1", "no t")):
        with pytest.raises(BadInput, match=f"no such step.* t = {there}"):
            sirev.iterate("tiny_smoke", redo=[redo], store=smoke_copy)
    assert len(Store(smoke_copy).runs.ids()) == len(smoke.results)


def test_an_interruption_does_not_forget_what_a_finished_run_stood_on(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    store.records.path(run.pins["measure/greedy:1"].key, run.pins["measure/greedy:1"].artifact).unlink()
    train, record = run.pins["train:2"], store.objects.path(run.pins["train:2"].artifact)
    assert record.is_file()
    lost = store.records.path(run.pins["compare"].key, run.pins["compare"].artifact)
    lost.unlink()
    lost.parent.rmdir()
    lost.parent.write_text("in the way")  # so that the run fails at its last step
    with pytest.raises(StageFailed):
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    left = Store(smoke_copy).runs.get(run.id)
    assert left is not None
    assert left.status == "running"
    assert left.pins["train:2"] == train
    assert set(left.pins) == set(run.pins)


def test_what_nobody_foresaw_is_a_failed_stage_too(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("sirev.stages.grade.grade_light", fail)
    for path in (smoke_copy / "records").rglob("*.json"):
        if '"stage":"grade"' in path.read_text():
            path.unlink()
    with pytest.raises(StageFailed, match=r"stage grade.*ZeroDivisionError: nobody foresaw this; log: ") as caught:
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert "grade_light" in Path(str(caught.value).rpartition("log: ")[2]).read_text()


def test_a_stage_that_runs_out_of_memory_says_so_and_what_to_do(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("sirev.stages.grade.grade_light", fail)
    for path in (smoke_copy / "records").rglob("*.json"):
        if '"stage":"grade"' in path.read_text():
            path.unlink()
    with pytest.raises(StageFailed, match=r"failed: out of memory \(an answer may need more memory than there is\)$"):
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)


def test_lora_without_settings_of_its_own_is_lora(smoke_copy: Path) -> None:
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], overrides=["training.parameters=lora"], store=smoke_copy).values()
    assert states["train:1"] == "run"


@pytest.mark.slow
def test_a_strict_environment_takes_no_shard_of_another_one(smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    before = {record.key for record in store.records.all() if record.action["stage"] == "sample-shard"}
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["env=strict", "T=2"], store=smoke_copy)
    added = [r for r in store.records.all() if r.action["stage"] == "sample-shard" and r.key not in before]
    assert len(added) == 2 * (2 + 2 + 1 + 2)  # two models; train and test draws in two cells each, greedy, OOD greedy and drawn
    assert all("torch" in r.action["env"] for r in added)


def test_strict_environment_keys_the_versions(smoke_copy: Path) -> None:
    plan = sirev.plan("tiny_smoke", methods=["sft"], overrides=["env=strict"], store=smoke_copy)
    (states,) = plan.values()
    assert states["source/train"] == "run"
    (loose,) = sirev.plan("tiny_smoke", methods=["sft"], store=smoke_copy).values()
    assert set(loose.values()) == {"hit"}


@pytest.mark.slow
def test_a_failed_stage_names_itself_its_key_and_its_log_and_leaves_the_store_as_it_was(
    smoke: Study, smoke_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(tree(smoke_copy))
    overrides = ["training.sft.learning_rate=1e-3"]
    monkeypatch.setenv("PYTHONPATH", str(BROKEN_TRL))
    with pytest.raises(StageFailed) as caught:
        sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    line = str(caught.value)
    assert "step 2:train (stage train, key " in line
    assert "no more memory on this device" in line
    log = Path(line.rpartition("log: ")[2])
    assert "Traceback" in log.read_text()
    added = {name for name in set(tree(smoke_copy)) - before if not name.startswith(("logs/", "runs/"))}
    assert not added
    monkeypatch.delenv("PYTHONPATH")
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    assert "train:2" in result.computed


def test_a_store_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="store"):
        sirev.iterate("tiny_smoke", store=tmp_path / "file" / "store")


READER = """
import os, sys, sirev
import sirev.machine.doctor, sirev.execution.outlook, sirev.explain.recorded
sirev.plan("tiny_smoke", store="/nowhere")  # imports all there is to import, while it still may
for path in sys.argv[2:]:
    os.chmod(path, 0o555)
if os.geteuid() == 0:  # who may write everywhere
    os.setgid(65534)
    os.setuid(65534)
runs = sirev.iterate("tiny_smoke", store=sys.argv[1])
print(sum(len(run.computed) for run in runs), "computed")
try:
    sirev.iterate("tiny_smoke", overrides=["T=4"], store=sys.argv[1])
except sirev.BadInput as error:
    print(error)
"""


def test_a_read_only_store_replays_and_says_clearly_what_it_can_not_do(smoke_copy: Path, tmp_path: Path) -> None:
    folders = [path for path in smoke_copy.rglob("*") if path.is_dir()]
    above = [path for path in (smoke_copy, *smoke_copy.parents) if path.is_relative_to(tempfile.gettempdir())]
    command = [sys.executable, "-c", READER, smoke_copy, *folders, *above[:-1]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    for path in (*above[:-1], *folders):
        path.chmod(0o755)
    assert done.stdout.splitlines()[:1] == ["0 computed"], done.stderr
    assert "can't be written" in done.stdout.splitlines()[1], done.stderr
    assert str(smoke_copy) in done.stdout.splitlines()[1]


STARVED = """
import os, signal, torch

class SFTConfig:
    def __init__(self, **given):
        {ending}

DPOConfig = SFTTrainer = DPOTrainer = SFTConfig
"""


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 MiB.')", "OutOfMemoryError: CUDA out of"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "died (killed, perhaps for want of memory)"),
    ],
    ids=["on the GPU", "by the kernel"],
)
def test_a_training_without_memory_enough_names_the_settings_to_lower(
    smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, said: str
) -> None:
    (tmp_path / "trl.py").write_text(STARVED.format(ending=ending))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(StageFailed) as caught:
        sirev.iterate("tiny_smoke", methods=["sft"], overrides=["training.sft.learning_rate=1e-3"], store=smoke_copy)
    (line,) = str(caught.value).splitlines()
    assert "step 2:train (stage train, key " in line
    assert said in line
    for setting in ("micro_batch_size", "gradient_checkpointing", "precompute_reference"):
        assert f"training.memory.{setting}" in line
    assert line.index(said) < line.index("training.memory.") < line.index("log: ")


def test_a_training_that_fails_for_another_reason_says_nothing_of_memory(
    smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trl.py").write_text(STARVED.format(ending="raise ValueError('the loss is odd')"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(StageFailed, match="ValueError: the loss is odd; log: "):
        sirev.iterate("tiny_smoke", methods=["sft"], overrides=["training.sft.learning_rate=1e-3"], store=smoke_copy)


def test_a_run_of_hits_alone_is_not_saved_as_complete_if_a_collection_took_one_of_them(
    smoke: Study, smoke_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, finish = Store(smoke_copy), Runner.finish
    run_id = smoke.of("sft").id
    store.runs.remove(run_id)

    def collected(runner: Runner, status: Literal["complete", "stopped"], reason: str | None) -> None:
        pin = runner.run.pins["compare"]
        store.records.path(pin.key, pin.artifact).unlink()
        finish(runner, status, reason)

    monkeypatch.setattr(Runner, "finish", collected)
    with pytest.raises(StageFailed, match="deleted step compare meanwhile; run the same command again"):
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    monkeypatch.undo()
    left = store.runs.get(run_id)
    assert left is None or left.status != "complete"
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert result.computed == ("compare",)


@dataclass(frozen=True)
class _Parameters:
    number: int = semantic()


class _Noted(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, run: Run, text: str) -> None:
        self.notes.append(text)


@contextlib.contextmanager
def _no_lock(*_: object) -> Iterator[bool]:
    yield False


@pytest.mark.parametrize("results", [("1", "2"), ("1", "1")])
def test_a_step_that_two_compute_without_a_lock_is_noted_and_both_go_on_from_the_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: tuple[str, str]
) -> None:
    monkeypatch.setattr("sirev.store.store.key_lock", _no_lock)
    left = list(results)
    digests: list[str] = []

    def went(name: str, listener: Listener) -> None:
        crew = Crew("2026")
        runner = Runner(Store(tmp_path), Run(name, "chain", "sft", 0, 1, {"env": "any"}, "2026"), crew, listener)
        with crew.turn:
            digests.append(runner.step("train:1", stage, _Parameters(1), {}).digest)
        crew.close()

    def work(parameters: object, inputs: object, context: object) -> Output:
        number = left.pop()
        if left:  # another machine begins later, and is quicker
            went("other", quick)
        return Output(files={"number.json": number.encode()})

    stage = Stage("train", 1, _Parameters, work, place=0)
    quick, slow = _Noted(), _Noted()
    went("first", slow)
    assert quick.notes == []
    assert slow.notes == ["1:train was computed twice, here and elsewhere at the same time: no lock kept one of the two out"]
    assert len(set(digests)) == 1
    assert Store(tmp_path).artifact(digests[0]).json("number.json") == int(results[0])
    assert len(list(Store(tmp_path).records.names())) == len(set(results))
