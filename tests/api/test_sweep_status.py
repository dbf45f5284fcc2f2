from __future__ import annotations

from pathlib import Path

import pytest

from sirev.api.slurm_job import JobReport, report_file
from sirev.api.slurm_jobs import FOLDER, SweepJobs
from sirev.api.sweep import GridSweep
from sirev.api.sweep_status import sweep_status
from sirev.execution.segments import Segment
from sirev.recipe.grid import read_grid
from sirev.store.leases import Lease
from sirev.store.store import Store
from tests.slurm_cluster import answering


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GridSweep:
    monkeypatch.setenv(FOLDER, str(tmp_path / "jobs"))
    (tmp_path / "grid.yaml").write_text("recipes: [tiny_smoke]\nmethods: [sft]\n")
    made = GridSweep(read_grid(tmp_path / "grid.yaml"), Store(tmp_path / "store"))
    made.store.create()
    return made


def report_failure(made: GridSweep, segment: Segment) -> None:
    jobs = SweepJobs(made.store)
    jobs.make_folder()
    JobReport("7", "failed", "out of memory").write(report_file(jobs.folder, segment.id, "7"))


def states(made: GridSweep) -> list[str]:
    return [one.state for one in sweep_status(made).segments]


def test_a_segment_is_running_where_a_living_process_computes_its_run(swept: GridSweep) -> None:
    assert set(states(swept)) == {"waiting"}
    lease = Lease(swept.store.path)
    lease.hold(swept.runs)
    assert states(swept) == ["waiting" if one.parents else "running" for one in swept.segments]
    lease.end()
    assert set(states(swept)) == {"waiting"}


def test_a_failure_is_told_until_somebody_computes_the_segment_again(
    swept: GridSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(tmp_path, monkeypatch, squeue="exit 0")
    report_failure(swept, swept.segments[0])
    (failed,) = [one for one in sweep_status(swept).segments if one.state == "failed"]
    assert (failed.segment, failed.job) == (swept.segments[0], "7")
    assert failed.note == "out of memory"
    assert failed.log == SweepJobs(swept.store).log("7")
    lease = Lease(swept.store.path)
    lease.hold(swept.segments[0].runs)
    assert states(swept)[0] == "running"
    lease.end()


def test_it_is_told_that_slurm_does_not_answer(swept: GridSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(tmp_path, monkeypatch, squeue="echo 'squeue: error: down' >&2; exit 1")
    assert sweep_status(swept).trouble == ""  # no job was ever submitted
    report_failure(swept, swept.segments[0])
    found = sweep_status(swept)
    assert found.trouble == "squeue: down"
    assert [one.state for one in found.segments].count("failed") == 1
