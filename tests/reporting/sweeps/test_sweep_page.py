from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sirev.reporting.figures import draw_grid
from sirev.reporting.figures.grids import GRIDS
from sirev.reporting.page.grid import grid_as_html
from sirev.reporting.sweeps.grid_table import label_columns
from sirev.reporting.sweeps.sweep_page import name_of, own_options, panels_of, write_sweep_page
from sirev.reporting.sweeps.swept_studies import SweptStudy, told_apart
from sirev.store.store import Store
from tests.reporting.sweeps.made_sweeps import progress, report_of, stopped, swept
from tests.reporting.test_figures import texts
from tests.reporting.test_grids import places

WIDTH = 390
"""Pixels of a telephone."""


@pytest.fixture(scope="module")
def studies() -> list[SweptStudy]:
    late = [progress("dpo", 0, "running", 1)]
    return [
        swept("llama", "sums", methods=["sft"], late=late, later=0.2, ood=-0.2, distinct=(0.6, 0.3)),
        swept("llama", "code", methods=["sft", "dpo"], later=0.2),
        swept("mistral", "sums", methods=[], seeds=[], late=[progress("sft", 0, "not run", 0)]),
    ]


@pytest.fixture(scope="module")
def page(studies: list[SweptStudy], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "grid.html"
    write_sweep_page(report_of(*studies, missing=["<b> is left out"]), Store(path.parent / "none"), path)
    return path


def test_the_grid_comes_first_and_leads_to_a_part_for_each_study(page: Path) -> None:
    text = page.read_text()
    assert text.index('id="grid"') < text.index('id="verdicts"') < text.index('id="figures"') < text.index('id="tables"')
    parts = re.findall(r'<section id="(study-[^"]+)"', text)
    assert parts == ["study-llama_sums", "study-llama_code"]
    assert all(f'<th scope="row" class="label"><a href="#{part}">llama</a>' in text for part in parts)
    assert "sirev report html --run" in text
    assert "&lt;b&gt; is left out" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', text)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_page_does_not_say_where_the_store_lies(studies: list[SweptStudy], tmp_path: Path) -> None:
    store = Store(tmp_path / "place")
    made = report_of(*studies, missing=[f"x is left out: the store {store.path} lacks the measures of r"])
    write_sweep_page(made, store, tmp_path / "grid.html")
    text = (tmp_path / "grid.html").read_text()
    assert "x is left out: the store lacks the measures of r" in text
    assert str(store.path) not in text


def test_a_cell_has_its_word_and_sign_pass_at_1_seeds_and_claim(studies: list[SweptStudy]) -> None:
    html = grid_as_html(studies, label_columns(studies), {}, ["a < b"])
    cells = re.findall(r'<td class="([^"]*)" data-method="(\w+)">(.*?)</td>', html)
    assert len(cells) == 3 * 2
    look, method, said = cells[0]
    assert (look, method) == ("label is-reversal", "sft")
    assert re.search(r"⇅ REVERSAL</b><br>[\d.]+ → [\d.]+ \(\+[\d.]+\)<br><small>3 of 3 seeds alike<br>claim: reversal", said)
    assert cells[1] == ("label none", "dpo", "running, M_1 of M_2")
    assert [said for _, _, said in cells[4:]] == ["not run", "not in the grid"]
    assert "<p>a &lt; b</p>" in html


def test_a_cell_names_the_seeds_that_stopped_before_t() -> None:
    of = stopped(swept(methods=["sft"], later=0.2), [0, 1, 2])
    html = grid_as_html([of], label_columns([of]), {}, [])
    assert "3 of 3 seeds alike; seeds 0, 1, 2 stopped at t = 3: no pair<br>" in html


def test_panels_have_rows_of_models_and_columns_of_tasks(studies: list[SweptStudy]) -> None:
    assert places(panels_of(studies)) == [["llama, sums", "llama, code"], ["mistral, sums", None]]


@pytest.mark.parametrize("name", GRIDS)
def test_a_panel_says_what_of_it_is_not_finished(studies: list[SweptStudy], name: str) -> None:
    written = " ".join(texts(draw_grid(panels_of(studies), name))).replace("\n", " ")
    assert "none: sft not run" in written
    assert "Not finished, and not drawn: llama, sums: dpo running, M_1 of M_2." in written


def test_a_sweep_without_a_finished_run_is_a_page(tmp_path: Path) -> None:
    made = report_of(swept(methods=[], seeds=[], late=[progress("sft", 0, "not run", 0)]))
    write_sweep_page(made, Store(tmp_path / "none"), tmp_path / "grid.html")
    assert ">not run</td>" in (tmp_path / "grid.html").read_text()


def test_a_study_is_named_by_its_recipe_and_where_that_has_several_by_its_digits() -> None:
    one, other = (
        SweptStudy("r", "m", "t", {"beta": str(i)}, (progress("sft", 0),), None) for i in range(2)
    )  # of the same digits
    assert name_of(one, [one]) == "r"
    assert name_of(one, [one, other]) == "r-0a1b2c3d"
    assert own_options(one, [one]) == ["--run", "0a1b2c3d"]
    assert own_options(one, [one, other]) == ["--run", "r-sft-s0-0a1b2c3d"]


@pytest.mark.parametrize("name", ["grid-pass-at-1", "grid-gains", "grid-diversity"])
def test_without_a_finished_run_a_figure_says_how_far_the_runs_are(studies: list[SweptStudy], name: str) -> None:
    written = " ".join(texts(draw_grid(panels_of(studies[2:]), name))).replace("\n", " ")
    assert "sft not run" in written


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_of_the_page_is_wider_than_a_telephone(page: Path, theme: str) -> None:
    pytest.importorskip("selenium", reason="selenium is not installed")
    from tests.reporting.test_page import chromium_page

    with chromium_page(page.parent) as browser:
        size = {"width": WIDTH, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
        browser.driver.get(f"file://{page}")
        assert browser.js("return document.documentElement.scrollWidth") == WIDTH
        boxes = browser.js(
            "return [...document.querySelectorAll('#grid td[data-method]')].map(cell => cell.getBoundingClientRect().right)"
        )
        assert len(boxes) == 6
        assert max(boxes) <= WIDTH
        shown = browser.js(
            "return [...document.querySelectorAll('#figures img')].filter(one => one.offsetParent).map(one => one.className)"
        )
        assert set(shown) == {f"for-{theme}"}
        assert browser.driver.get_log("browser") == []


def test_a_panel_is_called_after_its_model_and_task_or_where_all_have_these_after_what_tells_them_apart() -> None:
    late = [progress("sft", 0, "not run", 0)]
    twins = [replace(swept(methods=[], seeds=[], late=late), recipe=name) for name in ("mistral_gsm8k", "mine")]
    assert places(panels_of(told_apart(twins))) == [["mistral_gsm8k", "mine"]]
    betas = [swept(methods=[], seeds=[], late=late, settings={"beta": beta}) for beta in "12"]
    assert places(panels_of(betas)) == [["beta=1", "beta=2"]]
    grid = panels_of([*betas, swept("mistral", methods=[], seeds=[], late=late, settings={"beta": "1"})])
    assert [(cell.title, cell.subtitle) for cell in grid[0] if cell] == [
        *(("llama, sums", "beta=1"), ("llama, sums", "beta=2"), ("mistral, sums", "beta=1"))
    ]
