"""What an interruption costs: kill -9 at any moment, Ctrl-C, two processes at once."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import sirev
from sirev.api.plan import plan
from sirev.store.runs import step_title
from sirev.trainers.checkpoints import CHECKPOINT_MARKER
from tests.conftest import SIREV, Study, alive, eventually, semantic_digests


def started(store: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [SIREV, "iterate", "--recipe", "tiny_smoke", "--store", store, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], words: str) -> str:
    """What it says up to the line with these words, which it is waited for."""
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if words in line:
            break
    assert any(words in line for line in lines), lines
    return "".join(lines)


def computed_long_steps(stderr: str) -> list[str]:
    """The pretrain, train and sample steps that a run says it has done, with their run."""
    return [line.split("  done in ")[0] for line in stderr.splitlines() if "  done in " in line]


def hits(store: Path) -> set[str]:
    """What the store holds already, in the words of the progress lines."""
    return {
        f"{run_id.split('-s0-')[0].removeprefix('tiny_smoke-')} seed 0  {step_title(step)}"
        for run_id, states in plan("tiny_smoke", store=store).items()
        for step, state in states.items()
        if state == "hit"
    }


def survives_kills(smoke: Study, store: Path, kills: int, seed: int, seconds: float = 6.0) -> None:
    """Kill one study `kills` times within so many seconds, then let it finish: nothing is lost, and nothing differs."""
    rng = random.Random(seed)
    for _ in range(kills):
        kept = hits(store)
        process = started(store)
        time.sleep(rng.uniform(0.2, seconds))
        process.send_signal(signal.SIGKILL)
        _, stderr = process.communicate()
        assert kept <= hits(store)
        assert not kept & set(computed_long_steps(stderr))  # what was whole is not done again
    kept = hits(store)
    process = started(store)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert not kept & set(computed_long_steps(stderr))
    assert semantic_digests(sirev.Store(store)) == semantic_digests(smoke.store)


@pytest.mark.slow
def test_four_kills_lose_nothing(smoke: Study, tmp_path: Path) -> None:
    survives_kills(smoke, tmp_path / "store", kills=4, seed=1, seconds=12.0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_thousand_kills_lose_nothing(smoke: Study, tmp_path: Path, seed: int) -> None:
    survives_kills(smoke, tmp_path / "store", kills=50, seed=seed)


@pytest.mark.slow
def test_a_training_killed_on_the_way_goes_on_from_its_checkpoint(
    smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where attempts leave their checkpoints
    monkeypatch.setattr(tempfile, "tempdir", None)
    changes = ["T=2", "training.dpo.epochs=8"]
    undisturbed = shutil.copytree(smoke_copy, tmp_path / "undisturbed")
    (expected,) = sirev.iterate("tiny_smoke", methods=["dpo"], overrides=changes, store=undisturbed)
    made = sirev.Store(undisturbed).runs.get(expected.id)
    assert made is not None
    key = made.pins["train:2"].key
    given = [word for change in (*changes, "training.checkpoint_minutes=0") for word in ("--set", change)]

    process = started(smoke_copy, "--method", "dpo", *given)
    assert eventually(lambda: bool(_checkpoints(tmp_path, key)), 300)
    process.kill()
    process.communicate()
    saved = _checkpoints(tmp_path, key)
    again = started(smoke_copy, "--method", "dpo", *given)
    _, stderr = again.communicate(timeout=300)
    assert again.returncode == 0, stderr

    store = sirev.Store(smoke_copy)
    run = store.runs.get(expected.id)
    assert run is not None
    record = store.records.get(run.pins["train:2"].key, run.pins["train:2"].artifact)
    assert record is not None
    assert record.provenance["resumed"] >= max(saved)
    assert [entry["step"] for entry in record.provenance["log"]][-1] == record.provenance["steps"]
    assert semantic_digests(store) == semantic_digests(sirev.Store(undisturbed))
    assert not list(tmp_path.glob(f"sirev-attempts-*/*-{key[:32]}"))


def test_no_child_outlives_a_killed_run(tmp_path: Path) -> None:
    process = started(tmp_path / "store")
    assert eventually(lambda: _children(process.pid) != [])
    children = _children(process.pid)
    process.kill()
    process.communicate()
    assert eventually(lambda: not any(map(alive, children)))


def test_ctrl_c_exits_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = started(tmp_path / "store")
    stderr = said(process, "running")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    stderr += process.stderr.read()
    assert process.wait() == 130
    assert stderr.splitlines()[-1] == "sirev: interrupted; run the same command again to continue"
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_another_process(tmp_path: Path) -> None:
    first = started(tmp_path / "store", "--set", "model.pretrain.sequences=400000")
    said(first, "running")
    second = started(tmp_path / "store", "--set", "model.pretrain.sequences=400000")
    said(second, "waiting for process")
    second.send_signal(signal.SIGINT)
    assert second.wait() == 130
    assert first.poll() is None
    first.kill()
    first.communicate()


def _children(pid: int) -> list[int]:
    """All children, whichever thread started them."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += [int(child) for child in children.read_text().split()]
    return found


def _checkpoints(temporary: Path, key: str) -> list[int]:
    """The steps after which there are whole checkpoints of a training."""
    markers = temporary.glob(f"sirev-attempts-*/*-{key[:32]}/attempt-*/checkpoint-*/{CHECKPOINT_MARKER}")
    return [int(path.parent.name.rpartition("-")[2]) for path in markers]
