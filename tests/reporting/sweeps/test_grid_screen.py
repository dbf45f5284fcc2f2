from __future__ import annotations

from dataclasses import replace

import pytest

from sirev.reporting.headline import as_text
from sirev.reporting.sweeps.grid_screen import grid_screen
from sirev.reporting.sweeps.sweep_report import SweepReport
from sirev.reporting.sweeps.swept_studies import told_apart
from tests.reporting.sweeps.made_sweeps import progress, report_of, swept

REVERSAL = {"later": 0.2, "ood": -0.2, "distinct": (0.6, 0.3)}


@pytest.fixture(scope="module")
def made() -> SweepReport:
    late = [progress("sft-dpo", 0, "interrupted", 1)]
    return report_of(
        swept("llama", methods=("sft", "dpo"), late=late, **REVERSAL),
        swept("mistral", methods=("sft",), later=0.2),
        missing=["x is left out: it is damaged"],
    )


def screen(made: SweepReport, width: int = 80) -> list[str]:
    return as_text(grid_screen(made, width)).splitlines()


def test_studies_are_blocks_with_a_line_for_each_method(made: SweepReport) -> None:
    lines = screen(made)
    assert lines[0] == "grid.yaml: 9 of 10 runs finished"
    assert [line for line in lines if line.endswith("on sums")] == ["llama on sums", "mistral on sums"]
    (sft, dpo, both) = lines[3:6]
    assert sft.split()[:8] == ["sft", *sft.split()[1:4], "3", "of", "3", sft.split()[7]]
    assert sft.endswith("REVERSAL, claimed")
    assert dpo.startswith("  dpo ")
    assert both == "  sft-dpo  M_1 of M_2"
    assert "Missing: x is left out: it is damaged." in lines


@pytest.mark.parametrize("width", [40, 57, 80])
def test_every_word_is_there_at_any_width(made: SweepReport, width: int) -> None:
    lines = screen(made, width)
    assert all(len(line) <= width for line in lines if "sirev report" not in line)
    assert {*" ".join(lines).split()} == {*" ".join(screen(made)).split()}


def test_how_many_seeds_say_the_same_is_called_alike_as_in_the_table(made: SweepReport) -> None:
    lines = screen(made)
    assert lines[1].split()[:3] == ["pass@1", "%", "alike"]
    assert "alike: seeds whose own verdict is the headline, of those judged." in " ".join(lines)


def test_studies_that_only_their_recipe_tells_apart_have_it_in_their_titles() -> None:
    late = [progress("sft", 0, "running", 1)]
    twins = [replace(swept(methods=[], seeds=[], late=late), recipe=name) for name in ("mistral_gsm8k", "mine")]
    lines = screen(report_of(*told_apart(twins)))
    assert [line for line in lines if "on sums" in line] == ["llama on sums, mistral_gsm8k", "llama on sums, mine"]


def test_a_long_title_is_broken_into_lines() -> None:
    of = swept("llama", settings={"dpo.beta": "0.1", "T": "5"}, methods=[], seeds=[], late=[progress("sft", 0)])
    lines = screen(report_of(of), 24)
    at = lines.index("llama on sums,")
    assert lines[at + 1 : at + 3] == ["dpo.beta=0.1 T=5", "  sft  no verdict"]


def test_words_have_their_styles(made: SweepReport) -> None:
    styles = {text.strip(): style for line in grid_screen(made, 80) for text, style in line if text.strip()}
    assert styles["REVERSAL, claimed"] == styles["FELL"] == "down"
    assert styles["M_1 of M_2"] == "dim"


def test_commands_for_more_name_the_grid_and_the_store(made: SweepReport) -> None:
    assert screen(made)[-2:] == ["  sirev report html --sweep grid.yaml -o grid.html", "  sirev report all --sweep grid.yaml"]


def test_of_a_sweep_without_a_finished_run_there_is_nothing_to_explain() -> None:
    lines = screen(report_of(swept(methods=[], seeds=[], late=[progress("sft", 0, "running", 0)])))
    assert lines[2:6] == ["llama on sums", "  sft  running", "", "Next"]
