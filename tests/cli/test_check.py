from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from sirev.store.store import Store
from tests.commands import read_whole
from tests.conftest import SIREV, Command, Study, semantic_digests, tree
from tests.store.small_store import SmallStore, build


@pytest.fixture
def small(tmp_path: Path) -> SmallStore:
    return build(tmp_path)


def spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"~")


def test_a_whole_store_ends_in_a_line_that_says_so_and_0(small: SmallStore, command: Command) -> None:
    before = tree(small.path)
    done = command("store", "verify", "--store", small.path)
    assert (done.returncode, done.stderr) == (0, "")
    hollow, line = done.stdout.splitlines()
    assert hollow.startswith("the weights of 1 model are not in this store")
    assert line.startswith(f"{len(small.actions)} records, ")
    assert line.endswith(" s: no damage")
    assert tree(small.path) == before


def test_damage_is_named_with_its_steps_and_1_and_what_mends_it(small: SmallStore, command: Command) -> None:
    path = small.object_path("measure/test:1", "measures.json")
    spoil(path)
    done = command("store", "verify", "--store", small.path)
    assert done.returncode == 1
    assert str(path.relative_to(small.path)) in done.stdout
    assert f"{small.runs[0]}:1:measure/test" in done.stdout
    assert "sirev store verify --repair" in done.stdout.splitlines()[-1]
    assert path.is_file()


def test_json_names_everything(small: SmallStore, command: Command) -> None:
    path, record = small.object_path("measure/test:1", "measures.json"), small.record_path("compare")
    spoil(path)
    record.unlink()
    done = command("store", "verify", "--format", "json", "--store", small.path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["schema"], found["whole"], found["records"]) == (1, 2, False, len(small.actions) - 1)
    assert {one["path"]: one["kind"] for one in found["damage"]} == {
        str(path.relative_to(small.path)): "object",
        str(record.relative_to(small.path)): "missing",
    }


def test_a_repair_says_what_it_dropped_and_what_is_to_be_made_again(small: SmallStore, command: Command) -> None:
    path = small.object_path("measure/test:1", "measures.json")
    spoil(path)
    before = tree(small.path)
    done = command("store", "verify", "--repair", "--store", small.path)
    assert done.returncode == 0
    assert "Dropped: 1" in done.stdout
    assert f"restores the missing steps: {small.runs[0]}, {small.runs[1]}" in done.stdout
    assert before.keys() - tree(small.path).keys() == {str(path.relative_to(small.path))}
    again = command("store", "verify", "--store", small.path)
    assert again.returncode == 1
    assert "`sirev iterate` computes it" in again.stdout.splitlines()[-1]


def test_damage_that_can_not_be_dropped_is_1(small: SmallStore, command: Command) -> None:
    path = small.object_path("measure/test:1", "measures.json")
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("")
    done = command("store", "verify", "--repair", "--store", small.path)
    assert done.returncode == 1
    assert "move it away" in done.stdout


def test_a_repaired_study_is_computed_to_the_same_end(smoke: Study, smoke_copy: Path, command: Command) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    spoil(store.records.path(run.pins["grade/draws:2"].key, run.pins["grade/draws:2"].artifact))
    spoil(store.artifact(run.pins["measure/draws:2"].artifact).path("measures.json"))
    stopped = command("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy)
    assert stopped.returncode == 2
    (line,) = stopped.stderr.splitlines()
    assert line.endswith("sirev store verify --repair")
    assert command("store", "verify", "--repair", "--store", smoke_copy).returncode == 0
    assert command("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy).returncode == 0
    assert semantic_digests(Store(smoke_copy)) == semantic_digests(smoke.store)
    assert command("store", "verify", "--store", smoke_copy).returncode == 0


def test_a_damaged_marker_is_mended_and_what_that_means_is_said(small: SmallStore, command: Command) -> None:
    marker = small.path / "sirev-store.json"
    marker.chmod(0o644)
    marker.write_text("{")
    done = command("store", "verify", "--store", small.path)
    assert done.returncode == 1
    assert "marker sirev-store.json" in done.stdout
    done = command("store", "verify", "--repair", "--store", small.path)
    assert done.returncode == 0
    assert "results computed here now count as computed elsewhere" in done.stdout
    assert command("store", "verify", "--store", small.path).returncode == 0


@pytest.mark.parametrize("kind", ["pipe", "zeros", "folder", "gone"])
def test_a_marker_that_is_no_file_is_mended(small: SmallStore, command: Command, kind: str) -> None:
    marker = small.path / "sirev-store.json"
    marker.unlink()
    if kind == "pipe":
        os.mkfifo(marker)
    elif kind == "zeros":
        marker.symlink_to("/dev/zero")
    elif kind == "folder":
        marker.mkdir()
    assert command("store", "verify", "--store", small.path).returncode == 1
    assert command("store", "verify", "--repair", "--store", small.path).returncode == 0
    assert command("store", "verify", "--store", small.path).returncode == 0


def test_steps_that_come_out_the_same_are_counted(smoke: Study, smoke_copy: Path, command: Command) -> None:
    done = command("store", "verify", "--recompute", "3", "--format", "json", "--store", smoke_copy)
    assert done.returncode == 0
    found = json.loads(done.stdout)["recomputed"]
    assert (len(found["alike"]), found["differences"]) == (3, [])
    said = command("store", "verify", "--recompute", "3", "--store", smoke_copy).stdout.splitlines()
    assert said[0] == "Identical when recomputed: 3"
    assert [line.strip() for line in said[1:4]] == found["alike"]
    counted = f"3 of {found['deterministic']} deterministic steps recomputed: all identical"
    assert f"{counted}; trainings and samplings are not recomputed" in said
    assert all(command("store", "path", name, "--store", smoke_copy).returncode == 0 for name in found["alike"])


def test_models_that_were_left_out_are_counted(small: SmallStore, command: Command) -> None:
    store = Store(small.path)
    path = small.object_path("train:1", "model.safetensors")
    store.hollow.add(small.artifacts["train:1"].digest)
    path.unlink()
    done = command("store", "verify", "--store", small.path)
    assert done.returncode == 0
    assert "the weights of 2 models are not in this store" in done.stdout
    assert json.loads(command("store", "verify", "--format", "json", "--store", small.path).stdout)["hollow"] == 2


def test_nothing_is_recomputed_from_damaged_bytes(small: SmallStore, command: Command) -> None:
    path = small.object_path("measure/test:1", "measures.json")
    spoil(path)
    done = command("store", "verify", "--recompute", "3", "--store", small.path)
    assert done.returncode == 1
    assert "nothing was recomputed: repair the store first" in done.stdout
    assert path.is_file()


def test_odd_names_and_odd_requests_end_in_clear_lines(small: SmallStore, command: Command, tmp_path: Path) -> None:
    os.close(os.open(bytes(small.path / "runs") + b"/\xff\x1b[31m", os.O_CREAT))
    done = command("store", "verify", "--store", small.path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    done = command("store", "verify", "--store", tmp_path / "nothing")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "there is no store in" in done.stderr
    done = command("store", "verify", "--format", "yaml", "--store", small.path)
    assert (done.returncode, done.stderr) == (2, "sirev: error: --format: unknown format 'yaml' (known: table, json)\n")


def test_a_terminal_sees_a_bar_and_the_findings_go_to_stdout(small: SmallStore) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    arguments = [str(SIREV), "store", "verify", "--store", str(small.path)]
    done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=120)
    os.close(theirs)
    shown = read_whole(ours)
    assert done.returncode == 0
    assert done.stdout.endswith(": no damage\n")
    assert "objects" in shown
    assert "tables" in shown
