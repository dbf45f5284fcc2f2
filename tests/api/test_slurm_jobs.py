from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sirev.api import slurm_jobs
from sirev.api.slurm_job import JobReport, report_file
from sirev.api.slurm_jobs import FOLDER, SweepJobs, cancel_jobs
from sirev.api.sweep import GridSweep
from sirev.errors import BadInput
from sirev.execution.segments import Segment
from sirev.execution.slurm import QueuedJob
from sirev.recipe.grid import read_grid
from sirev.store.store import Store
from tests.slurm_cluster import answering

ONE = Segment("1f", "1:train", lead="aa")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepJobs:
    monkeypatch.setenv(FOLDER, str(tmp_path / "jobs"))
    return SweepJobs(made_store(tmp_path))


def made_store(folder: Path) -> Store:
    store = Store(folder / "store")
    store.create()
    return store


def job(number: str, comment: str) -> QueuedJob:
    return QueuedJob(number, "PENDING", "", "Priority", comment)


def test_a_job_is_found_by_its_segment_and_not_by_its_training_alone(jobs: SweepJobs) -> None:
    own, changed, other = ONE, replace(ONE, id="2f"), Segment("3f", "2:train", lead="bb")
    there = [job("1", "somebody's"), *(job(one.id, jobs.comment(one)) for one in (changed, other, own))]
    assert {segment: one.id for segment, one in jobs.among(there).items()} == {"1f": "1f", "2f": "2f", "3f": "3f"}
    assert jobs.rivals(own, there) == ["2f"]
    assert jobs.rivals(Segment("run rest", "4:sample"), [*there, job("9", jobs.comment(Segment("x rest", "5:grade")))]) == []


def test_the_last_report_of_a_segment_is_that_of_its_last_job(jobs: SweepJobs) -> None:
    for number, state in (("9", "failed"), ("10", "done"), ("8", "failed")):
        JobReport(number, "failed" if state == "failed" else "done").write(report_file(jobs.folder, ONE.id, number))
    JobReport("7", "failed").write(report_file(jobs.folder, "my-run rest", "7"))
    (jobs.folder / "stray-x.json").write_text("{}")
    assert jobs.last_reports() == {ONE.id: JobReport("10", "done"), "my-run rest": JobReport("7", "failed")}


def test_nobody_else_can_put_anything_where_nodes_execute_pickles(jobs: SweepJobs) -> None:
    jobs.make_folder()
    assert jobs.folder.stat().st_mode & 0o777 == 0o700
    jobs.folder.chmod(0o770)
    with pytest.raises(BadInput, match=f"{jobs.folder} can be written by others; name another folder with {FOLDER}"):
        jobs.make_folder()


def test_without_a_home_folder_one_line_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(BadInput, match=f"no home folder.*{FOLDER}"):
        SweepJobs(made_store(tmp_path))


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_of_a_grid_its_own_jobs_alone_are_cancelled_and_those_that_stay_are_told(
    jobs: SweepJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grid.yaml").write_text("recipes: [tiny_smoke]\nmethods: [sft]\n")
    made = GridSweep(read_grid(tmp_path / "grid.yaml"), Store(tmp_path / "store"))
    (own, *_) = made.segments
    there = [job("1", jobs.comment(own)), job("2", jobs.comment(replace(own, id="2f"))), job("3", "another")]
    rows = "\n".join(f"echo '{one.id}|PENDING||Priority|{one.comment}'" for one in there)
    tools = dict.fromkeys(("sbatch", "sinfo", "srun"), "exit 0")
    answering(tmp_path, monkeypatch, squeue=rows, scancel=f"echo $* > {tmp_path}/asked", **tools)
    monkeypatch.setattr(slurm_jobs, "_CANCELLING", 0.1)
    jobs.make_folder()
    before = jobs.last_cancelled(made)
    assert cancel_jobs(made) == ({"1"}, {"1"})
    assert (tmp_path / "asked").read_text() == "1\n"
    assert jobs.last_cancelled(made) != before
