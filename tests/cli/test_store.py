"""The commands that look into a store; what they say is tested below sirev/study and sirev/store."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.cli.store import inspect
from sirev.explain.history import keys_of
from sirev.stages.model import REFERENCE
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json, sha256
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.upkeep.keeps import Keep, Keeps
from tests.base_model import save_base_model
from tests.conftest import Command, Study
from tests.store.adapter_run import Trained, adapter_run


@pytest.fixture
def told(command: Command, smoke: Study) -> Callable[..., Any]:
    """What a `sirev store` command prints with `--format json`, which is JSON and nothing else."""

    def call(*arguments: object, store: Path = smoke.store.path) -> Any:
        done = command("store", *arguments, "--store", store)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return call


def test_ls_lists_runs_with_their_sizes_and_pins(told: Callable[..., Any], smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    Keeps(store.path, store.objects).add(Keep("paper", runs=[smoke.of("dpo").id]))
    listed = told("ls", "--format", "json", store=smoke_copy)
    assert (listed["schema"], listed["store"]) == (1, str(smoke_copy))
    assert {(row["state"], row["status"], row["model"], row["T"]) for row in listed["runs"]} == {
        ("complete", "complete", "trained here", 3)
    }
    assert {row["run"] for row in listed["runs"]} == {result.id for result in smoke.results}
    for row in listed["runs"]:
        run = store.runs.get(row["run"])
        assert run is not None
        artifacts = {pin.artifact for pin in run.pins.values()}
        files = {e["sha256"]: e["size"] for digest in artifacts for e in store.artifact(digest).manifest["files"].values()}
        assert row["size"] == sum(files.values())
        assert row["pins"] == (["paper"] if row["method"] == "dpo" else [])
        assert row["steps"] == len(run.pins)


def test_a_narrow_terminal_shows_whole_rows(
    smoke: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    inspect.ls(smoke.store.path, "table")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(smoke.of("sft").id in line for line in lines) == 2  # in two tables, with all columns between them
    assert all(any(column in line for line in lines) for column in ("state", "T", "begun", "size", "model"))


def test_tables_say_the_same(command: Command, smoke: Study) -> None:
    folder, run = smoke.store.path, smoke.of("sft").id
    assert "complete" in command("store", "ls", "--store", folder).stdout
    used = command("store", "du", "--store", folder).stdout
    assert [line.split()[0] for line in used.splitlines() if line.strip().startswith(("train ", "total "))] == ["train", "total"]
    assert run in used
    logged = command("store", "log", run, "--store", folder).stdout
    assert logged.startswith("computed (UTC)")
    assert f"{run}:0:pretrain" in logged
    assert "computed in" not in logged  # all of it was computed here


def test_show_takes_any_beginning_and_any_kind_of_thing(told: Callable[..., Any], smoke: Study) -> None:
    run = told("show", smoke.of("sft-dpo").id[:-2])
    assert (run["method"], run["pinned"], run["hollow"], run["missing"]) == ("sft-dpo", [], [], [])
    key, digest = run["pins"]["train:1"]["key"], run["pins"]["train:1"]["artifact"]
    by_step = told("show", f"{run['id']}:1:train")
    assert by_step == told("show", digest[:8])
    assert (by_step["artifact"], by_step["keys"], by_step["complete"], by_step["hollow"]) == (digest, [key], True, False)
    assert sorted(user["step"] for user in by_step["steps"]) == ["train:1"] * 3  # M_1 is shared
    (record,) = told("show", key[:8])
    assert (record["artifact"], record["steps"]) == (digest, by_step["steps"])
    name, entry = next((n, e) for n, e in by_step["files"].items() if n.endswith(".safetensors"))
    file = told("show", entry["sha256"])
    assert file == {"object": entry["sha256"], "size": entry["size"], "in": [{"artifact": digest, "file": name}]}


def test_log_tells_a_runs_steps_in_their_order_and_everything_else(told: Callable[..., Any], smoke: Study) -> None:
    run = smoke.run("sft")
    steps = told("log", run.id, "--format", "json")["log"]
    assert {step["steps"][0]["step"] for step in steps} == set(run.pins)
    assert [step["when"] for step in steps] == sorted(step["when"] for step in steps)
    order = [step["steps"][0]["step"] for step in steps]
    assert order.index("pretrain:0") < order.index("train:1") < order.index("sample/train:1") < order.index("train:2")
    trained = next(step for step in steps if step["stage"] == "train")
    assert trained["packages"]["trl"]
    assert (trained["store"], trained["seconds"] > 0) == (None, True)
    whole = told("log", "--format", "json")
    assert len(whole["log"]) == len(smoke.store.records.all())
    assert {step["stage"] for step in whole["log"]} > {"sample-shard", "train", "compare"}


def test_a_long_log_shows_the_latest_and_says_what_it_leaves_out(
    smoke: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect, "LOG_LINES", 3)
    inspect.log(None, smoke.store.path, "table")
    shown, said = capsys.readouterr()
    records = smoke.store.records.all()
    shards = sum(record.action["stage"] == "sample-shard" for record in records)
    assert shown.count("\n") == 1 + 3
    assert f"{len(records) - shards - 3:,} earlier steps are not shown" in said
    assert f"{shards} shards of samples are not shown; --all lists them" in said
    assert "compare" in shown
    inspect.log(None, smoke.store.path, "table", everything=True)
    assert f"{len(records) - 3:,} earlier steps are not shown" in capsys.readouterr().err


def test_du_adds_up(told: Callable[..., Any], smoke: Study) -> None:
    found = told("du", "--format", "json")
    assert found["total"]["size"] == sum(path.stat().st_size for path in smoke.store.path.rglob("*") if path.is_file())
    stages = {stage["name"]: stage for stage in found["stages"]}
    assert {"pretrain", "train", "sample", "grade", "select", "measure", "compare"} <= stages.keys()
    pins = [(step, pin.artifact) for run in smoke.store.runs.all() for step, pin in run.pins.items() if step.startswith("train:")]
    assert stages["train"]["artifacts"] == len({artifact for _, artifact in pins}) < len(pins)  # all methods share M_1
    assert len(found["runs"]) == 3


def test_diff_tells_two_runs_apart(told: Callable[..., Any], command: Command, smoke: Study) -> None:
    sft, dpo = smoke.of("sft").id, smoke.of("dpo").id
    assert told("diff", sft, dpo, "--format", "json")["schema"] == 1
    done = command("store", "diff", sft, dpo, "--store", smoke.store.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_path_takes_a_step_by_either_name(command: Command, smoke: Study) -> None:
    run, folder = smoke.of("sft").id, smoke.store.path
    by_step = command("store", "path", run[:-1], "train:2", "--store", folder).stdout
    assert by_step == command("store", "path", run, "2:train", "--store", folder).stdout
    assert by_step == command("store", "path", f"{run}:2:train", "--store", folder).stdout
    assert command("store", "path", run[:-1], "--store", folder).stdout == f"{(folder / 'runs' / f'{run}.json').resolve()}\n"


def test_looking_writes_nothing(command: Command, smoke: Study) -> None:
    folder, run = smoke.store.path, smoke.of("dpo").id
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    for arguments in (["ls"], ["show", run], ["log"], ["log", run], ["du"], ["diff", run, run], ["path", run]):
        assert command("store", *arguments, "--store", folder).returncode == 0
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ls", "--format", "xml"], "unknown format 'xml'"),
        (["log", "--format", "csv"], "unknown format 'csv'"),
        (["du", "--format", "jsn"], "did you mean 'json'"),
        (["diff", "a", "b", "--format", "x"], "unknown format 'x'"),
        (["diff", "tiny_smoke-sft-dpo", "none"], "has no run 'none'"),
        (["log", "tiny_smoke-stf"], "did you mean 'tiny_smoke-sft-"),
        (["log", "tiny_smoke"], "several runs begin with 'tiny_smoke': tiny_smoke-dpo-"),
        (["show", ""], "no run, key or artifact ''"),
        (["show", "00000000"], "no run, key or artifact"),
        (["show", "tiny_smoke-dpo:9:train"], "has no step '9:train'; did you mean '"),
        (["path", "tiny_smoke-dpo", "trian:2"], "did you mean '2:train'"),
        (["get", "tiny_smoke-dpo:2:sample", "--to", "out"], "means several steps"),
        (["get", "tiny_smoke-dpo", "--to", "out"], "name a step of it, such as tiny_smoke-dpo-"),
        (["get", "nothing", "--to", "out"], "has no artifact 'nothing'"),
        (["get", "tiny_smoke-dpo:2:train"], "--to"),
        (["get", "tiny_smoke-dpo:2:train", "--to", "/dev/null/x"], "/dev/null/x can't be written: Not a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line(command: Command, smoke: Study, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = command("store", *arguments, "--store", smoke.store.path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sirev: error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_file_is_one_clear_line(command: Command, smoke: Study, smoke_copy: Path) -> None:
    file = smoke_copy / "runs" / f"{smoke.of('sft').id}.json"
    file.chmod(0o644)
    file.write_text("{}")
    for arguments in (["ls"], ["du"], ["log"], ["show", file.stem]):
        done = command("store", *arguments, "--store", smoke_copy)
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
        assert "sirev store verify --repair" in done.stderr


def test_get_hands_out_files_and_prints_their_names(command: Command, smoke: Study, tmp_path: Path) -> None:
    run, folder = smoke.of("sft").id, smoke.store.path
    done = command("store", "get", f"{run}:2:train", "--to", "model", "--store", folder)
    assert (done.returncode, done.stderr) == (0, "")
    manifest = smoke.artifact("sft", "train:2").manifest
    assert done.stdout.splitlines() == [f"model/{name}" for name in sorted(manifest["files"])]
    for name, entry in manifest["files"].items():
        assert sha256((tmp_path / "model" / name).read_bytes()) == entry["sha256"]
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").num_parameters() > 1000
    assert AutoTokenizer.from_pretrained(tmp_path / "model").eos_token_id is not None
    again = command("store", "get", f"{run}:2:train", "--to", "model", "--store", folder)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is not an empty folder" in again.stderr


def test_damage_is_one_clear_line_and_leaves_nothing(command: Command, smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    digest = smoke.artifact("sft", "train:2").manifest["files"]["model.safetensors"]["sha256"]
    file = Store(smoke_copy).objects.path(digest)
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])
    done = command("store", "get", f"{smoke.of('sft').id}:2:train", "--to", "out", "--store", smoke_copy)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (1, 1, "")
    assert "sirev store verify --repair" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_was_noted_beside_a_step_comes_with_it(command: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made = store.publish({"stage": "grade"}, Output(files={"a": b"1"}, notes={"programs.jsonl.gz": b"said"}))
    pin = Pin(keys_of(store, made.digest)[0], made.digest)
    store.runs.save(Run("mbpp-sft-s0", "mbpp", "sft", 0, 1, {}, invocation="test", pins={"grade/draws:1": pin}))
    assert command("store", "get", "mbpp:1:grade", "--to", "out", "--store", store.path).stdout == (
        "out/a\nout/notes/programs.jsonl.gz\n"
    )
    assert command("store", "get", made.digest, "--to", "alone", "--store", store.path).stdout == "alone/a\n"


def test_names_that_would_steer_a_terminal_are_printed_as_what_they_are(command: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made = store.publish({"stage": "train"}, Output(files={"a\x1b]0;owned\x07\nb": b"1"}))
    done = command("store", "get", made.digest, "--to", "out", "--store", store.path)
    assert done.stdout == "out/a\\x1b]0;owned\\x07\\nb\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("adapter")
    (folder / "base").mkdir()
    return adapter_run(folder, folder / "base", *save_base_model(folder / "base"))


def test_an_adapter_loads_in_peft_as_it_is(command: Command, trained: Trained, tmp_path: Path) -> None:
    done = command("store", "get", "mine:1:train", "--to", "adapter", "--store", trained.store)
    assert {"adapter/adapter_config.json", "adapter/adapter_model.safetensors", "adapter/tokenizer.json"} <= set(
        done.stdout.splitlines()
    )
    assert done.stderr.startswith("sirev: an adapter; its base model is the local model of digest ")
    assert str(trained.base) in done.stderr
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(trained.base)
    ids = AutoTokenizer.from_pretrained(tmp_path / "adapter")("Tom has 3 apples.", return_tensors="pt")
    with torch.inference_mode():
        without = base(**ids).logits
        handed_out = PeftModel.from_pretrained(base, tmp_path / "adapter")(**ids).logits
        saved = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(trained.base), trained.saved)(**ids).logits
    assert torch.equal(handed_out, saved)
    assert not torch.allclose(handed_out, without, atol=1e-3)


def test_a_base_model_is_handed_out_as_what_it_refers_to(command: Command, trained: Trained, tmp_path: Path) -> None:
    done = command("store", "get", "mine:0:model", "--to", "m0", "--store", trained.store)
    assert done.stdout == f"m0/{REFERENCE}\n"
    assert json.loads((tmp_path / "m0" / REFERENCE).read_bytes())["digest"]
    assert "stands for the local model" in done.stderr
    assert done.stderr.count("\n") == 1
    store = Store(tmp_path / "store")
    of_hub = {"hub": "mistralai/Mistral-7B-v0.1", "commit": "0123abcd"}
    made = store.publish({"stage": "model"}, Output(files={REFERENCE: canonical_json(of_hub)}))
    done = command("store", "get", made.digest[:9], "--to", "m1", "--store", store.path)
    assert "stands for the Hub's mistralai/Mistral-7B-v0.1 at commit 0123abcd" in done.stderr


def test_a_model_that_was_given_up_says_how_to_get_it_back(command: Command, trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.store, tmp_path / "store")
    store = Store(tmp_path / "store")
    model = store.artifact(trained.run.pins["train:1"].artifact)
    store.hollow.add(model.digest)
    store.objects.path(model.manifest["files"]["adapter_model.safetensors"]["sha256"]).unlink()
    for arguments in (["get", "mine:1:train", "--to", "out"], ["path", "mine", "train:1"]):
        done = command("store", *arguments, "--store", store.path)
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
        assert "were given up to save space" in done.stderr
        assert "or recompute them: sirev iterate --redo t:STAGE" in done.stderr
    assert not (tmp_path / "out").exists()
    shown = json.loads(command("store", "show", "mine:1:train", "--store", store.path).stdout)
    assert (shown["hollow"], shown["complete"]) == (True, False)
    assert json.loads(command("store", "show", "mine", "--store", store.path).stdout)["hollow"] == ["train:1"]
