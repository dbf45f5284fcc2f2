from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sirev.api.slurm_jobs import FOLDER, SweepJobs
from sirev.api.sweep import GridSweep
from sirev.cli.sweep import command_for
from sirev.recipe.grid import read_grid
from sirev.store.store import Store
from tests.conftest import BROKEN_TRL, Command, Study
from tests.slurm_cluster import answering


@pytest.fixture
def grid(tmp_path: Path) -> str:
    file = tmp_path / "grid.yaml"
    file.write_text("recipes: [tiny_smoke]\n")
    return str(file)


def test_a_grid_that_the_store_has_all_of_is_replayed(command: Command, grid: str, smoke: Study, smoke_copy: Path) -> None:
    planned = command("sweep", grid, "--plan", "--store", smoke_copy)
    assert planned.stdout.splitlines()[0].startswith("grid.yaml: 3 runs, ")
    assert planned.stdout.splitlines()[1] == "Nothing is left to compute."
    status = command("sweep", grid, "--status", "--store", smoke_copy)
    assert "3 complete" in status.stdout
    assert "segments\n" in status.stdout
    before = sorted(Store(smoke_copy).records.names())
    swept = command("sweep", grid, "--store", smoke_copy)
    assert "3 runs complete" in swept.stderr
    assert sorted(Store(smoke_copy).records.names()) == before


@pytest.mark.slow
def test_a_grid_that_is_pushed_can_be_pulled_and_reported_elsewhere(
    command: Command, grid: str, smoke: Study, smoke_copy: Path, tmp_path: Path
) -> None:
    shared, other = tmp_path / "shared", tmp_path / "other"
    swept = command("sweep", grid, "--store", smoke_copy, "--remote", shared, "--push")
    assert swept.returncode == 0, swept.stderr
    assert command("store", "pull", shared, "--store", other).returncode == 0
    assert {run.id for run in Store(other).runs.all()} == {result.id for result in smoke.results}
    seen = command("sweep", grid, "--status", "--remote", shared, "--push", "--store", tmp_path / "third", "--format", "json")
    told = json.loads(seen.stdout)
    assert {run["cached"] - run["steps"] for run in told["runs"]} == {0}
    assert {segment["state"] for segment in told["segments"]} == {"done"}
    reported = command("report", "--store", other, "--format", "json")
    assert reported.returncode == 0
    assert reported.stdout == command("report", "--store", smoke_copy, "--format", "json").stdout


def test_the_plan_of_a_new_grid_says_how_long_it_takes(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text("recipes: [mistral_gsm8k]\nseeds: [0, 1]\n")
    told = command("sweep", file, "--plan", "--gpu", "h100", "--store", tmp_path / "store").stdout.splitlines()
    assert told[0].startswith("grid.yaml: 6 runs, ")
    headings = {line.split()[0]: line for line in told[1:]}
    assert {"Left", "Hours", "Takes", "Assumed"} <= headings.keys()
    assert "on H100" in headings["Hours"]
    assert all(f"on {gpus}" in headings["Takes"] for gpus in ("1 GPU", "8 GPUs", "64 GPUs"))
    assert not (tmp_path / "store").exists()
    data = json.loads(command("sweep", file, "--plan", "--gpu", "h100", "--store", tmp_path / "store", "--format", "json").stdout)
    on_gpu = sum(one["hours"] for one in data["segments"] if one["gpu"])
    assert on_gpu == pytest.approx(data["gpu_hours"])
    assert data["critical_path_hours"] <= data["hours_by_gpus"]["64"] <= data["hours_by_gpus"]["8"] <= data["hours_by_gpus"]["1"]
    assert sum(len(one["steps"]) for one in data["segments"]) == data["steps"] == data["steps_left"]


def test_the_status_of_runs_that_were_not_begun_is_waiting(command: Command, grid: str, tmp_path: Path) -> None:
    data = json.loads(command("sweep", grid, "--status", "--format", "json", "--store", tmp_path / "store").stdout)
    assert [(run["state"], run["cached"]) for run in data["runs"]] == [("waiting", 0)] * 3
    assert {segment["state"] for segment in data["segments"]} == {"waiting"}
    assert not (tmp_path / "store").exists()


def test_the_command_that_is_told_is_about_the_same_sweep(grid: str, tmp_path: Path) -> None:
    made = GridSweep(read_grid(Path(grid)), Store(tmp_path / "my store"), remote=f"{tmp_path}/shared", push=True)
    made.unsafe_code = True
    told = command_for(made, "--cancel")
    options = ["--store", f"{tmp_path}/my store", "--remote", f"{tmp_path}/shared", "--push", "--allow-unsafe-code"]
    assert shlex.split(told) == ["sirev", "sweep", grid, "--cancel", *options]


@pytest.mark.slow
def test_what_failed_is_a_table_with_the_log_of_each(command: Command, tmp_path: Path, smoke_copy: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text("recipes: tiny_smoke\nmethods: [sft, dpo]\nset: {training.sft.learning_rate: 1e-3}\n")
    done = command("sweep", file, "--on", "here", "--store", smoke_copy, PYTHONPATH=str(BROKEN_TRL))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "sirev: failed: 1 run of 2 not finished; the same command continues"
    title, _, heading, *_ = done.stdout.splitlines()
    assert (title, heading.split()) == ("failed segments", ["segment", "id", "runs", "why"])
    (row,) = [line for line in done.stdout.splitlines() if line.startswith(" 2:train")]
    assert "stage train" in row
    (log,) = [line.partition("): ")[2] for line in done.stdout.splitlines() if line.startswith("log of 2:train (")]
    assert "Traceback" in Path(log).read_text()


def test_the_status_says_that_slurm_does_not_answer(
    command: Command, grid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "jobs"))
    store = Store(tmp_path / "store")
    store.create()
    SweepJobs(store).make_folder()
    answering(tmp_path, monkeypatch, squeue="echo 'squeue: error: down' >&2; exit 1")
    asked = ("sweep", grid, "--status", "--store", store.path)
    assert "in Slurm's queue: squeue: down" in " ".join(command(*asked).stdout.split())
    assert json.loads(command(*asked, "--format", "json").stdout)["slurm"] == "squeue: down"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plan", "--gpu", "voodoo"), "--gpu voodoo: unknown"),
        (("--scratch", "/dev/null"), "--scratch /dev/null: expected a writable folder"),
        (("--on", "slrum"), "--on: unknown engine 'slrum'; did you mean 'slurm'"),
        (("--slurm", "partition=a100", "--at-most", "4"), "--slurm and --at-most: only with --on slurm"),
        (("--on", "slurm", "--slurm", "a100"), "--slurm a100: expected KEY=VALUE"),
        (("--push",), "--push: to which shared store? name it with --remote URL"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    command: Command, grid: str, options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    failed = command("sweep", grid, *options, "--store", tmp_path / "store")
    assert failed.returncode == 2
    assert said in failed.stderr
