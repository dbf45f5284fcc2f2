"""Several processes on one recipe, from an empty store, at once: each action computed once, all finish, equal digests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sirev
from tests.conftest import SIREV, Study, semantic_digests
from tests.store.soundness import assert_sound
from tests.study.chain import STEPS

REPOSITORY = Path(__file__).parents[2]


def at_once(command: list[object], processes: int) -> list[tuple[str, str]]:
    """Run a command in several processes side by side; what each wrote to its output and its errors."""
    call = [str(part) for part in command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": REPOSITORY}
    started = [subprocess.Popen(call, **pipes) for _ in range(processes)]
    try:
        ended = [process.communicate(timeout=500) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    failed = [(one.returncode, said[1][-2000:]) for one, said in zip(started, ended, strict=True) if one.returncode]
    assert not failed
    return ended


def test_six_processes_compute_each_step_of_a_chain_once(tmp_path: Path) -> None:
    ended = at_once([sys.executable, "-m", "tests.study.chain", tmp_path / "store"], 6)
    computed = [name for stdout, _ in ended for name in json.loads(stdout)]
    assert sorted(computed) == [f"train:{number}" for number in range(1, STEPS + 1)]
    assert_sound(tmp_path / "store")
    store = sirev.Store(tmp_path / "store")
    run = store.runs.get("chain")
    assert run is not None
    assert run.status == "complete"
    assert store.artifact(run.pins[f"train:{STEPS}"].artifact).json("number.json") == sum(range(STEPS + 1))
    assert list((store.path / "locks").iterdir()) == []
    assert list((store.path / "tmp").iterdir()) == []


@pytest.mark.soak
def test_eight_processes_compute_each_step_of_a_study_once(smoke: Study, tmp_path: Path) -> None:
    command = [SIREV, "iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", tmp_path / "store"]
    ended = at_once(command, 8)
    counts = [re.search(r"(\d+) steps cached, (\d+) computed", stderr) for _, stderr in ended]
    run = smoke.run("sft")
    assert sum(int(found[2]) for found in counts if found) == len({pin.key for pin in run.pins.values()})
    assert len({stdout for stdout, _ in ended}) == 1
    assert_sound(tmp_path / "store")
    digests = semantic_digests(sirev.Store(tmp_path / "store"))
    assert digests == {step: digest for step, digest in semantic_digests(smoke.store).items() if step.startswith(run.id)}
