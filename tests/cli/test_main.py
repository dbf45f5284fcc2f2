from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sirev
from sirev.recipe import load_recipe, recipe_names
from tests.commands import on_a_terminal
from tests.conftest import BROKEN_TRL, SIREV, Command, Study, tree

HEAVY = ("torch", "transformers", "datasets", "pyarrow", "trl", "peft", "numpy", "pandas")


@pytest.fixture(scope="module")
def folder(smoke: Study) -> Path:
    """The store of the finished study."""
    return smoke.store.path


def test_version(command: Command) -> None:
    assert re.fullmatch(r"sirev \d+\.\d+\.\d+\n", command("--version").stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        *([verb, "--recipe", "tiny_smoke"] for verb in ("iterate", "report", "plan")),
        *(["report", section, "--recipe", "tiny_smoke"] for section in ("checklist", "methods")),
    ],
)
def test_a_replay_and_a_report_load_nothing_heavy(folder: Path, arguments: list[str]) -> None:
    program = (
        "import os, sys\n"
        f"heavy = {HEAVY}\n"
        "leave = os._exit\n"
        "os._exit = lambda status: (print(*[m for m in heavy if m in sys.modules], file=sys.stderr), leave(status))\n"
        "sys.argv = ['sirev', *sys.argv[1:]]\n"
        "from sirev.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, *arguments, "--store", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == ""


def test_a_replay_takes_a_blink(folder: Path) -> None:
    """At most nine times the function calls of the imports that it can't do without.

    Calls are the same each time, on a machine however busy; benchmarks/replay.py measures the time on a quiet one.
    """
    program = (
        "import os, sys, threading\n"
        "calls = 0\n"
        "def count(frame, event, argument):\n"
        "    global calls\n"
        "    calls += event in ('call', 'c_call')\n"
        "leave = os._exit\n"
        "os._exit = lambda status: (sys.setprofile(None), print(imports, calls, file=sys.stderr), leave(status))\n"
        "threading.setprofile(count)\n"
        "sys.setprofile(count)\n"
        "import typer, rich, pydantic, yaml\n"
        "imports = calls\n"
        "from sirev.cli.main import main\n"
        "main()\n"
    )
    replay = [sys.executable, "-c", program, "iterate", "--recipe", "tiny_smoke", "--store", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(2):  # the first one may have modules to compile
        done = subprocess.run(replay, env=environment, capture_output=True, text=True, check=True, timeout=600)
    imports, calls = map(int, done.stderr.splitlines()[-1].split())
    assert calls <= 9 * imports


def test_iterate_ends_with_the_screen_and_where_to_look_next(command: Command, folder: Path) -> None:
    done = command("iterate", "--recipe", "tiny_smoke", "--store", folder)
    assert done.returncode == 0
    assert done.stdout == command("report", "--recipe", "tiny_smoke", "--store", folder).stdout.replace(
        " tiny_smoke --store ", " --store "
    )
    assert f"  sirev report all --store {folder}" in done.stdout.splitlines()
    assert "0 computed" in done.stderr


@pytest.mark.slow
def test_iterate_reports_plain_lines_where_there_is_no_terminal(command: Command, smoke_copy: Path) -> None:
    done = command(
        "iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", smoke_copy, "--set", "training.sft.learning_rate=1e-3"
    )
    assert done.returncode == 0
    assert re.search(r"^sft seed 0  2:train  done in \d+\.\d s$", done.stderr, re.M)
    assert re.search(r"^sft seed 0  finished  \d+ steps computed, \d+ cached(, \d+ shared with another run)?$", done.stderr, re.M)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
def test_iterate_shows_bars_on_a_terminal(smoke_copy: Path) -> None:
    arguments = ["--store", str(smoke_copy), "--method", "sft", "--set", "training.sft.learning_rate=1e-3"]
    shown, status = on_a_terminal([SIREV, "iterate", "--recipe", "tiny_smoke", *arguments], 120)
    assert status == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "sft seed 0" in plain
    assert "2:train" in plain
    assert "finished" in plain


@pytest.mark.slow
def test_a_recipe_is_a_word_of_every_command(command: Command, folder: Path) -> None:
    place = ("--store", folder)
    for words in (["iterate"], ["plan"], ["why"], ["report"]):
        named, worded = command(*words, "--recipe", "tiny_smoke", *place), command(*words, "tiny_smoke", *place)
        assert (worded.returncode, worded.stdout) == (0, named.stdout)
    assert command("why", "tiny_smoke", "2:train", *place).stdout.startswith("2:train")
    named = command("report", "diversity", "--recipe", "tiny_smoke", *place)
    assert command("report", "tiny_smoke", "diversity", *place).stdout == named.stdout


def test_runs_of_a_task_are_named_after_model_and_task(command: Command, tmp_path: Path) -> None:
    model, place = "Qwen/Qwen2.5-1.5B", tmp_path / "store"
    done = command("why", "gsm8k", "train:1", "--model", model, "--set", "T=3", "--format", "json", "--store", place)
    told = json.loads(done.stdout)
    assert told["recipe"] == "qwen2.5-1.5b-gsm8k"
    asked = sirev.why("gsm8k", which="train:1", model=model, overrides={"T": 3}, store=place)
    assert told == asked.to_dict()
    assert {run.rpartition("-")[0] for run in asked.runs} == {f"qwen2.5-1.5b-gsm8k-{m}-s0" for m in ("sft", "dpo", "sft-dpo")}


def test_plan_lists_every_step_where_it_is_asked_to(command: Command, folder: Path) -> None:
    done = command("plan", "--steps", "--recipe", "tiny_smoke", "--set", "training.sft.learning_rate=1e-3", "--store", folder)
    assert done.returncode == 0
    assert re.search(r"^ ?2:train .*run .*hit .*hit", done.stdout, re.M)
    assert "unknown: depends on the result of an earlier step" in done.stdout


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json", "latex"])
def test_report_in_every_format(command: Command, folder: Path, form: str) -> None:
    done = command("report", "--recipe", "tiny_smoke", "--format", form, "--store", folder)
    assert done.returncode == 0
    assert "sft-dpo" in done.stdout
    if form == "json":
        assert json.loads(done.stdout)["schema"] == 3


@pytest.mark.parametrize("section", ["verdict", "accuracy", "pass-n", "diversity", "ood", "coverage"])
def test_report_sections(command: Command, folder: Path, section: str) -> None:
    done = command("report", section, "--recipe", "tiny_smoke", "--method", "dpo", "--store", folder)
    assert done.returncode == 0
    assert "sft" not in done.stdout


@pytest.mark.slow
def test_a_page_and_figures_are_written_where_asked(command: Command, folder: Path, tmp_path: Path) -> None:
    asked = ("--recipe", "tiny_smoke", "--store", folder, "--output")
    done = command("report", "html", *asked, tmp_path / "report.html")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'report.html'}\n")
    assert "</html>" in (tmp_path / "report.html").read_text()
    done = command("report", "figures", *asked, tmp_path / "figures")
    assert done.returncode == 0
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert done.stdout == f"{len(written)} files written to {tmp_path / 'figures'}\n"
    assert {"pass-at-1.svg", "pass-at-1.pdf", "pass-at-1.png"} <= set(written)


def test_numbers_beside_the_paper_are_for_its_own_recipes(command: Command, folder: Path) -> None:
    done = command("report", "--recipe", "tiny_smoke", "--against", "paper", "--store", folder)
    assert done.returncode == 2
    assert "mistral_gsm8k" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json", "latex"])
def test_a_report_that_nobody_reads_to_the_end_is_no_error(folder: Path, form: str) -> None:
    report = f"'{SIREV}' report --recipe tiny_smoke --format {form} --store '{folder}' | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", report], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] in ("0", "141")
    assert done.stderr == ""


@pytest.mark.slow
def test_progress_that_nobody_reads_does_not_stop_the_work(smoke_copy: Path) -> None:
    arguments = f"--recipe tiny_smoke --method sft --store '{smoke_copy}' --set training.sft.learning_rate=1e-3"
    command = f"'{SIREV}' iterate {arguments} 2> >(true) >/dev/null; echo $?"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=600)
    assert done.stdout == "0\n"


def test_sirev_alone_shows_its_help(command: Command) -> None:
    for arguments in ([], ["store"]):
        done = command(*arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("Usage: sirev")


def test_recipes_are_listed_and_shown(command: Command) -> None:
    assert re.search(r"^tiny +The whole demonstration", command("recipes").stdout, re.M)
    assert "pretrain" in command("recipes", "tiny").stdout


def test_a_shown_recipe_is_the_recipe(command: Command, tmp_path: Path) -> None:
    """Every setting filled in, as a file that can be run; its top says what it was put together from."""
    shown = command("recipes", "mistral_gsm8k", "--overlay", "24gb", "--set", "T=3").stdout
    (tmp_path / "mine.yaml").write_text(shown)
    mine = load_recipe(tmp_path / "mine.yaml")
    assert mine == load_recipe("mistral_gsm8k", ["T=3"], ["24gb"])
    top = [line.rpartition("/")[2] for line in shown.splitlines() if line.startswith("#")]
    assert top == [
        "# Resolved from:",
        *("paper.yaml", "gsm8k.yaml", "mistral.yaml", "mistral_gsm8k.yaml", "24gb.yaml"),
        "# --set T=3",
    ]


def test_overlays_are_listed_below_the_recipes(command: Command) -> None:
    _, overlays = command("recipes").stdout.split("\nOverlays, for --overlay:\n")
    assert [line.split()[0] for line in overlays.splitlines()] == ["24gb", "dev", "full"]
    assert all(len(line.split()) > 3 for line in overlays.splitlines())


def test_an_overlay_changes_what_would_run(command: Command, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "faster.yaml").write_text("training: {sft: {learning_rate: 1e-3}}\n")
    arguments = ["--steps", "--recipe", "tiny_smoke", "--method", "sft", "--store", folder]
    assert re.search(r"^ ?2:train +hit", command("plan", *arguments).stdout, re.M)
    done = command("plan", *arguments, "--overlay", "./faster.yaml")
    assert re.search(r"^ ?1:train +hit", done.stdout, re.M)
    assert re.search(r"^ ?2:train +run", done.stdout, re.M)


def test_store_commands(command: Command, smoke: Study) -> None:
    folder = smoke.store.path
    assert command("store", "path", "--store", folder).stdout == f"{folder.resolve()}\n"
    assert command("store", "path", SIREV_STORE=str(folder)).stdout == f"{folder.resolve()}\n"
    listed = command("store", "ls", "--store", folder).stdout
    assert all(result.id in listed for result in smoke.results)
    run = smoke.of("sft").id
    shown = json.loads(command("store", "show", run, "--store", folder).stdout)
    assert shown["method"] == "sft"
    key = shown["pins"]["train:2"]["key"]
    (record,) = json.loads(command("store", "show", key[:10], "--store", folder).stdout)
    assert record["action"]["stage"] == "train"
    assert record["provenance"]["packages"]["trl"]
    manifest = json.loads(command("store", "show", record["artifact"], "--store", folder).stdout)
    assert "model.safetensors" in manifest["files"]
    files = command("store", "path", run, "train:2", "--store", folder).stdout.splitlines()
    name, path = next(line.split("\t") for line in files if line.startswith("model.safetensors"))
    assert subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.startswith(
        manifest["files"][name]["sha256"]
    )


BAD = [
    (["iterate", "--recipe", "tinny"], "did you mean 'tiny'"),
    (["iterate", "--recipe", "./none.yaml"], "no recipe file ./none.yaml"),
    (["iterate", "--recipe", "tiny", "--method", "ppo"], "unknown method 'ppo'"),
    (["iterate", "--recipe", "tiny", "--set", "T=1"], "T: 1 is not allowed: input should be greater than or equal to 2"),
    (["iterate", "--recipe", "tiny", "--set", "sampling.n=0"], "sampling.n: 0 is not allowed"),
    (["iterate", "--recipe", "tiny", "--set", "sampling.temperature=-0.5"], "sampling.temperature: -0.5 is not allowed"),
    (["iterate", "--recipe", "tiny", "--set", "samplin.n=1"], "no field 'samplin'; did you mean 'sampling'"),
    (["iterate", "--recipe", "tiny", "--set", "T=five"], "T: 'five' is not allowed"),
    (["iterate", "--recipe", "tiny", "--set", "T"], "expected key.sub=value"),
    (["iterate", "--recipe", "tiny", "--redo", "trian"], "unknown stage 'trian'; did you mean 'train'"),
    (["iterate", "--recipe", "tiny", "--seed", "one"], "seed"),
    (["iterate", "--recipe", "tiny", "--seed", "-1"], "seed -1"),
    (["iterate"], "no recipe was named: sirev iterate RECIPE"),
    (["iterate", "tiny", "--recipe", "tiny_smoke"], "two recipes were named, tiny and --recipe tiny_smoke"),
    (["iterate", "gsm8k"], "the recipe gsm8k names no model: add --model ORGANISATION/NAME or --model FOLDER"),
    (["iterate", "gsm8k", "--model", "a/b", "--set", "model=c/d"], "--model a/b and --set model=c/d both name the model"),
    (["iterate", "tiny", "--method", "SFT"], "did you mean 'sft'"),
    (["plan", "tiny", "--overlay", "24GB"], "did you mean '24gb'"),
    (["plan", "tiny", "--set", "lr=8"], "did you mean 'training.initial.learning_rate', 'training.sft.learning_rate' or"),
    (["doctor", "--model", "a/b"], "no recipe was named: sirev doctor RECIPE"),
    (["why", "tiny", "trian"], "these runs have no step 'trian'"),
    (["report", "tiny", "ood", "null"], "one section or all of them, not ood and null"),
    (["iterate", "--recipe", "tiny", "--stoer", "x"], "stoer"),
    (["itrate"], "itrate"),
    (["plan", "--recipe", "tinny"], "did you mean 'tiny'"),
    (["report"], "run first: sirev iterate --recipe tiny"),
    (["report", "accurcy"], "did you mean 'accuracy'"),
    (["report", "--format", "xml"], "unknown format 'xml'"),
    (["report", "html"], "sirev report html needs --output: a page, such as report.html"),
    (["report", "figures"], "sirev report figures needs --output: a folder"),
    (["report", "accuracy", "-o", "x"], "--output goes with html, figures, checklist, methods"),
    (["report", "--against", "nature"], "--against: unknown 'nature' (known: paper)"),
    (["measure", "mine", "--step", "M1"], "--step M1: expected STEP=FILE"),
    (["measure", "mine"], "--step"),
    (["measure", "mine", "--step", "M1=a.jsonl"], "there is no file a.jsonl"),
    (["measure", "mine", "--step", "M1=a.jsonl", "--step", "M2=b.jsonl"], "there is no file a.jsonl"),
    (["iterate", "--recipe", "tiny", "--null", "retrian"], "--null retrian: unknown null run; did you mean 'retrain'"),
    (["plan", "--recipe", "tiny", "--overlay", "24g"], "unknown name '24g' in overlays; did you mean '24gb'"),
    (["plan", "--recipe", "tiny", "--overlay", "./none.yaml"], "no overlays file ./none.yaml"),
    (["plan", "--recipe", "tiny", "--overlay", "24gb"], "24gb.yaml: engine.gpu_memory: 0.92: read only with engine.name: vllm"),
    (["plan", "--recipe", "mistral_gsm8k", "--set", "training.grader=letters"], "unknown name 'letters'; did you mean 'letter'"),
    (["recipes", "mistral_gsm8k", "--set", "engine=server"], "engine.url: missing"),
    (["recipes", "tinny"], "did you mean 'tiny'"),
    (["recipes", "--a\x1b[2J"], r"No such option: --a\x1b[2J"),
    (["store", "ls"], "run first: sirev iterate --recipe tiny"),
    (["store", "show", "nothing"], "no run, key or artifact 'nothing'"),
    (["store", "show", "../../etc/passwd"], "no run, key or artifact"),
    (["store", "path", "nothing"], "there is no store in"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_clear_line_and_status_2(command: Command, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = command(*arguments, SIREV_STORE=str(tmp_path / "store"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("sirev: error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "store").exists()


def test_a_store_of_a_newer_format_is_refused_by_every_command(command: Command, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "sirev-store.json").write_text('{"format": 99, "id": "x"}')
    before = tree(store)
    for arguments in (["iterate", "--recipe", "tiny"], ["plan", "--recipe", "tiny"], ["report"], ["store", "ls"]):
        done = command(*arguments, "--store", store)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "has format 99; this sirev reads up to 1: upgrade sirev" in done.stderr
    assert tree(store) == before


def test_a_store_that_can_not_be_written_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/sirev")):
        done = command("iterate", "--recipe", "tiny_smoke", "--store", place)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert str(place) in done.stderr


def test_a_damaged_record_is_named_and_the_command_it_names_mends_the_store(command: Command, smoke_copy: Path) -> None:
    record = sorted((smoke_copy / "records").rglob("*.json"))[0]
    record.chmod(0o644)
    record.write_text("{")
    done = command("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy)
    assert done.returncode == 2
    assert str(record) in done.stderr
    mend = re.search(r"sirev (store verify --repair)$", done.stderr)
    assert mend
    assert command(*mend[1].split(), "--store", smoke_copy).returncode == 0
    assert command("iterate", "--recipe", "tiny_smoke", "--store", smoke_copy).returncode == 0


@pytest.mark.slow
def test_a_failed_stage_is_one_line_and_status_1(command: Command, smoke_copy: Path) -> None:
    done = command(
        *("iterate", "--recipe", "tiny_smoke", "--method", "sft", "--store", smoke_copy),
        *("--set", "training.sft.learning_rate=1e-3"),
        PYTHONPATH=str(BROKEN_TRL),
    )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sirev:")]
    assert re.match(r"sirev: failed: .* step 2:train \(stage train, key [0-9a-f]{12}\) failed: .*; log: /", line)


@pytest.mark.slow
def test_the_package_installs_and_brings_its_recipes(tmp_path: Path) -> None:
    """`pip install .` into a folder of its own, without the libraries that this environment has already."""
    checkout = Path(__file__).parents[2]
    source = tmp_path / "source"
    shutil.copytree(checkout, source, ignore=shutil.ignore_patterns(".venv", ".git", "cache", "*cache*"))
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", tmp_path / "site", source]
    subprocess.run(command, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    environment.pop("SIREV_STORE")
    run = [sys.executable, "-c", "import sirev; print(sirev.__file__, sirev.recipe_names(), sirev.Store().path)"]
    out = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "site") in out
    assert str(recipe_names()) in out
    assert out.strip().endswith("/sirev")
    assert (tmp_path / "site" / "bin" / "sirev").is_file()


def ended(*arguments: object, seconds: float = 120, memory: int | None = None, **environment: str) -> tuple[int, list[str]]:
    """Exit status and lines of the errors of a command that has so many bytes of memory."""
    limit = None if memory is None else lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    done = subprocess.run(
        [SIREV, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        preexec_fn=limit,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stderr.splitlines()


def test_a_command_that_runs_out_of_memory_ends_in_a_line(tmp_path: Path) -> None:
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(3 << 30)
    assert ended("recipes", tmp_path / "large.yaml", memory=1 << 30) == (1, ["sirev: failed: out of memory"])


def test_a_run_too_large_for_any_is_refused_before_it_is_read(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "runs").mkdir(parents=True)
    (store / "sirev-store.json").write_text('{"format":1,"id":"0123456789abcdef"}')
    with (store / "runs" / "large.json").open("wb") as file:
        file.truncate(3 << 30)
    status, lines = ended("report", "--store", store, memory=1 << 30)
    assert (status, len(lines)) == (2, 1)
    assert "16,777,216 bytes" in lines[0]


def test_a_stage_that_runs_out_of_memory_ends_in_a_line(tmp_path: Path) -> None:
    for name in ("m1.json", "m2.json"):
        (tmp_path / name).write_text("[" + "{}," * 20_000_000 + f'"{name}"]')  # becomes 1.5 GB
    steps = ["--step", f"M1={tmp_path}/m1.json", "--step", f"M2={tmp_path}/m2.json"]
    status, lines = ended("measure", "mine", *steps, "--store", tmp_path / "store", memory=1 << 30)
    assert (status, len(lines)) == (1, 1)
    assert re.fullmatch(r"sirev: failed: mine-\S+: step 1:samples/file .* failed: out of memory", lines[0])


@pytest.mark.parametrize("name", ["m.jsonl", "m.jsonl.gz", "m.json", "m.parquet"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    pipe = tmp_path / name
    for other in ("m1.jsonl", "m2.jsonl"):
        (tmp_path / other).write_text(f'{{"id": "a", "completion": "{other}"}}\n')
    steps = ("--step", f"M1={tmp_path}/m1.jsonl", "--step", f"M2={tmp_path}/m2.jsonl")
    told = f"{pipe}: is a pipe, where a file is expected; it would have to be read twice: write it to a file first"
    for arguments in (
        ("measure", "mine", "--step", f"M1={pipe}", "--step", f"M2={pipe}"),
        ("measure", "mine", *steps, "--task", "gsm8k", "--data", pipe),
        ("iterate", "--recipe", "gsm8k", "--model", "a/b", "--set", f"task.data={{train: {pipe}, test: {pipe}.2}}"),
    ):
        assert ended(*arguments, "--store", tmp_path / "store") == (2, [f"sirev: error: {told}"])


def test_a_number_that_no_column_holds_is_refused_with_its_line(tmp_path: Path) -> None:
    for name in ("m1.jsonl", "m2.jsonl"):
        row = {"id": name, "completion": "4", "correct": True, "tokens": 2**63}
        (tmp_path / name).write_text(f"{json.dumps(row)}\n")
    steps = ["--step", f"M1={tmp_path}/m1.jsonl", "--step", f"M2={tmp_path}/m2.jsonl"]
    told = f"{tmp_path}/m1.jsonl:1: a number of tokens must be below 2^63, found 9223372036854775808 (int)"
    assert ended("measure", "mine", *steps, "--store", tmp_path / "store") == (2, [f"sirev: error: {told}"])
