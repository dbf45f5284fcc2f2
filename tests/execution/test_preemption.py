"""A machine that is taken away: a run that is asked to end saves its training where it is, and goes on anywhere."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import sirev
from sirev.store.records import Record
from sirev.store.store import Store
from sirev.trainers.checkpoints import CHECKPOINT_MARKER, step_of
from tests.commands import of_session
from tests.conftest import Study, eventually, semantic_digests

CHANGES = ("T=2", "training.dpo.epochs=8")
ASKED = ("iterate", "tiny_smoke", "--method", "dpo", *(word for change in CHANGES for word in ("--set", change)))
STEP = "train:2"

TELLING = f"""
import sys
from sirev.execution import children
from sirev.execution.runner import StepContext
from sirev.cli.main import main

def progress(self, done, total, unit, rate=None):
    if self.name == "{STEP}":
        print(done, flush=True)

StepContext.progress = progress
if "--large" in sys.argv:
    sys.argv.remove("--large")
    children.gpu = lambda: True
main()
"""
"""The command, which says of each optimizer step that it is done; with `--large` one child trains and another one samples."""

STUBBORN = """
import sys
from sirev.api import iterate
from sirev.processes import termination
from sirev.stages import train
from sirev.cli.main import main
from tests.resident_work import train_for_ever

train.train = train_for_ever
iterate.SAVING_SECONDS = float(sys.argv.pop(1))
termination.AGAIN_SECONDS = 0.2
main()
"""
"""The command with trainings that never save, which it waits for so many seconds."""


def started(program: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """A command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stubborn(seconds: float, store: Path, scratch: Path) -> subprocess.Popen[str]:
    """A command whose training has begun, never saves, and is waited for so long."""
    process = started(STUBBORN, seconds, *ASKED, "--store", store, TMPDIR=str(scratch))
    assert eventually(lambda: any(scratch.glob("sirev-attempts-*/*/begun")), 300)
    return process


def steps_until(process: subprocess.Popen[str], last: int) -> None:
    """Wait until the training has done so many steps."""
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == last:
            return
    raise AssertionError(process.communicate()[1])


def saved(attempts: Path) -> list[int]:
    """The steps after which there are whole checkpoints, in a folder for them."""
    return [step_of(path.parent) for path in attempts.glob(f"sirev-attempts-*/*/attempt-*/checkpoint-*/{CHECKPOINT_MARKER}")]


def trained(store: Store, run_id: str) -> Record:
    """The record of the training."""
    run = store.runs.get(run_id)
    assert run is not None
    record = store.records.get(run.pins[STEP].key, run.pins[STEP].artifact)
    assert record is not None
    return record


@pytest.fixture(scope="module")
def undisturbed(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The run, and the digests of a store that nothing disturbed."""
    store = shutil.copytree(smoke.store.path, tmp_path_factory.mktemp("undisturbed") / "store")
    (result,) = sirev.iterate("tiny_smoke", methods=["dpo"], overrides=CHANGES, store=store)
    return result.id, semantic_digests(Store(store))


def of_nodes(folder: Path, count: int = 2) -> list[dict[str, str]]:
    """The environments of machines that have a folder for interrupted trainings in common, and no temporary one."""
    found = []
    for number in range(count):
        (folder / f"node-{number}").mkdir()
        found.append({"TMPDIR": str(folder / f"node-{number}"), "SIREV_SCRATCH": str(folder / "scratch")})
    return found


def goes_on(store: Path, node: dict[str, str], step: int, expected: tuple[str, dict[str, str]], how: Sequence[str] = ()) -> None:
    """On another machine the same command takes the training up after a step, and ends as if nothing had happened."""
    again = started(TELLING, *ASKED, "--store", store, *how, **node)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert int(out.split()[0]) == step + 1
    run_id, digests = expected
    record = trained(Store(store), run_id)
    assert record.provenance["resumed"] == step
    assert "scratch" not in str(record.action)
    assert semantic_digests(Store(store)) == digests
    assert not list(Path(node["SIREV_SCRATCH"]).glob("sirev-attempts-*/*"))


@pytest.mark.parametrize(
    ("number", "group", "how"),
    [
        (signal.SIGTERM, True, ()),
        (signal.SIGTERM, False, ()),
        pytest.param(signal.SIGUSR2, False, ("--large",), marks=pytest.mark.spinning),
        pytest.param(signal.SIGUSR2, True, ("--large",), marks=pytest.mark.spinning),
    ],
)
@pytest.mark.slow
def test_a_run_that_is_asked_to_end_saves_the_step_that_it_is_at_and_goes_on_from_there_on_another_machine(
    number: signal.Signals,
    group: bool,
    how: Sequence[str],
    smoke_copy: Path,
    undisturbed: tuple[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    first, second = of_nodes(tmp_path)
    process = started(TELLING, *ASKED, "--store", smoke_copy, *how, **first)
    steps_until(process, 3)
    os.killpg(process.pid, number) if group else process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 143, err
    assert err.splitlines()[-1] == "sirev: terminated; run the same command again to continue"
    assert not of_session(process.pid)
    last = max([3, *map(int, out.split())])
    assert saved(tmp_path / "scratch") == [last]
    goes_on(smoke_copy, second, last, undisturbed, how)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint_on_another_machine(
    smoke_copy: Path, undisturbed: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    first, second = of_nodes(tmp_path)
    process = started(TELLING, *ASKED, "--set", "training.checkpoint_minutes=0", "--store", smoke_copy, **first)
    steps_until(process, 4)
    process.kill()
    process.communicate()
    last = max(saved(tmp_path / "scratch"))  # the one before may not be deleted yet
    goes_on(smoke_copy, second, last, undisturbed)


def test_a_second_signal_ends_at_once(smoke_copy: Path, tmp_path: Path) -> None:
    process = stubborn(1e6, smoke_copy, tmp_path)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for the training
        process.wait(timeout=5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 143, err
    assert not of_session(process.pid)


def test_ctrl_c_waits_for_no_training(smoke_copy: Path, tmp_path: Path) -> None:
    process = stubborn(1e6, smoke_copy, tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err


def test_a_training_that_does_not_save_in_time_is_not_waited_for(smoke_copy: Path, tmp_path: Path) -> None:
    process = stubborn(0.5, smoke_copy, tmp_path)
    process.send_signal(signal.SIGUSR2)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 143, err
    assert not of_session(process.pid)
