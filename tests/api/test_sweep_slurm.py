"""Sweeps on a real Slurm on this machine."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

import sirev
from sirev.api import sweep_slurm, sweep_task
from sirev.api.iterate import RunResult
from sirev.api.slurm_jobs import SweepJobs
from sirev.api.slurm_submission import Submission
from sirev.api.sweep import GridSweep, run
from sirev.api.sweep_status import sweep_status
from sirev.cli.sweep import command_for
from sirev.errors import BadInput, StageFailed
from sirev.execution.listener import Listener
from sirev.execution.segments import Segment
from sirev.execution.slurm import SlurmSettings
from sirev.recipe.grid import read_grid
from sirev.shipped import checkout
from sirev.store.store import Store
from tests.conftest import SIREV, Study, eventually, semantic_digests
from tests.slurm_cluster import cancel_all, in_queue, slurm_cluster, told, write_script

SETTINGS = {"T": 2, "evaluation.draws.n": 2, "sampling.n": 4}
ONE = f"recipes: tiny_smoke\nmethods: [sft]\nseeds: [3]\nset: {SETTINGS}\n"
MANY = f"recipes: tiny_smoke\nmethods: [sft, dpo, sft-dpo]\nseeds: [3, 4]\nnulls: retrain\nset: {SETTINGS}\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    pytest.importorskip("submitit", reason="submitit is not installed: it is the extra slurm")
    with slurm_cluster() as folder:
        yield folder


@pytest.fixture
def slurm(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cluster with an empty queue, and a sweep that asks it often."""
    monkeypatch.setattr(sweep_slurm, "_QUICKEST", 0.2)
    monkeypatch.setattr(sweep_slurm, "_SLOWEST", 0.2)
    yield cluster
    resume()
    cancel_all()


def made(folder: Path, store: Path, text: str = ONE) -> GridSweep:
    file = folder / "grid.yaml"
    file.write_text(text)
    return GridSweep(read_grid(file), Store(store))


class Told(dict[str, list[str]]):
    """Segment -> the states that were told of it; and the nodes that segments were told to run on."""

    def __init__(self) -> None:
        self.nodes: set[str] = set()

    def __call__(self, segment: Segment, state: str, why: str) -> None:
        self.setdefault(segment.id, []).append(state)
        if state == "running":
            self.nodes.add(why)


def worker(job: str) -> int | None:
    """The process of a job that computes its segment, once it has a child that trains or samples; None before."""
    commands = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            commands[int(path.name)] = (
                (path / "cmdline").read_bytes(),
                int((path / "stat").read_text().rpartition(")")[2].split()[1]),
            )
    for pid, (command, _) in commands.items():
        with contextlib.suppress(OSError):
            mine = b"submitit.core._submit" in command and f"SLURM_JOB_ID={job}\0" in Path(f"/proc/{pid}/environ").read_text()
            if mine and any(parent == pid and b"sirev.processes.child" in other for other, parent in commands.values()):
                return pid
    return None


class Disturbance(threading.Thread):
    """Does something to the first job that computes a segment with this leader, of a run with such a word in its id."""

    def __init__(self, swept: GridSweep, what: Callable[[str, int], object], leader: str = "1:train", word: str = "sft") -> None:
        super().__init__(daemon=True)
        self.jobs, self.what = SweepJobs(swept.store), what
        self.of = {one.id for one in swept.segments if one.leader == leader and any(word in run for run in one.runs)}
        self.job: str | None = None
        self.start()

    def run(self) -> None:
        assert eventually(self._done, 900)

    def _done(self) -> bool:
        for segment, job in self.jobs.queued().items():
            if segment in self.of and (pid := worker(job.id)) is not None:
                time.sleep(random.random())
                self.what(job.id, pid)
                self.job = job.id
                return True
        return False

    def starts(self) -> int:
        """How often the job was begun."""
        self.join()
        assert self.job is not None
        return self.jobs.log(self.job).with_suffix(".out").read_text().count("Loading pickle")


@dataclass(frozen=True)
class Serial:
    """What the runs of MANY are where nothing computes side by side, and the store that they are in."""

    results: list[RunResult]
    store: Store

    def digests(self, *words: str) -> dict[str, str]:
        """Those of the smoke study, and of the runs with one of these words in their ids."""
        new = {one.id for one in self.results if not any(word in one.id for word in words)}
        return {step: digest for step, digest in semantic_digests(self.store).items() if step.split()[0] not in new}


@pytest.fixture(scope="module")
def serial(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> Serial:
    store = Store(shutil.copytree(smoke.store.path, tmp_path_factory.mktemp("serial") / "store"))
    methods = ["sft", "dpo", "sft-dpo"]
    results = sirev.iterate("tiny_smoke", methods=methods, seeds=[3, 4], nulls=["retrain"], overrides=SETTINGS, store=store)
    return Serial(results, store)


@pytest.mark.slow
def test_a_job_that_is_killed_is_queued_again_and_what_slurm_computes_is_what_iterate_does(
    slurm: Path, serial: Serial, smoke_copy: Path, tmp_path: Path
) -> None:
    swept = made(tmp_path, smoke_copy, MANY)
    todo = swept.unfinished()
    killed = Disturbance(swept, lambda job, pid: os.kill(pid, signal.SIGKILL))
    heard = Told()
    results = run(swept, "slurm", 3, Listener(), heard, slurm=SlurmSettings(at_most=2))
    assert killed.starts() == 2
    assert heard.nodes == {"here"}
    assert {segment for segment, states in heard.items() if states[-1] == "done"} == {one.id for one in todo}
    assert [one.leader for one in todo].count("1:train") == 2  # one per seed
    assert semantic_digests(Store(smoke_copy)) == semantic_digests(serial.store)
    assert {one.id: one.iterations for one in results} == {one.id: one.iterations for one in serial.results}
    assert len(list(Store(smoke_copy).records.names())) == len(list(serial.store.records.names()))  # no realisation twice


@pytest.mark.slow
def test_a_preempted_job_is_queued_again_and_goes_on(slurm: Path, serial: Serial, smoke_copy: Path, tmp_path: Path) -> None:
    swept = made(tmp_path, smoke_copy, ONE.replace("[3]", "[3, 4]"))
    preempted = [
        Disturbance(swept, lambda job, pid: told("scontrol", "requeue", job), "1:train", "-s3-"),
        Disturbance(swept, lambda job, pid: told("scancel", "--signal=TERM", job), "1:train", "-s4-"),
        Disturbance(swept, lambda job, pid: told("scancel", "--signal=USR2", job), "2:train", "-s3-"),
    ]
    run(swept, "slurm", 3, Listener())
    assert [one.starts() for one in preempted] == [2, 2, 2]
    assert semantic_digests(Store(smoke_copy)) == serial.digests("-sft-s3-", "-sft-s4-")


@pytest.mark.slow
def test_a_failed_segment_takes_its_followers_out_of_the_queue_and_nobody_else(
    slurm: Path, smoke_copy: Path, tmp_path: Path
) -> None:
    needy = tmp_path / "needy.yaml"
    folder = checkout()
    assert folder is not None
    needy.write_text(f"{(folder / 'recipes' / 'tiny_smoke.yaml').read_text()}\ngpu: required\n")
    text = ONE.replace("tiny_smoke", f"[tiny_smoke, {needy}]").replace("[3]", "[3, 4]")
    swept = made(tmp_path, smoke_copy, f"{text}except: [{{recipe: tiny_smoke, seed: 4}}, {{recipe: {needy}, seed: 3}}]\n")
    heard = Told()
    with pytest.raises(StageFailed) as failed:
        run(swept, "slurm", 3, Listener(), heard)
    (line, left) = str(failed.value).splitlines()
    assert line.startswith("1:train (")
    assert "GPU" in line
    assert left.startswith("1 run of 2 not finished")
    assert sorted(states[-1] for states in heard.values()) == ["done", "done", "failed", "left"]
    assert in_queue() == []
    (log,) = re.findall(r"; log: (.*)", line)
    assert "GPU" in Path(log).read_text()
    (status,) = [one for one in sweep_status(swept).segments if one.state == "failed"]
    assert status.note in line


@pytest.mark.slow
def test_a_job_that_dies_each_time_is_not_begun_for_ever(slurm: Path, smoke_copy: Path, tmp_path: Path) -> None:
    swept = made(tmp_path, smoke_copy)
    killed = Disturbance(swept, lambda job, pid: os.kill(pid, signal.SIGKILL))
    with pytest.raises(StageFailed, match=r"1:train \(\w+\): its process died with status 137, begun 1 times"):
        run(swept, "slurm", 0, Listener())
    assert killed.starts() == 1


@pytest.fixture
def drained(slurm: Path) -> None:
    """Have jobs stay in the queue."""
    told("scontrol", "update", "nodename=here", "state=drain", "reason=test")


def resume() -> None:
    """Have the jobs in the queue begin."""
    told("scontrol", "update", "nodename=here", "state=resume")


def command(swept: GridSweep, *options: str) -> list[str]:
    return [SIREV, "sweep", str(swept.grid.path), *options, "--store", str(swept.store.path)]


def waiting_command(swept: GridSweep, *options: str) -> subprocess.Popen[str]:
    """A command that has submitted all of a sweep's jobs and waits for them."""
    waiting = subprocess.Popen(command(swept, "--on", "slurm", *options), stderr=subprocess.PIPE, text=True)
    try:
        assert eventually(lambda: len(in_queue()) == len(swept.unfinished()))
    except BaseException:
        waiting.kill()
        waiting.communicate()
        raise
    return waiting


def asked(swept: GridSweep, option: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(swept, option), capture_output=True, text=True)


def submitted(swept: GridSweep, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs in the queue once somebody has submitted those of a sweep, and has not waited for them."""
    with monkeypatch.context() as patched:
        # Where it waits, not time.sleep: subprocess sleeps too, while a command of Slurm's ends.
        patched.setattr(sweep_slurm._Computation, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(swept, "slurm", 3, Listener())
    return sorted(in_queue())


def test_jobs_outlive_their_command_are_found_again_and_can_be_cancelled(
    drained: None, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = made(tmp_path, smoke_copy)
    waiting = waiting_command(swept, "--at-most", "1")
    jobs = sorted(in_queue())
    waiting.send_signal(signal.SIGINT)
    said = waiting.communicate()[1]
    assert "the jobs stay in Slurm's queue" in said
    assert f"{command_for(swept, '--cancel')}\n" in said
    assert waiting.returncode == 130
    assert submitted(swept, monkeypatch) == jobs
    assert f"{len(jobs)} queued" in asked(swept, "--status").stdout
    assert sorted(one.job for one in sweep_status(swept).segments if one.job is not None) == jobs
    assert asked(swept, "--cancel").stdout == f"{len(jobs)} jobs cancelled\n"
    assert in_queue() == []


def test_nothing_is_said_of_jobs_that_are_no_longer_in_the_queue(drained: None, smoke_copy: Path, tmp_path: Path) -> None:
    waiting = waiting_command(made(tmp_path, smoke_copy))
    cancel_all()
    waiting.send_signal(signal.SIGINT)
    assert "queue" not in waiting.communicate()[1]
    assert waiting.returncode == 130


def test_a_command_that_waits_ends_once_its_jobs_are_cancelled(drained: None, smoke_copy: Path, tmp_path: Path) -> None:
    swept = made(tmp_path, smoke_copy)
    waiting = waiting_command(swept)
    assert asked(swept, "--cancel").stdout == "2 jobs cancelled\n"
    assert "the jobs of this sweep were cancelled; the same command continues" in waiting.communicate()[1]
    assert waiting.returncode == 1
    assert in_queue() == []


def test_a_job_of_another_segment_with_the_same_training_is_waited_for_and_not_taken(
    drained: None, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = made(tmp_path, smoke_copy)
    first = swept.unfinished()[0]
    changed = made(tmp_path, smoke_copy)
    monkeypatch.setattr(changed, "unfinished", lambda: [replace(first, id="0123456789ab")])
    (rival,) = submitted(changed, monkeypatch)
    own = set(submitted(swept, monkeypatch)) - {rival}
    assert len(own) == 2
    after = told("squeue", "--noheader", f"--jobs={SweepJobs(swept.store).queued()[first.id].id}", "--format=%E")
    assert f"afterany:{rival}" in after
    assert asked(swept, "--cancel").stdout == "2 jobs cancelled\n"
    assert in_queue() == [rival]


def test_the_report_that_counts_is_that_of_the_job_that_came_last(
    drained: None, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_task, "__version__", "0.0.1")  # so that each has ended soon
    swept = made(tmp_path, smoke_copy)
    first = swept.unfinished()[0]
    monkeypatch.setattr(swept, "unfinished", lambda: [first])
    failures: list[str] = []

    def wait() -> None:
        with pytest.raises(StageFailed) as failed:
            run(swept, "slurm", 0, Listener())
        failures.append(str(failed.value))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    try:
        assert eventually(lambda: len(in_queue()) == 1)
        cancel_all()
        again = Submission(swept, [first], 0, SlurmSettings()).submitted(first, [], [], others=False)
        time.sleep(1)  # more than it takes until the queue is looked at again
    finally:
        resume()
        waiting.join(300)
    assert f"{again}_0_log.err" in failures[0]
    assert "has sirev" in failures[0]


def interrupt(computation: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_no_more_jobs_run_at_a_time_than_are_allowed(
    slurm: Path, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_task, "__version__", "0.0.1")  # so that each has ended soon
    swept = made(tmp_path, smoke_copy, ONE.replace("[3]", "[3, 4, 5]"))
    counts: list[int] = []
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(0.1):
            counts.append(len(in_queue("running")))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        with pytest.raises(StageFailed):
            run(swept, "slurm", 3, Listener(), slurm=SlurmSettings(at_most=1))
    finally:
        ended.set()
        counting.join()
    assert max(counts) == 1


def sbatch_that(folder: Path, monkeypatch: pytest.MonkeyPatch, unless: str, said: str) -> None:
    """Have sbatch refuse with some words unless a condition of the shell holds."""
    (folder / "bin").mkdir()
    real = shutil.which("sbatch")
    write_script(folder / "bin" / "sbatch", f'{unless} || {{ echo "sbatch: error: {said}" >&2; exit 1; }}\nexec {real} "$@"')
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


def ends(swept: GridSweep, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the segments of a sweep end whose jobs find another sirev, so that each has ended soon."""
    monkeypatch.setattr(sweep_task, "__version__", "0.0.1")
    heard = Told()
    with pytest.raises(StageFailed):
        run(swept, "slurm", 3, Listener(), heard)
    return sorted(states[-1] for states in heard.values())


@pytest.mark.slow
def test_what_a_limit_of_jobs_keeps_out_is_submitted_once_others_have_ended(
    slurm: Path, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbatch_that(tmp_path, monkeypatch, '[ -z "$(squeue --noheader)" ]', "AssocMaxSubmitJobLimit")
    swept = made(tmp_path, smoke_copy, ONE.replace("[3]", "[3, 4]"))
    assert ends(swept, monkeypatch) == ["failed", "failed", "left", "left"]


@pytest.mark.slow
def test_a_limit_that_jobs_of_another_command_have_reached_is_waited_for(
    slurm: Path, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("sbatch", "--output=/dev/null", "--wrap=sleep 3")
    sbatch_that(tmp_path, monkeypatch, '[ -z "$(squeue --noheader)" ]', "QOSMaxSubmitJobPerUserLimit")
    assert ends(made(tmp_path, smoke_copy), monkeypatch) == ["failed", "left"]


def test_a_limit_that_no_job_of_the_user_is_part_of_is_said_in_a_line(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbatch_that(tmp_path, monkeypatch, "false", "AssocMaxSubmitJobLimit")
    assert refused(made(tmp_path, tmp_path / "store")) == "--on slurm: sbatch: AssocMaxSubmitJobLimit"


def test_a_controller_that_is_away_while_jobs_are_submitted_is_waited_for(
    slurm: Path, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "Batch job submission failed: Unable to contact slurm controller (connect failure)"
    sbatch_that(tmp_path, monkeypatch, f"! mkdir {tmp_path}/first 2>/dev/null", away)
    assert ends(made(tmp_path, smoke_copy), monkeypatch) == ["failed", "left"]


def refused(swept: GridSweep, **options: str) -> str:
    with pytest.raises(BadInput) as error:
        run(swept, "slurm", 0, Listener(), slurm=SlurmSettings(options))
    return str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"partition": "a100"}, "--on slurm: sbatch: invalid partition specified: a100"),
        ({"frobnicate": "yes"}, "--on slurm: sbatch: unrecognized option '--frobnicate=yes'"),
        ({"time": "soon"}, "--on slurm: sbatch: Invalid --time specification"),
        ({"gres": "gpu:9"}, "Requested node configuration is not available"),
        ({"signal_delay_s": "long"}, "--slurm signal_delay_s=long: expected seconds"),
    ],
)
def test_what_sbatch_refuses_is_said_in_a_line_and_nothing_is_queued(
    options: dict[str, str], said: str, slurm: Path, tmp_path: Path
) -> None:
    message = refused(made(tmp_path, tmp_path / "store"), **options)
    assert said in message
    assert "\n" not in message
    assert in_queue("pending,running") == []  # what had begun may still be ending


def test_recipes_that_require_a_gpu_are_refused_where_a_partition_has_none(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GridSweep, "requires_gpu", lambda self, segment: True)
    said = refused(made(tmp_path, tmp_path / "store"), partition="cpus")
    assert said == "--on slurm: partition cpus has no GPU, and the recipes require one"


def test_a_node_with_another_sirev_computes_nothing(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_task, "__version__", "0.0.1")
    swept = made(tmp_path, tmp_path / "store")
    with pytest.raises(StageFailed, match=r"node \S+ has sirev \S+, the machine that began the sweep 0\.0\.1"):
        run(swept, "slurm", 3, Listener())
    assert list(swept.store.records.names()) == []
    assert in_queue() == []


def test_without_submitit_one_line_says_how_to_install_it(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_slurm, "find_spec", lambda name: None)
    assert re.search(
        r"--on slurm: submitit is not installed: pip install .*\[slurm\]", refused(made(tmp_path, tmp_path / "store"))
    )


def test_without_slurm_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(made(tmp_path, tmp_path / "store")).startswith("--on slurm: sbatch is not on PATH")
    assert not (tmp_path / "store").exists()
