from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sirev
from sirev.api.sweep_report import sweep_report
from sirev.errors import BadInput
from sirev.recipe import recipe_folder
from sirev.reporting.sections import ALL
from sirev.store.store import Store
from tests.conftest import Study, tree
from tests.test_package import HEAVY


def grid(folder: Path, text: str = "recipes: tiny_smoke\nmethods: [sft, dpo]\nseeds: [0, 1]\n") -> Path:
    file = folder / "grid.yaml"
    file.write_text(text)
    return file


def test_what_is_finished_is_judged_as_in_a_report_and_what_is_not_is_said(smoke: Study, tmp_path: Path) -> None:
    made = sirev.sweep_report(grid(tmp_path), store=smoke.store)
    assert [(cell.method, cell.seeds_in_words) for cell in made.cells] == [("sft", "1 of 2"), ("dpo", "1 of 2")]
    (whole,) = sirev.report(recipes=["tiny_smoke"], store=smoke.store).studies
    for cell in made.cells:
        assert cell.judgement == next(one for one in whole["verdicts"] if one["method"] == cell.method)
        assert [one.in_words for one in cell.unfinished] == ["not run"]
    assert [one.seed for one in (run.run for run in made.cells[0].progress)] == [0, 1]


def test_studies_are_told_apart_by_what_the_grid_varies(smoke: Study, tmp_path: Path) -> None:
    text = "recipes: tiny_smoke\nmethods: dpo\nset: {training.dpo.beta: [0.3, 0.7], T: 3}\n"
    made = sweep_report(grid(tmp_path, text), store=smoke.store)
    assert [dict(of.settings) for of in made.studies] == [{"dpo.beta": "0.3"}, {"dpo.beta": "0.7"}]
    assert [cell.word for cell in made.cells][1] == "not run"
    assert made.cells[0].judgement is not None
    assert [of.title for of in made.studies][1] == "A small model on made-up word problems, dpo.beta=0.7"


def test_a_recipe_of_the_same_model_and_task_is_told_apart_by_its_name(smoke: Study, tmp_path: Path) -> None:
    shutil.copy(recipe_folder() / "tiny_smoke.yaml", tmp_path / "mine.yaml")
    made = sweep_report(grid(tmp_path, f"recipes: [tiny_smoke, {tmp_path / 'mine.yaml'}]\nmethods: sft\n"), store=smoke.store)
    assert [of.title for of in made.studies] == [
        f"A small model on made-up word problems, {name}" for name in ("tiny_smoke", "mine")
    ]


def test_all_tables_are_there_with_how_models_were_trained(smoke: Study, tmp_path: Path) -> None:
    titles = [table.title for table in sweep_report(grid(tmp_path), ALL, store=smoke.store).tables()]
    assert titles[0].startswith("grid.yaml, A small model on made-up word problems: 2 of 4 runs finished")
    assert "Training of M_t" in titles


def test_what_the_store_lacks_is_missing_from_the_report(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    store = Store(smoke_copy)
    (run,) = [run for run in store.runs.all() if run.method == "sft"]
    for place in smoke_copy.glob(f"records/**/{run.pins['train:2'].key}*"):
        place.unlink() if place.is_file() else [file.unlink() for file in place.iterdir()]
    made = sweep_report(grid(tmp_path), "training", store=store)
    assert any(f"has no record of {run.id}:2:train" in sentence for sentence in made.report.missing)


def test_a_report_changes_nothing_and_needs_neither_torch_nor_pyarrow(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    file = grid(tmp_path)
    sweep_report(file, store=smoke_copy)  # compares what was not compared in this way
    before = tree(smoke_copy)
    program = f"import sirev, sys; sirev.sweep_report({str(file)!r}, store={str(smoke_copy)!r}).text('json'); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())
    assert "sirev.api.sweep_report" in loaded
    assert not loaded & ({*HEAVY, "ray", "submitit", "matplotlib"} - {"numpy"})
    assert tree(smoke_copy) == before


@pytest.mark.parametrize(
    ("text", "section", "said"),
    [
        (
            "recipes: tiny_smoke\nseeds: [7]\n",
            None,
            r"the store .* has no run of .*grid.yaml; run first: sirev sweep .*grid.yaml",
        ),
        ("recipes: tinny_smoke\n", None, "unknown recipe 'tinny_smoke'"),
        ("recipe: tiny_smoke\n", None, "grid.yaml: recipe: no such field"),
        ("recipes: tiny_smoke\n", "diversitty", "unknown section 'diversitty'"),
    ],
)
def test_what_can_not_be_reported_on_is_said_in_a_line(
    smoke: Study, tmp_path: Path, text: str, section: str | None, said: str
) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        sweep_report(grid(tmp_path, text), section, store=smoke.store)
    assert "\n" not in str(raised.value)


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no run of"):
        sweep_report(grid(tmp_path), store=tmp_path / "none")
    assert not (tmp_path / "none").exists()
