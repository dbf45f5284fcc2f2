"""A shared store in a folder: push, pull and reading through, where everything can be looked at."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from sirev.errors import BadInput, SirevError
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json, sha256, unsealed
from sirev.store.records import action_key
from sirev.store.runs import Run
from sirev.store.sharing.backend import PATIENCE
from sirev.store.sharing.pull import LeaveOut, pull
from sirev.store.sharing.push import push
from sirev.store.sharing.read_through import ReadThrough
from sirev.store.sharing.remote import Remote, hollow_path, object_path, record_path, run_path
from sirev.store.store import Store
from tests.conftest import Command, eventually, tree
from tests.store.sharing.studies import add_run, assert_sound, contents

KEY = action_key({"stage": "train", "version": 1, "parameters": {"t": 1}, "inputs": {}})


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def shared(tmp_path: Path, store: Store) -> Path:
    """A shared folder with that run."""
    push(store, Remote(str(tmp_path / "shared")), store.runs.all())
    return tmp_path / "shared"


def models_of(store: Store, run: Run) -> dict[str, str]:
    return {step: pin.artifact for step, pin in run.pins.items() if step.startswith("train")}


def test_a_shared_folder_is_a_store_that_can_be_read(shared: Path, store: Store) -> None:
    assert_sound(shared)
    assert contents(shared) == contents(store.path)
    assert Store(shared).runs.all() == store.runs.all()
    assert sorted(path.name for path in shared.iterdir()) == ["objects", "records", "runs", "sirev-store.json"]


def test_urls_that_mean_the_folder(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for i, url in enumerate([f"file://{shared}", f"file://localhost{shared}", "shared", str(shared)]):
        assert pull(Store(tmp_path / f"other{i}"), Remote(url)).runs == ["small-sft-s0"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/store", "does not know ftp://"),
        ("memory://x", "does not know memory://"),
        ("", "an empty URL"),
        ("hf://OWNER/NAME", "a store lies in a data set or a bucket"),
        ("hf://datasets/NAME", "it is hf://datasets/OWNER/NAME"),
    ],
)
def test_a_url_that_nothing_serves_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Remote(url)


def test_a_package_that_is_missing_is_named(command: Command, tmp_path: Path) -> None:
    # A module that can't be imported, in front of the real one if there is one.
    for name in ("gcsfs", "s3fs"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('no {name}')\n")
    for scheme, package in (("gs", "gcsfs"), ("s3", "s3fs")):
        done = command("store", "pull", f"{scheme}://bucket/x", "--store", tmp_path / "x", PYTHONPATH=str(tmp_path))
        assert (done.returncode, done.stderr) == (
            2,
            f"sirev: error: {scheme}:// needs {package}: pip install 'sirev[{scheme}]'\n",
        )


def test_a_folder_that_is_no_store_is_left_alone(tmp_path: Path, store: Store) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    remote = Remote(str(tmp_path / "photos"))
    with pytest.raises(BadInput, match="it is not a sirev store: name a new or empty folder"):
        push(store, remote, store.runs.all())
    with pytest.raises(BadInput, match=r"it has files, but no sirev-store.json"):
        pull(store, remote)
    assert list(tree(tmp_path / "photos")) == ["cat.jpg"]
    with pytest.raises(BadInput, match="nothing is there; fill it with: sirev store push"):
        pull(store, Remote(str(tmp_path / "nowhere")))
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="not a folder"):
        push(store, Remote(str(tmp_path / "file")), store.runs.all())


def test_a_run_that_is_not_finished_is_not_pushed(tmp_path: Path, store: Store, command: Command) -> None:
    add_run(store, "small-sft-s1", status="running")
    with pytest.raises(BadInput, match="small-sft-s1 is not finished"):
        push(store, Remote(str(tmp_path / "shared")), store.runs.all())
    done = command("store", "push", tmp_path / "shared", "small-sft-s1", "--store", store.path)
    assert done.returncode == 2
    assert "small-sft-s1 is not finished: finish it with `sirev iterate` first" in done.stderr
    done = command("store", "push", tmp_path / "shared", "--store", store.path)
    assert done.returncode == 0
    assert "small-sft-s1 is not finished, and is left out" in done.stderr
    assert Remote(str(tmp_path / "shared")).run_ids() == ["small-sft-s0"]


def test_what_is_here_stays_as_it_is(tmp_path: Path, shared: Path) -> None:
    other = Store(tmp_path / "second")
    mine = add_run(other, value=7)
    before = contents(other.path)
    found = other.lookup(KEY)
    moved = pull(other, Remote(str(shared)))
    assert moved.runs == []
    assert "small-sft-s0 is here with other results, which stay" in moved.said[0]
    assert contents(other.path) == before
    push(other, Remote(str(shared)), [mine])
    third = Store(tmp_path / "third")
    add_run(third, "small-sft-s9", value=8)
    ours = third.lookup(KEY)
    pull(third, Remote(str(shared)), ["small-sft-s0"])
    assert len(third.records.realisations(KEY)) == 2
    assert ours is not None
    assert found is not None
    again = Store(third.path).lookup(KEY)
    assert again is not None
    assert again.digest == ours.digest  # theirs was made earlier, ours was made here


def test_names_are_ids_recipes_and_beginnings(tmp_path: Path, store: Store, shared: Path) -> None:
    add_run(store, "small-dpo-s0", value=1)
    push(store, Remote(str(shared)), store.runs.all())
    remote = Remote(str(shared))
    both = ["small-dpo-s0", "small-sft-s0"]
    for i, (name, runs) in enumerate([("small", both), ("small-sft-s0", both[1:]), ("small-d", both[:1])]):
        assert sorted(pull(Store(tmp_path / f"o{i}"), remote, [name]).runs) == runs
    with pytest.raises(BadInput, match=r"several runs of .* begin with 'small-': small-dpo-s0, small-sft-s0"):
        pull(Store(tmp_path / "o"), remote, ["small-"])
    with pytest.raises(BadInput, match="has no run or recipe 'small-sft-s1'; did you mean 'small-sft-s0'"):
        pull(Store(tmp_path / "o"), remote, ["small-sft-s1"])
    assert not (tmp_path / "o").exists()


def test_models_can_be_left_out_and_fetched_later(tmp_path: Path, store: Store, shared: Path) -> None:
    run = store.runs.all()[0]
    models = models_of(store, run)
    last = {models["train:2"]}
    other = Store(tmp_path / "second")
    leave_out = LeaveOut(lambda store, runs: set(models.values()), lambda store, runs: set(models.values()) - last)
    moved = pull(other, Remote(str(shared)), leave_out=leave_out)
    assert (moved.hollow, moved.said) == (1, [])
    assert other.artifact(models["train:2"]).complete()
    assert not other.artifact(models["train:1"]).complete()
    assert models["train:1"] in other.hollow
    assert other.lookup(KEY) is not None
    # What is left out on purpose is pushed so, and pulled so.
    push(other, Remote(str(tmp_path / "slim")), other.runs.all())
    assert (tmp_path / "slim" / hollow_path(models["train:1"])).is_file()
    assert push(other, Remote(str(tmp_path / "slim")), other.runs.all()).files == 0
    third = Store(tmp_path / "third")
    pull(third, Remote(str(tmp_path / "slim")))
    assert models["train:1"] in third.hollow
    fourth = Store(tmp_path / "fourth")
    assert ReadThrough(fourth, Remote(str(tmp_path / "slim")), pytest.fail).fetch(KEY) is None
    # Once somebody brings the files, they come.
    push(store, Remote(str(tmp_path / "slim")), [run])
    pull(third, Remote(str(tmp_path / "slim")))
    assert models["train:1"] not in third.hollow
    assert third.artifact(models["train:1"]).complete()
    found = ReadThrough(fourth, Remote(str(tmp_path / "slim")), pytest.fail).fetch(KEY)
    assert found is not None
    assert found.complete()


def test_a_pickle_is_refused_before_it_is_visible(tmp_path: Path, store: Store) -> None:
    data = pickle.dumps({"w": 1})
    for name, said in (("training_args.bin", "training_args.bin"), ("model.safetensors", "model.safetensors is not what")):
        evil = Store(tmp_path / f"evil-{name}")
        run = add_run(evil, steps=1)
        action = {"stage": "train", "version": 1, "parameters": {"t": 9}, "inputs": {}}
        artifact = evil.publish(action, Output(files={name: data}))
        run.pins["train:9"] = type(run.pins["train:1"])(action_key(action), artifact.digest)
        evil.runs.save(run)
        push(evil, Remote(str(tmp_path / f"shared-{name}")), [run])
        other = Store(tmp_path / f"other-{name}")
        with pytest.raises(BadInput, match=said):
            pull(other, Remote(str(tmp_path / f"shared-{name}")))
        assert not other.objects.path(sha256(data)).exists()
        assert other.runs.ids() == []


def test_a_file_larger_than_its_manifest_says_is_not_read_to_its_end(tmp_path: Path, store: Store, shared: Path) -> None:
    run = store.runs.all()[0]
    entry = store.artifact(run.pins["train:1"].artifact).manifest["files"]["adapter_model.safetensors"]
    bomb = shared / object_path(entry["sha256"])
    bomb.chmod(0o644)
    os.truncate(bomb, 1 << 40)  # a sparse file of a terabyte
    other = Store(tmp_path / "second")
    with pytest.raises(SirevError, match="has more than the 200,"):
        pull(other, Remote(str(shared)))
    assert_sound(other.path)
    for path in (run_path(run.id), record_path(run.pins["train:1"].key, run.pins["train:1"].artifact)):
        (shared / path).chmod(0o644)
        whole = (shared / path).read_bytes()
        os.truncate(shared / path, 1 << 40)
        with pytest.raises(SirevError, match="has more than the"):
            pull(Store(tmp_path / "third"), Remote(str(shared)))
        (shared / path).write_bytes(whole)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "missing", "flipped", "empty"])
def test_whatever_a_file_there_became_it_is_one_line_and_nothing_wrong_is_taken(
    tmp_path: Path, store: Store, shared: Path, kind: str
) -> None:
    run = store.runs.all()[0]
    pin = run.pins["train:1"]
    entry = store.artifact(pin.artifact).manifest["files"]["adapter_model.safetensors"]
    paths = object_path(entry["sha256"]), object_path(pin.artifact), record_path(pin.key, pin.artifact), run_path(run.id)
    for i, path in enumerate(paths):
        file = shared / path
        whole = file.read_bytes()
        file.unlink()
        match kind:
            case "link":
                (tmp_path / "secret").write_bytes(whole)
                file.symlink_to(tmp_path / "secret")
            case "pipe":
                os.mkfifo(file)
            case "folder":
                file.mkdir()
            case "flipped":
                file.write_bytes(whole[:30] + bytes([whole[30] ^ 1]) + whole[31:])
            case "empty":
                file.write_bytes(b"")
        other = Store(tmp_path / f"second{i}")  # what one has taken in already, it does not ask for
        with pytest.raises(SirevError) as failed:
            pull(other, Remote(str(shared)))
        assert "\n" not in str(failed.value)
        assert other.runs.ids() == []
        assert_sound(other.path)
        file.rmdir() if kind == "folder" else file.unlink(missing_ok=True)
        file.write_bytes(whole)
    pull(other, Remote(str(shared)))
    assert contents(other.path) == contents(store.path)


def test_names_in_a_strangers_files_lead_nowhere(tmp_path: Path, store: Store, shared: Path) -> None:
    run_file = shared / run_path("small-sft-s0")
    run = unsealed(run_file.read_bytes())
    run_file.chmod(0o644)
    for pin in ({"key": "../../../x", "artifact": "a" * 64}, {"key": "a" * 64, "artifact": "../x"}, {"key": 1, "artifact": 2}):
        run_file.write_bytes(canonical_json({**run, "pins": {"train:1": pin}}))
        with pytest.raises(BadInput):
            pull(Store(tmp_path / "second"), Remote(str(shared)))
    run_file.write_bytes(canonical_json({**run, "id": "../../evil"}))
    with pytest.raises(BadInput):
        pull(Store(tmp_path / "second"), Remote(str(shared)))
    run_file.write_bytes(canonical_json({**run, "format": 99}))
    with pytest.raises(BadInput, match="upgrade sirev"):
        pull(Store(tmp_path / "second"), Remote(str(shared)))


def test_what_is_pushed_is_whole(tmp_path: Path, store: Store) -> None:
    run = store.runs.all()[0]
    record = store.records.path(run.pins["train:1"].key, run.pins["train:1"].artifact)
    record.unlink()
    with pytest.raises(BadInput, match=r"can't push an incomplete run: small-sft-s0:1:train"):
        push(store, Remote(str(tmp_path / "shared")), [run])
    assert not (tmp_path / "shared").exists()


def test_a_local_miss_is_fetched_from_the_shared_store(tmp_path: Path, store: Store, shared: Path) -> None:
    other, said = Store(tmp_path / "second"), list[str]()
    through = ReadThrough(other, Remote(str(shared)), said.append)
    assert other.lookup(KEY) is None
    found = through.fetch(KEY)
    assert found is not None
    assert found.digest == store.runs.all()[0].pins["train:1"].artifact
    assert found.path("adapter_model.safetensors").read_bytes()
    assert through.fetch("0" * 64) is None
    assert said == []
    assert_sound(other.path)


def test_the_earliest_realisation_there_is_taken(tmp_path: Path, store: Store, shared: Path) -> None:
    later = Store(tmp_path / "later")
    push(later, Remote(str(shared)), [add_run(later, "small-sft-s5", value=5)])
    assert len(Remote(str(shared)).realisations(KEY)) == 2
    found = ReadThrough(Store(tmp_path / "second"), Remote(str(shared)), pytest.fail).fetch(KEY)
    assert found is not None
    assert found.digest == store.runs.all()[0].pins["train:1"].artifact


def test_a_shared_store_that_did_not_answer_is_asked_again_after_a_while(tmp_path: Path, store: Store, shared: Path) -> None:
    through = ReadThrough(Store(tmp_path / "second"), Remote(str(shared)), pytest.fail, after=0.5)
    assert through.fetch(KEY) is None
    assert eventually(lambda: through.fetch(KEY) is not None)


def test_a_shared_store_that_fails_only_warns_and_is_soon_left_alone(tmp_path: Path, store: Store, shared: Path) -> None:
    run = store.runs.all()[0]
    weights = store.artifact(run.pins["train:1"].artifact).manifest["files"]["adapter_model.safetensors"]["sha256"]
    file = shared / object_path(weights)
    file.chmod(0o644)
    file.write_bytes(b"?" * file.stat().st_size)
    other, said = Store(tmp_path / "second"), list[str]()
    through = ReadThrough(other, Remote(str(shared)), said.append)
    for _ in range(PATIENCE + 2):
        assert through.fetch(KEY) is None
    assert len(said) == PATIENCE
    assert "other bytes than its name says" in said[0]
    assert said[-1].endswith("it is not asked again in this run")
    assert_sound(other.path)
    assert other.lookup(KEY) is None


def test_reading_through_a_place_that_is_no_store_is_bad_input(tmp_path: Path, store: Store) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(BadInput, match="not a sirev store"):
        ReadThrough(store, Remote(str(tmp_path / "photos")), pytest.fail).fetch(KEY)
