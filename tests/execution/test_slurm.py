from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.execution.slurm import (
    QueuedJob,
    SlurmUnreachable,
    is_limit,
    is_unreachable,
    partition_has_gpus,
    queued_jobs,
    sbatch_options,
    slurm_line,
    without_gpus,
)
from tests.slurm_cluster import answering

AWAY = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


def test_options_are_read_as_sbatch_has_them() -> None:
    assert sbatch_options(["partition=a100,time=12:00:00", "exclusive=true"]) == {
        "partition": "a100",
        "time": "12:00:00",
        "exclusive": "true",
    }


def test_a_value_may_have_commas_and_a_key_dashes() -> None:
    assert sbatch_options(["nodelist=n1,n2,cpus-per-task=8", "gres=gpu:a100:1,license:2"]) == {
        "nodelist": "n1,n2",
        "cpus_per_task": "8",
        "gres": "gpu:a100:1,license:2",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("partition", "--slurm partition: expected KEY=VALUE"),
        ("partition=", "--slurm partition='': expected a value"),
        ("comment=mine", "--slurm comment: can't be set"),
        ("account=a\n#SBATCH --wrap=x", r"--slurm account='a\\n#SBATCH --wrap=x': expected a value"),
        ("a b=c", "'a b' is not an option of sbatch"),
        ("dependency=afterok:1", "--slurm dependency: can't be set: the sweep's own"),
        ("nodes=2", "--slurm nodes: can't be set: a segment is one process on one node"),
    ],
)
def test_what_is_no_option_of_a_sweep_is_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        sbatch_options([text])


def test_a_job_without_gpus_keeps_all_other_options() -> None:
    assert without_gpus({"gres": "gpu:1", "mem_per_gpu": "8G", "time": "60"}) == {"time": "60"}


@pytest.mark.parametrize(
    ("rows", "partition", "has"),
    [
        ("main*|gpu:a100:4(S:0-1)\\ncpus|(null)", None, True),
        ("main*|(null)\\ngpus|gpu:2", None, False),
        ("gpus|license:1,gpu:2", "gpus", True),
        ("", "missing", None),
    ],
)
def test_the_gpus_are_those_of_the_partition(
    rows: str, partition: str | None, has: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(tmp_path, monkeypatch, sinfo=f"printf '{rows}'")
    assert partition_has_gpus(partition) is has


def test_the_queue_is_read_whatever_comments_others_gave_their_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["7|RUNNING|n1|None|a|b", "8|PENDING||Priority|two", "lines|", ""]
    answering(tmp_path, monkeypatch, squeue="\n".join(f"echo '{row}'" for row in rows))
    assert queued_jobs() == [QueuedJob("7", "RUNNING", "n1", "None", "a|b"), QueuedJob("8", "PENDING", "", "Priority", "two")]


def test_a_controller_that_is_away_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(tmp_path, monkeypatch, squeue=f"echo '{AWAY}' >&2; exit 1")
    with pytest.raises(SlurmUnreachable) as told:
        queued_jobs()
    assert str(told.value) == f"squeue: {AWAY}"


@pytest.mark.parametrize(
    ("said", "limit", "away"),
    [
        ("AssocMaxSubmitJobLimit; Batch job submission failed: Job violates accounting/QOS policy", True, False),
        ("QOSMaxSubmitJobPerUserLimit", True, False),
        ("AssocGrpSubmitJobsLimit", True, False),
        ("AssocMaxWallDurationPerJobLimit; Batch job submission failed: Job violates accounting/QOS policy", False, False),
        (AWAY, False, True),
        ("Batch job submission failed: Socket timed out on send/recv operation", False, True),
        ("Batch job submission failed: Invalid partition name", False, False),
    ],
)
def test_what_goes_by_itself_is_told_from_what_is_refused_for_good(said: str, limit: bool, away: bool) -> None:
    assert (is_limit(said), is_unreachable(said)) == (limit, away)


def test_what_sbatch_says_is_one_line_without_its_name() -> None:
    said = (
        "sbatch: error: invalid partition specified: a100\nsbatch: error: Batch job submission failed: Invalid partition name\n"
    )
    assert slurm_line(said) == "invalid partition specified: a100; Batch job submission failed: Invalid partition name"
    assert slurm_line("sbatch: unrecognized option '--frob'\nTry \"sbatch --help\" for more information\n").count("Try") == 0
