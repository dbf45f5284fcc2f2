"""Commands of a light install: sirev without what trains, samples and embeds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import Study, tree
from tests.light_install import CHECKOUT, PROJECT, LightInstall

TRAINING = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["train"]}
Light = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> LightInstall:
    return LightInstall.make(tmp_path_factory.mktemp("light") / "venv")


@pytest.fixture
def light(install: LightInstall, tmp_path: Path) -> Light:
    """Runs `sirev` of the light install with arguments, in an empty folder; asserts its exit status."""
    return caller(install.python, tmp_path)


def caller(python: Path, folder: Path) -> Light:
    def call(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = [python, "-m", "sirev", *map(str, arguments)]
        environment = {**os.environ, "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, done.stderr
        return done

    return call


def written(file: Path, rows: list[dict[str, object]]) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_nothing_that_trains_comes_with_it(install: LightInstall) -> None:
    assert not install.packages & {*TRAINING, "vllm", "openai", "bitsandbytes", "pandas", "scikit-learn", "triton"}
    program = f"from importlib.util import find_spec; print([n for n in {sorted(TRAINING)} if find_spec(n.replace('-', '_'))])"
    assert subprocess.run([install.python, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
def test_a_study_is_reported_and_replayed(light: Light, smoke: Study, tmp_path: Path) -> None:
    before = tree(smoke.store.path)
    asked = ("tiny_smoke", "--store", smoke.store.path)
    assert "INCONCLUSIVE" in light("report", *asked).stdout
    light("report", "html", *asked, "--output", "page.html")
    assert "<svg" in (tmp_path / "page.html").read_text()
    assert "0 computed" in light("iterate", *asked).stderr
    assert "Nothing is left to compute." in light("plan", *asked).stdout
    assert "2:train" in light("why", *asked, "--set", "training.sft.epochs=2").stdout
    assert tree(smoke.store.path) == before


@pytest.mark.slow
def test_a_store_is_pulled_checked_recomputed_and_pushed(light: Light, smoke: Study) -> None:
    light("store", "pull", smoke.store.path, "--store", "mine")
    verified = light("store", "verify", "--recompute", "12", "--store", "mine").stdout
    assert "12 of " in verified
    assert "all identical" in verified
    light("store", "push", "theirs", "--store", "mine")
    assert "0 computed" in light("iterate", "tiny_smoke", "--remote", "theirs", "--store", "new").stderr


def test_a_run_is_regraded(light: Light, smoke_copy: Path, smoke: Study) -> None:
    run = smoke.of("sft").id
    regraded = light("regrade", run, "--set", "evaluation.grader={name: exact}", "--store", smoke_copy)
    assert "0 computed" not in regraded.stderr


def test_rows_with_verdicts_are_measured(light: Light, tmp_path: Path) -> None:
    for step, right in (("m1", (0, 2)), ("m2", (0, 1, 2, 3))):
        graded = [{"id": str(i), "completion": "a", "correct": i in right} for i in range(4)]
        written(tmp_path / f"{step}.jsonl", graded)
    done = light("measure", "mine", "--step", "M1=m1.jsonl", "--step", "M2=m2.jsonl", "--store", "store")
    assert "50.0 → 100.0" in done.stdout


PROBLEMS: dict[str, Callable[[int], dict[str, object]]] = {
    "gsm8k": lambda i: {"question": f"{i} + 40?", "answer": f"It is.\n#### {i + 40}"},
    "math": lambda i: {"problem": f"Half of {i}?", "solution": rf"\boxed{{\frac{{{i}}}{{2}}}}", "level": "Level 1"},
    "mbpp": lambda i: {"task_id": 11 + i, "text": f"Add {i}.", "code": "pass", "test_list": [f"assert f(1) == {1 + i}"]},
}
ANSWERS: dict[str, Callable[[int], str]] = {
    "gsm8k": lambda i: f"So it is.\n#### {i + 40}",
    "math": lambda i: rf"So it is \boxed{{{i / 2}}}.",  # equal to the fraction, which math-verify finds
    "mbpp": lambda i: f"def f(x):\n    return x + {i}",
}


@pytest.mark.parametrize(
    ("task", "problem", "options"),
    [("gsm8k", "question", ()), ("math", "problem", ()), ("mbpp", "task_id", ("--grader", "mbpp"))],
)
def test_rows_are_graded_by_the_checker_of_a_task(
    light: Light, tmp_path: Path, task: str, problem: str, options: tuple[str, ...]
) -> None:
    rows = [PROBLEMS[task](i) for i in range(1, 5)]
    written(tmp_path / "test.jsonl", rows)
    for step, off in (("m1", 5), ("m2", 0)):  # M_1 is off at every second problem
        answers = [ANSWERS[task](i + off * (i % 2)) for i in range(1, 5)]
        graded = [{problem: row[problem], "completion": answer} for row, answer in zip(rows, answers, strict=True)]
        written(tmp_path / f"{step}.jsonl", graded)
    steps = ("--step", "M1=m1.jsonl", "--step", "M2=m2.jsonl", "--store", "store")
    done = light("measure", "mine", *steps, "--task", task, "--data", "test.jsonl", "--id", problem, *options)
    assert "50.0 → 100.0" in done.stdout


def test_what_trains_is_asked_for_by_one_command_before_anything_is_made(light: Light, tmp_path: Path) -> None:
    (line,) = light("iterate", "tiny", "--store", "store", status=2).stderr.splitlines()
    assert line.startswith("sirev: error: 0:pretrain can't be computed here: libraries: accelerate, datasets, ")
    assert line.count("pip install") == 1
    assert line.endswith("[train]'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("setting", "extra"), [("engine=vllm", "vllm"), ("training.optimizer=paged_adamw_8bit", "full")])
def test_the_command_brings_all_that_a_recipe_takes(light: Light, setting: str, extra: str) -> None:
    lines = light("iterate", "tiny", "--set", setting, "--store", "store", status=2).stderr.splitlines()
    assert lines[0].endswith(f"[{extra}]'")
    assert sum("pip install" in line for line in lines) == 1


def test_the_doctor_knows_what_is_not_needed_until_one_trains(light: Light) -> None:
    here = light("doctor", "--store", "store").stdout
    assert "Missing" not in here
    assert "torch" in here.partition("Not here, and not needed")[2]
    assert "[train]" in light("doctor", "tiny", "--store", "store", status=1).stdout.partition("Here")[0]


def test_rows_of_the_hub_name_the_package_that_reads_them(light: Light, tmp_path: Path) -> None:
    written(tmp_path / "m.jsonl", [{"id": "1", "completion": "1"}])
    steps = ("--step", "M1=m.jsonl", "--step", "M2=m.jsonl")
    (line,) = light("measure", "mine", *steps, "--task", "gsm8k", "--store", "store", status=2).stderr.splitlines()
    assert "rows of the Hub need datasets, which is not installed: pip install datasets, or " in line


@pytest.mark.slow
def test_pip_installs_that_and_no_more(install: LightInstall, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(CHECKOUT, source, ignore=shutil.ignore_patterns(".*", "cache", "*cache*"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", "--constraint", CHECKOUT / "constraints.txt", source], check=True)
    listed = json.loads(subprocess.run([*pip, "list", "--format", "json"], capture_output=True, check=True).stdout)
    assert {canonicalize_name(one["name"]) for one in listed} - {"pip", "setuptools"} == {"sirev", *install.packages}
    light = caller(python, tmp_path)
    light("doctor")
    assert "0:pretrain comes with sirev" in light("plan", "tiny", "--store", "store", "--format", "json").stdout
    (line,) = light("iterate", "tiny", "--store", "store", status=2).stderr.splitlines()
    assert line.endswith("; install them: pip install 'sirev[train]'")  # of no checkout
