from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from sirev.cli import completion
from sirev.cli.report import FILES, PAPERS
from sirev.recipe import METHODS, recipe_names
from sirev.reporting.sections import ALL, SECTIONS
from sirev.reporting.summary import FORMATS
from sirev.study.nulls import Null
from sirev.trackers.dispatch import TRACKERS
from tests.conftest import Command, Study

HEAVY = {"pydantic", "yaml", "rich", "numpy", "torch", "transformers", "datasets", "pyarrow"}


def offered(command: Command, line: str, **environment: str) -> list[str]:
    """What bash would offer at the end of a command line."""
    words = line.split(" ")
    done = command(**{"_SIREV_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), **environment})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_commands_recipes_and_values_are_offered(command: Command, tmp_path: Path) -> None:
    (tmp_path / "times.yaml").write_text("")
    assert offered(command, "sirev re") == ["report", "regrade", "recipes"]
    assert offered(command, "sirev iterate ti") == ["tiny", "tiny_smoke", "times.yaml"]
    assert offered(command, "sirev plan --recipe gsm") == ["gsm8k"]
    assert offered(command, "sirev iterate tiny --method s") == ["sft", "sft-dpo"]
    assert offered(command, "sirev iterate tiny --overlay 2") == ["24gb"]
    assert offered(command, "sirev plan tiny --gpu a100") == ["a100-40", "a100"]
    assert offered(command, "sirev report d") == ["diversity"]
    assert offered(command, "sirev why tiny --format j") == ["json"]


def test_a_name_that_a_terminal_would_act_upon_is_not_offered(command: Command, tmp_path: Path) -> None:
    for name in ("times", "ti\x1b]0;t\x07", "ti\u202e"):
        (tmp_path / f"{name}.yaml").write_text("")
    (tmp_path / "runs").mkdir()
    for name in ("tiny-sft-s0-0", "tiny-sft-s0-\x9b2J"):
        (tmp_path / "runs" / f"{name}.json").write_text("")
    assert offered(command, "sirev iterate tim") == ["times.yaml"]
    assert offered(command, "sirev iterate ti") == ["tiny", "tiny_smoke", "times.yaml"]
    assert offered(command, "sirev store show tiny", SIREV_STORE=str(tmp_path)) == ["tiny-sft-s0-0"]


def test_runs_of_the_store_and_their_recipes_are_offered(command: Command, smoke: Study) -> None:
    store = {"SIREV_STORE": str(smoke.store.path)}
    ids = sorted(result.id for result in smoke.results)
    assert sorted(offered(command, "sirev store show tiny", **store)) == ids
    assert sorted(offered(command, f"sirev store log --store {smoke.store.path} tiny")) == ids
    assert offered(command, "sirev report t", **store) == ["training", "tiny_smoke"]
    assert sorted(offered(command, "sirev store export t", **store)) == ["tiny_smoke", *ids]
    assert offered(command, "sirev store show tiny", SIREV_STORE="/nowhere") == []


@pytest.mark.parametrize(
    ("run_id", "recipe"),
    [
        ("tiny-sft-s0-1dcc2f30", "tiny"),
        ("tiny-sft-dpo-s12-1dcc2f30-r2", "tiny"),
        ("qwen2.5-1.5b-gsm8k-dpo-s0-1dcc2f30", "qwen2.5-1.5b-gsm8k"),
        ("tiny-null-retrain-5-s0-1dcc2f30", "tiny"),
        ("tiny-null-gold-sft-dpo-s0-1dcc2f30", "tiny"),
        ("mine-samples-s0-a480f538", "mine"),
    ],
)
def test_the_recipe_of_a_run_is_read_off_its_id(run_id: str, recipe: str) -> None:
    found = completion.RUN_ID.match(run_id)
    assert found is not None
    assert found[1] == recipe


def test_what_is_offered_is_what_there_is() -> None:
    assert (*METHODS, "all") == completion.METHOD_WORDS
    assert get_args(Null) == completion.NULLS
    assert completion.FORMAT_WORDS == FORMATS
    assert (ALL, *SECTIONS, *FILES, *PAPERS) == completion.SECTION_WORDS
    assert tuple(TRACKERS) == completion.TRACKER_WORDS
    assert completion.recipes("") == [*recipe_names(), *(path.name for path in sorted(Path().glob("*.y*ml")))]


def test_completion_loads_nothing_heavy(tmp_path: Path) -> None:
    program = "import sys\nfrom sirev.cli import completion, main\ncompletion.recipes('t')\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert not HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_names_the_command(command: Command, shell: str) -> None:
    done = command(_SIREV_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_SIREV_COMPLETE" in done.stdout
