from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sirev.api.sweep import GridSweep
from sirev.api.sweep_task import SentSweep, machine_facts
from sirev.errors import BadInput, StageFailed
from sirev.execution.segments import Segment
from sirev.recipe.grid import StudyGrid, read_grid
from sirev.store.sharing.remote import Remote
from sirev.store.store import Store


def sent(folder: Path, store: str = "store", remote: Path | None = None) -> SentSweep:
    grid = StudyGrid(folder / "grid.yaml", ("tiny_smoke",))
    return SentSweep(grid, str(folder / store), False, None if remote is None else str(remote), remote is not None, None)


def computed(swept: GridSweep, segment: Segment) -> None:
    sweep = SentSweep.of(swept)
    assert sweep.remote is not None
    Remote(sweep.remote).create()
    sweep.compute(segment, machine_facts(sweep))


def test_a_machine_that_differs_computes_nothing(smoke_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\nmethods: sft\nset: {evaluation.draws.n: 2}\n")
    swept = GridSweep(read_grid(tmp_path / "grid.yaml"), Store(smoke_copy))
    sweep, before = SentSweep.of(swept), set(swept.store.records.names())
    with pytest.raises(BadInput, match=r"node \S+ has sirev \S+, the machine that began the sweep 0.0.1"):
        sweep.compute(swept.segments[1], replace(machine_facts(sweep), sirev="0.0.1"))
    assert set(swept.store.records.names()) == before


def test_a_machine_that_sees_the_store_and_runs_the_same_lacks_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "store").create()
    sweep = sent(tmp_path)
    assert machine_facts(sweep).lacks(machine_facts(sweep), sweep) is None


@pytest.mark.parametrize("there", [True, False])
def test_a_machine_that_has_another_folder_there_does_not_see_the_store(there: bool, tmp_path: Path) -> None:
    Store(tmp_path / "store").create()
    if there:
        Store(tmp_path / "other").create()
    lacking = machine_facts(sent(tmp_path, "other")).lacks(machine_facts(sent(tmp_path)), sent(tmp_path))
    assert lacking == f"does not see the store {tmp_path / 'store'}; name a shared folder with --store"


def test_a_machine_with_another_python_is_told_by_both_versions(tmp_path: Path) -> None:
    ours = machine_facts(sent(tmp_path))
    lacking = replace(ours, python="3.10.1").lacks(ours, sent(tmp_path))
    assert lacking == f"has Python 3.10.1, the machine that began the sweep {ours.python}"


def test_a_machine_without_the_shared_store_is_told_so(tmp_path: Path) -> None:
    shared, file = tmp_path / "shared", tmp_path / "file"
    Remote(str(shared)).create()
    file.write_text("no folder")
    sweep = sent(tmp_path, "own", shared)
    ours = machine_facts(sweep, try_writing=True)
    assert ours.lacks(ours, sweep) is None
    assert [path.name for path in shared.iterdir()] == ["sirev-store.json"]  # what was tried is gone
    other = machine_facts(sent(tmp_path, "own", tmp_path / "other"), try_writing=True)
    assert other.lacks(ours, sweep) == f"does not see the store {shared}; name one that all machines see with --remote"
    assert not (tmp_path / "other").exists()
    why = machine_facts(sent(tmp_path, "file", shared), try_writing=True).lacks(ours, sweep)
    assert why is not None
    assert why.startswith(f"can't use {shared}: ")


def test_a_segment_whose_results_can_not_be_sent_has_failed(
    smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\nmethods: sft\nset: {evaluation.draws.n: 2}\n")
    swept = GridSweep(read_grid(tmp_path / "grid.yaml"), Store(smoke_copy), remote=str(shared), push=True)

    compute = GridSweep.compute

    def broken(self: GridSweep, segment: Segment) -> None:
        compute(self, segment)
        shutil.rmtree(shared)
        shared.write_text("a file")

    monkeypatch.setattr(GridSweep, "compute", broken)
    with pytest.raises(StageFailed, match="its results could not be sent to"):
        computed(swept, swept.segments[0])


def test_a_segment_that_its_machine_had_already_is_in_the_shared_store_too(smoke_copy: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\nmethods: sft\nset: {evaluation.draws.n: 2}\n")  # no run of these
    swept = GridSweep(read_grid(tmp_path / "grid.yaml"), Store(smoke_copy), remote=str(shared), push=True)
    segment = swept.segments[0]
    before = set(swept.store.records.names())
    computed(swept, segment)
    assert set(swept.store.records.names()) == before
    assert len(list(Store(shared).records.names())) == len(segment.places)
