from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sirev.api.slurm_job import JobReport, ending, report_file
from tests.slurm_cluster import write_script


def ended(
    folder: Path,
    status: int,
    retries: int,
    *,
    restarts: int = 0,
    squeue: str = "echo RUNNING",
    scontrol: str = 'echo "$@" > asked',
) -> str:
    """What a batch script's end asks of Slurm, after a process with this status."""
    for name, script in (("squeue", squeue), ("scontrol", scontrol), ("sleep", "exit 0")):
        write_script(folder / name, script)
    script = "\n".join([f"(exit {status})", *ending(folder, "my segment", retries)])
    environment = {"PATH": f"{folder}:/bin:/usr/bin", "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": str(restarts)}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment)
    assert done.returncode == status
    return (folder / "asked").read_text().strip() if (folder / "asked").exists() else ""


def failing(times: int, then: str) -> str:
    """A script that fails so often before it does something else."""
    return f'echo >> tried; if [ "$(wc -l < tried)" -le {times} ]; then exit 1; fi; {then}'


def reported(folder: Path) -> JobReport | None:
    return JobReport.read(report_file(folder, "my segment", "7"))


def test_a_process_that_died_is_queued_again(tmp_path: Path) -> None:
    JobReport("7", "running").write(report_file(tmp_path, "my segment", "7"))
    assert ended(tmp_path, 137, retries=3) == "requeue 7"
    assert ended(tmp_path, 137, retries=3, restarts=2) == "requeue 7"


def test_slurm_is_asked_again_where_it_does_not_answer(tmp_path: Path) -> None:
    again = 'echo "$@" > asked'
    assert ended(tmp_path, 137, retries=3, squeue=failing(3, "echo RUNNING")) == "requeue 7"
    (tmp_path / "asked").unlink()
    (tmp_path / "tried").unlink()
    assert ended(tmp_path, 137, retries=3, scontrol=failing(3, again)) == "requeue 7"
    assert reported(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "said"), [("squeue", "and Slurm did not say whether to continue"), ("scontrol", "and Slurm did not queue it again")]
)
def test_what_slurm_never_answers_is_reported(name: str, said: str, tmp_path: Path) -> None:
    ended(tmp_path, 137, retries=3, **{name: "exit 1"})
    assert reported(tmp_path) == JobReport("7", "failed", f"its process died with status 137, {said}")


def test_a_process_that_died_as_often_as_it_may_is_reported_as_failed(tmp_path: Path) -> None:
    assert ended(tmp_path, 137, retries=3, restarts=3) == ""
    assert reported(tmp_path) == JobReport("7", "failed", "its process died with status 137, begun 4 times")


@pytest.mark.parametrize(("status", "state"), [(0, "RUNNING"), (143, "COMPLETING"), (143, "")])
def test_what_ended_well_or_is_cancelled_is_left_alone(status: int, state: str, tmp_path: Path) -> None:
    assert ended(tmp_path, status, retries=3, squeue=f"echo {state}") == ""
    assert reported(tmp_path) is None


def test_a_segment_that_failed_with_a_word_is_not_tried_again(tmp_path: Path) -> None:
    report = JobReport("7", "failed", "out of memory")
    report.write(report_file(tmp_path, "my segment", "7"))
    assert ended(tmp_path, 1, retries=3) == ""
    assert reported(tmp_path) == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"job": "7"', '{"job": "7", "state": "done"}'])
def test_what_is_no_report_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(text)
    assert JobReport.read(tmp_path / "report.json") is None
