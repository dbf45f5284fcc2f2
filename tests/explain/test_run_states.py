from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.cli.store import retention
from sirev.errors import BadInput, StageFailed
from sirev.execution.children import Crew
from sirev.explain.run_list import ListedRun, listed_runs
from sirev.explain.run_states import LONGEST_REASON, RunState, States, failure_noted
from sirev.stages import grade
from sirev.store.leases import Lease
from sirev.store.runs import Run
from sirev.store.store import Store
from tests.store.test_golden import GOLDEN, RUN


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    found.create()
    return found


def add(store: Store, run_id: str = "tiny-sft-s0-aaaa", **more: Any) -> Run:
    run = Run(
        **{
            "id": run_id,
            "recipe": "tiny",
            "method": "sft",
            "seed": 0,
            "realisation": 1,
            "settings": {},
            "invocation": "2026-01-01",
        }
        | more
    )
    store.runs.save(run)
    return run


def state_of(store: Store, run_id: str) -> RunState:
    run = store.runs.get(run_id)
    assert run is not None
    return States(store).of(run)


def listed(store: Store) -> dict[str, ListedRun]:
    return {one.run: one for one in listed_runs(store, store.runs.all())}


def fail(store: Store, run: Run, error: BaseException, crew: Crew | None = None) -> None:
    with pytest.raises(type(error)), failure_noted(store, run, crew or Crew("now")):
        raise error


def test_a_run_is_running_while_the_process_that_computes_it_lives(store: Store) -> None:
    run = add(store)
    assert state_of(store, run.id) == "interrupted"
    program = """
        import sys, time
        from sirev.store.store import Store
        store = Store(sys.argv[1])
        with store.leasing(sys.argv[2:]):
            store.hold([])
            print("held", flush=True)
            time.sleep(600)
    """
    holder = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), store.path, run.id], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert state_of(store, run.id) == "running"
    holder.kill()
    holder.communicate()
    assert state_of(store, run.id) == "interrupted"


def test_what_ended_stays_ended(store: Store) -> None:
    assert state_of(store, add(store, "done", status="complete").id) == "complete"
    assert state_of(store, add(store, "ended", status="stopped", reason="too few pairs").id) == "stopped"


def test_a_failure_is_kept_with_its_reason_until_the_run_goes_on(store: Store) -> None:
    run = add(store)
    fail(store, run, StageFailed(f"{run.id}: step 2:train failed: out of memory; log: x\nand more"))
    (found,) = listed(store).values()
    assert (found.state, found.reason) == ("failed", "step 2:train failed: out of memory; log: x")
    with store.leasing([run.id]):
        store.hold([])
        assert state_of(store, run.id) == "running"
    fail(store, run, OSError(28, "No space left on device", "/tmp/x"))
    assert listed(store)[run.id].reason == "No space left on device: /tmp/x"
    fail(store, run, ValueError("?" * 2 * LONGEST_REASON))
    assert len(str(listed(store)[run.id].reason)) == LONGEST_REASON


def test_an_interruption_is_no_failure(store: Store) -> None:
    run, crew = add(store), Crew("now")
    crew.stopping.set()
    fail(store, run, StageFailed("stopped before step train:2"), crew)
    fail(store, run, KeyboardInterrupt())
    assert state_of(store, run.id) == "interrupted"


def test_a_run_that_is_complete_or_has_no_file_is_left_as_it_is(store: Store) -> None:
    done = add(store, status="complete")
    fail(store, done, BadInput("no"))
    fail(store, Run("other", "tiny", "sft", 0, 1, {}, invocation=""), BadInput("no"))
    assert [(one.run, one.state, one.reason) for one in listed(store).values()] == [(done.id, "complete", None)]


def test_an_unfinished_run_of_an_old_store_is_interrupted(tmp_path: Path) -> None:
    store = Store(shutil.copytree(GOLDEN / "store", tmp_path / "golden"))
    run = store.runs.get(RUN)
    assert run is not None
    assert state_of(store, RUN) == "complete"
    run.status = "running"
    store.runs.save(run)
    assert state_of(store, RUN) == "interrupted"


def test_what_was_set_tells_runs_apart(store: Store) -> None:
    own = sirev.load_recipe("tiny").settings()
    add(store, "a", settings=own)
    add(store, "b", settings={**own, "T": 2, "training": {**own["training"], "dtype": "float32"}})
    other = {**own["model"], "name": "some/model", "pretrain": None, "architecture": None}
    add(store, "c", settings={**own, "model": other, "description": "else"})
    found = listed(store)
    assert [(found[name].model, found[name].T, found[name].set) for name in "abc"] == [
        ("trained here", 5, {}),
        ("trained here", 2, {"T": 2, "training.dtype": "float32"}),
        ("some/model", 5, {}),
    ]


def test_runs_of_a_recipe_of_ones_own_are_told_from_its_first(store: Store) -> None:
    settings = {"T": 3, "training": {"lora": {"r": 8}, "epochs": 1}}
    for day, more in enumerate(({}, {"T": 4}, {"training": {"lora": None, "epochs": 1}}), 1):
        add(store, f"mine-{day}", recipe="mine", settings={**settings, **more}, invocation=f"2026-01-0{day}")
    assert [one.set for one in listed(store).values()] == [{}, {"T": 4}, {"training.lora": None}]


def test_an_iterate_that_fails_is_a_failed_run_with_the_stage_in_its_reason(
    smoke_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(grade, "STAGE", replace(grade.STAGE, run=broken))
    with pytest.raises(StageFailed):
        sirev.iterate("tiny_smoke", methods=["sft"], redo=["select:3", "grade:3"], store=smoke_copy)
    (found,) = [one for one in listed(Store(smoke_copy)).values() if one.state != "complete"]
    assert found.state == "failed"
    assert "failed: RuntimeError: no such luck" in str(found.reason)
    monkeypatch.undo()
    (again,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["select:3", "grade:3"], store=smoke_copy)
    assert again.id == found.run
    assert listed(Store(smoke_copy))[again.id].state == "complete"
    assert listed(Store(smoke_copy))[again.id].reason is None


def test_a_lease_without_names_leaves_open_what_is_being_computed(store: Store) -> None:
    run = add(store)
    lease = Lease(store.path)
    lease.hold(["some-other-run"])
    assert States(store).certain
    assert state_of(store, run.id) == "interrupted"
    (file,) = (store.path / "leases").glob("*-*")
    os.truncate(file, 0)
    assert not States(store).certain
    with pytest.raises(BadInput, match=f"can't tell whether {run.id} is being computed"):
        retention.rm([run.id], store.path)
    lease.end()
    retention.rm([run.id], store.path)
    assert store.runs.ids() == []
