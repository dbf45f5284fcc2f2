"""`sirev report html|figures`: what is chosen, said and written, and the exit status."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import sirev
from sirev.reporting.figures.grids import GRIDS
from sirev.store.store import Store
from tests.conftest import Command, Study


def measured(folder: Path, name: str, right: int) -> None:
    """A study of this name in folder/store; other completions are other settings."""
    for step in ("base", "last"):
        rows = [{"id": f"p{i}", "text": f"{i}", "correct": i < right} for i in range(6)]
        (folder / f"{step}{right}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sirev.measure(name, steps={step: folder / f"{step}{right}.jsonl" for step in ("base", "last")}, store=folder / "store")


def test_a_page_of_the_newest_settings_and_a_command_for_each_other(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    measured(tmp_path, "mine", 4)
    done = command("report", "html", "--recipe", "mine", "-o", "my page.html", "--draws", 3, "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "my page.html\n"
    first, other, writing = done.stderr.splitlines()[:3]
    assert first.startswith("sirev: mine was run with 2 settings; this is the one run last")
    assert writing == "sirev: writing my page.html ..."
    words = shlex.split(other, comments=True)
    old = Store(tmp_path / "store").runs.all()[0].id.rsplit("-", 1)[1]
    assert words[:7] == ["sirev", "report", "html", "--draws", "3", "--run", old]
    assert words[-2:] == ["--output", "my page-2.html"]
    done = command(*words[1:])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / words[-1]).read_text() != (tmp_path / "my page.html").read_text()


def test_a_page_that_lacks_something_is_written_and_ends_in_1(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    store = Store(tmp_path / "store")
    [run] = store.runs.all()
    store.objects.path(run.pins["sample/test/greedy:2"].artifact).unlink()
    done = command("report", "html", "-o", "page.html", "--recipe", "mine", "--store", tmp_path / "store")
    assert done.returncode == 1, done.stderr
    assert done.stdout == "page.html\n"
    assert f"{run.id}:2:sample/test/greedy" in done.stderr
    assert f"  sirev store verify --repair --store {tmp_path / 'store'}" in done.stderr.splitlines()
    assert f"{run.id}:2:sample/test/greedy" in (tmp_path / "page.html").read_text()


def test_a_page_can_not_be_a_folder(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    (tmp_path / "pages").mkdir()
    done = command("report", "html", "-o", "pages", "--recipe", "mine", "--store", tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr == "sirev: error: --output pages: is a folder; name a file in it, such as pages/report.html\n"
    assert list((tmp_path / "pages").iterdir()) == []


def test_a_page_of_several_recipes_has_a_part_for_each(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    measured(tmp_path, "other", 3)
    done = command("report", "html", "--recipe", "mine", "--recipe", "other", "-o", "x.html", "--store", tmp_path / "store")
    assert (done.returncode, done.stdout) == (0, "x.html\n"), done.stderr
    text = (tmp_path / "x.html").read_text()
    assert '<section id="study-mine"' in text
    assert '<section id="study-other"' in text


@pytest.mark.slow
def test_figures_are_grids_of_several_recipes_and_a_folder_for_each(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    measured(tmp_path, "other", 3)
    done = command("report", "figures", "--recipe", "mine", "--recipe", "other", "-o", "figs", "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "sirev: drawing figures into figs ..."
    files = [path for path in (tmp_path / "figs").rglob("*") if path.is_file()]
    assert done.stdout == f"{len(files)} files written to figs\n"
    written = {path.name for path in (tmp_path / "figs").iterdir()}
    assert "grid-pass-at-1.svg" in written
    assert {name for name in written if not name.startswith("grid-")} == {"mine", "other"}


@pytest.mark.slow
def test_figures_of_the_same_recipe_with_other_settings_do_not_replace_each_other(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    measured(tmp_path, "mine", 4)
    ids = Store(tmp_path / "store").runs.ids()
    asked = [word for run in ids for word in ("--run", run)]
    done = command("report", "figures", *asked, "-o", "figs", "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "figs").iterdir() if path.is_dir()) == sorted(ids)


@pytest.mark.slow
def test_the_papers_numbers_need_no_run(command: Command, tmp_path: Path) -> None:
    done = command("report", "--against", "paper", "--store", tmp_path / "none")
    assert done.returncode == 0, done.stderr
    assert "33.0 -2.0" in done.stdout
    assert len(done.stdout.splitlines()) <= 24
    assert not (tmp_path / "none").exists()
    measured(tmp_path, "mine", 2)
    again = command("report", "--against", "paper", "--store", tmp_path / "store")
    assert again.stdout == done.stdout
    whole = command("report", "all", "llama3_math", "--against", "paper", "--store", tmp_path / "store")
    assert "17.2" in whole.stdout
    assert "mistral" not in whole.stdout
    told = json.loads(command("report", "--against", "paper", "--format", "json", "--store", tmp_path / "none").stdout)
    assert len(told["published"]["rows"]) == 12
    rows = command("report", "mistral_mbpp", "--against", "paper", "--format", "csv", "--store", tmp_path / "none").stdout
    assert rows.startswith("run,recipe,")
    assert ",mistral_mbpp,sft,,5,,published.pass_at_1,0.33," in rows


@pytest.mark.slow
def test_the_papers_numbers_alone_are_figures_and_a_page(command: Command, tmp_path: Path) -> None:
    done = command("report", "figures", "--against", "paper", "-o", "figures", "--store", tmp_path / "none")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"grid-pass-at-1.png", "grid-diversity.svg"}
    done = command("report", "html", "--against", "paper", "-o", "paper.html", "--store", tmp_path / "none")
    assert (done.returncode, done.stdout) == (0, "paper.html\n"), done.stderr
    assert 'id="figure-grid-gains"' in (tmp_path / "paper.html").read_text()


def test_a_recipe_that_the_paper_lacks_is_one_clear_line(command: Command, tmp_path: Path) -> None:
    done = command("report", "mistral_aime", "--against", "paper", "--store", tmp_path / "none")
    assert done.returncode == 2
    assert done.stderr.startswith("sirev: error: the paper has no numbers for the recipe 'mistral_aime' (it has: llama2_csqa,")


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    file = tmp_path / "grid.yaml"
    file.write_text("recipes: tiny_smoke\nmethods: [sft, dpo]\nseeds: [0, 1]\n")
    return file


@pytest.mark.slow
def test_a_sweep_is_a_screen_and_every_other_form(command: Command, grid: Path, smoke: Study) -> None:
    store = ("--sweep", grid, "--store", smoke.store.path)
    done = command("report", *store)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("grid.yaml: 2 of 4 runs finished\n")
    assert "Not finished: A small model on made-up word problems, sft seed 1: not run." in " ".join(done.stdout.split())
    told = json.loads(command("report", *store, "--format", "json").stdout)
    assert [cell["method"] for cell in told["cells"]] == ["sft", "dpo"]
    assert command("report", *store, "--format", "csv").stdout.startswith("model,task,settings,run,")
    assert "\\begin{tabular}" in command("report", *store, "--format", "latex").stdout
    assert "grid.yaml" not in command("report", "diversity", *store).stdout
    assert command("report", "all", *store).stdout.rindex("grid.yaml") > 10_000  # the last, where it stays in sight


@pytest.mark.slow
def test_a_sweep_is_a_page_and_figures(command: Command, grid: Path, smoke: Study, tmp_path: Path) -> None:
    store = ("--sweep", grid, "--store", smoke.store.path)
    done = command("report", "html", *store, "-o", "sweep.html")
    assert (done.returncode, done.stdout) == (0, "sweep.html\n"), done.stderr
    assert 'data-method="dpo"' in (tmp_path / "sweep.html").read_text()
    done = command("report", "figures", *store, "-o", "figures")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "figures").glob("*.svg")} == {f"{name}.svg" for name in GRIDS}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sweep", "grid.yaml", "--run", "tiny"), "--run: not with --sweep: grid.yaml names the runs"),
        (("tiny_smoke", "--sweep", "grid.yaml", "--method", "sft"), "RECIPE and --method: not with --sweep: grid.yaml names"),
        (("--sweep", "grid.yaml", "--against", "paper"), "--against: not with --sweep: grid.yaml names the runs"),
        (("--sweep", "grid.yaml", "--draws", "3"), "--draws: not with --sweep: its page has no answers"),
        (("--sweep", "no.yaml"), "no grid file no.yaml"),
        (("--sweep", "grid.yaml"), "has no run of grid.yaml; run first: sirev sweep grid.yaml --store none"),
        (("html", "--sweep", "grid.yaml"), "sirev report html needs --output"),
        (("--allow-unsafe-code",), "--allow-unsafe-code: only with --sweep"),
    ],
)
def test_what_a_sweep_is_not_reported_with_is_one_line(command: Command, grid: Path, options: tuple[str, ...], said: str) -> None:
    done = command("report", *options, "--store", "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
