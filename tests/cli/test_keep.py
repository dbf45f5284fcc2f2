from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

import sirev
from sirev.store.store import Store
from tests.conftest import SIREV, Command, Study, semantic_digests


def gc(command: Command, store: Path, *options: str) -> dict[str, object]:
    done = command("store", "gc", "--store", store, "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_gc_shows_first_and_deletes_only_when_told(command: Command, smoke: Study, smoke_copy: Path) -> None:
    (smoke_copy / "runs" / f"{smoke.of('dpo').id}.json").unlink()
    shown = command("store", "gc", "--store", smoke_copy)
    assert shown.returncode == 0
    assert "What can be deleted" in shown.stdout
    assert "nothing was deleted; to delete it, add --yes" in shown.stderr
    found = gc(command, smoke_copy, "--dry-run")
    assert found["bytes"]
    assert not found["deleted"]
    assert gc(command, smoke_copy, "--yes")["objects"] == found["objects"]
    after = command("store", "gc", "--store", smoke_copy)
    assert "nothing to delete" in after.stderr
    replay = command("iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", smoke_copy)
    assert "0 computed" in replay.stderr


def test_a_pinned_run_outlives_an_age_policy(command: Command, smoke: Study, smoke_copy: Path) -> None:
    kept = smoke.of("sft").id
    pinned = command("store", "pin", kept[:-2], "--tag", "paper", "--store", smoke_copy)
    assert pinned.returncode == 0, pinned.stderr
    assert "paper" in command("store", "pin", "--store", smoke_copy).stdout
    assert json.loads(command("store", "pin", "--format", "json", "--store", smoke_copy).stdout)["pins"][0]["runs"] == [kept]
    given_up = gc(command, smoke_copy, "--older-than", "0m", "--yes")["runs"]
    assert sorted(given_up) == sorted(result.id for result in smoke.results if result.id != kept)  # type: ignore[type-var]
    assert Store(smoke_copy).runs.ids() == [kept]
    assert command("store", "unpin", "paper", "--store", smoke_copy).returncode == 0
    assert gc(command, smoke_copy, "--older-than", "0m", "--dry-run")["runs"] == [kept]


def test_a_run_is_removed_and_its_space_is_freed_by_the_next_collection(command: Command, smoke: Study, smoke_copy: Path) -> None:
    gone = smoke.of("dpo").id
    for arguments, words in (
        (["rm", gone[:-1]], f"give the whole id; did you mean '{gone}'"),
        (["rm", "tiny"], "has no run 'tiny'"),
    ):
        refused = command("store", *arguments, "--store", smoke_copy)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert words in refused.stderr
    assert command("store", "pin", gone, "--tag", "paper", "--store", smoke_copy).returncode == 0
    assert "is pinned; first run: sirev store unpin paper" in command("store", "rm", gone, "--store", smoke_copy).stderr
    assert command("store", "unpin", "paper", "--store", smoke_copy).returncode == 0
    removed = command("store", "rm", gone, "--store", smoke_copy)
    assert removed.returncode == 0, removed.stderr
    assert gone not in command("store", "ls", "--store", smoke_copy).stdout
    assert gc(command, smoke_copy, "--dry-run")["bytes"]
    # Until then the results are there for whoever asks again.
    assert "0 computed" in command("iterate", "--recipe", "tiny_smoke", "--method", "dpo", "--store", smoke_copy).stderr


def test_a_step_is_pinned_by_its_address(command: Command, smoke: Study, smoke_copy: Path) -> None:
    assert command("store", "pin", f"{smoke.of('sft').id}:2:train", "--tag", "model", "--store", smoke_copy).returncode == 0
    (pin,) = json.loads(command("store", "pin", "--format", "json", "--store", smoke_copy).stdout)["pins"]
    assert pin["artifacts"] == [smoke.artifact("sft", "train:2").digest]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["gc", "--older-than", "soon"], "expected an age such as 30d"),
        (["gc", "--max-size", "lots"], "expected a size such as 50GB"),
        (["gc", "--keep-models", "newest"], "expected last, best, none or all"),
        (["gc", "--format", "yaml"], "unknown format 'yaml'"),
        (["pin", "tinny"], "no run"),
        (["unpin", "nothing"], "has no pin 'nothing'"),
        (["pin", "tiny_smoke-sft-s0", "--tag", "../x"], "can't name a pin"),
    ],
)
def test_bad_input_is_one_line(command: Command, smoke: Study, options: list[str], words: str) -> None:
    done = command("store", *options, "--store", smoke.store.path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.soak
def test_collections_beside_a_running_iterate_take_nothing_from_it(smoke: Study, tmp_path: Path) -> None:
    store = tmp_path / "store"
    iterate = [SIREV, "iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", store]
    running = subprocess.Popen(iterate, stderr=subprocess.PIPE, text=True)
    collections = 0
    while running.poll() is None:
        if store.exists():
            done = subprocess.run([SIREV, "store", "gc", "--yes", "--store", store], capture_output=True, text=True)
            assert done.returncode in (0, 2), done.stderr  # 2: the store is not made yet
            collections += done.returncode == 0
        time.sleep(0.05)
    _, said = running.communicate()
    assert running.returncode == 0, said
    assert collections > 5
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=store)
    assert result.computed == ()
    kept = semantic_digests(smoke.store)
    assert all(kept[key] == digest for key, digest in semantic_digests(Store(store)).items())
