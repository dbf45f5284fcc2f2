"""`sirev report checklist|methods`: what is printed and written, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sirev.store.store import Store
from tests.conftest import Command, Study


def test_a_checklist_is_printed_or_written(command: Command, smoke: Study, tmp_path: Path) -> None:
    asked = ("report", "checklist", "tiny_smoke", "--store", smoke.store.path)
    printed = command(*asked)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.startswith("# Reproducibility checklist\n")
    for _ in range(2):  # what it wrote itself it writes again
        done = command(*asked, "--output", "out/checklist.md")
        assert (done.returncode, done.stdout) == (0, "out/checklist.md\n"), done.stderr
    assert (tmp_path / "out" / "checklist.md").read_text() == printed.stdout


def test_methods_are_printed_and_their_references_written_beside_them(command: Command, smoke: Study, tmp_path: Path) -> None:
    asked = ("report", "methods", "tiny_smoke", "--store", smoke.store.path)
    printed = command(*asked)
    assert printed.returncode == 0
    assert printed.stderr == "sirev: add --output methods.tex to write the references too\n"
    for _ in range(2):  # what it wrote itself it writes again
        done = command(*asked, "--output", "methods.tex")
        assert (done.returncode, done.stdout) == (0, "methods.tex\nmethods.bib\n"), done.stderr
    assert (tmp_path / "methods.tex").read_text() == printed.stdout
    assert "@misc{wu2024progress," in (tmp_path / "methods.bib").read_text()


def test_somebody_elses_references_are_left_alone(command: Command, smoke: Study, tmp_path: Path) -> None:
    (tmp_path / "paper.bib").write_text("@misc{mine}")
    done = command("report", "methods", "tiny_smoke", "--store", smoke.store.path, "-o", "paper.tex")
    assert done.returncode == 2
    assert done.stderr == (
        "sirev: error: --output paper.tex: paper.bib, where its references go, is not sirev's; name another file\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["paper.bib"]
    assert (tmp_path / "paper.bib").read_text() == "@misc{mine}"


@pytest.mark.parametrize("section", ["checklist", "methods"])
def test_the_authors_own_file_is_left_alone(command: Command, smoke: Study, tmp_path: Path, section: str) -> None:
    (tmp_path / "paper.tex").write_text("\\documentclass{article}")
    done = command("report", section, "tiny_smoke", "--store", smoke.store.path, "-o", "paper.tex")
    assert done.returncode == 2
    assert done.stderr == f"sirev: error: --output paper.tex: sirev report {section} did not write this file; name another\n"
    assert [path.name for path in tmp_path.iterdir()] == ["paper.tex"]
    assert (tmp_path / "paper.tex").read_text() == "\\documentclass{article}"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["methods", "-o", "a.bib"], "--output a.bib: name the file of the paragraph, such as methods.tex"),
        (["checklist", "-o", "."], "--output .: is a folder; name a file in it, such as checklist.md"),
        (["checklist", "-o", "a" * 300], f"{'a' * 300}: can't be written: File name too long"),
        (["methods", "-o", "/proc/self/mem"], "/proc/self/mem: can't be read, and is not replaced: Input/output error"),
        (["checklist", "--format", "json"], "--format goes with tables, not with checklist"),
        (["methods", "--against", "paper"], "--against: not with methods"),
        (["checklist", "methods"], "sirev report shows one section or all of them, not checklist and methods"),
        (["checklst"], "unknown section 'checklst'; did you mean 'checklist'?"),
    ],
)
def test_wrong_input_is_one_clear_line(command: Command, smoke: Study, tmp_path: Path, arguments: list[str], line: str) -> None:
    done = command("report", *arguments, "--store", smoke.store.path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"sirev: error: {line}")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_has_them_too(command: Command, smoke: Study, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\nmethods: [sft, dpo]\n")
    done = command("report", "methods", "--sweep", "grid.yaml", "--store", smoke.store.path)
    assert done.returncode == 0, done.stderr
    assert "Methods: sft, SFT at every t; dpo, DPO at every t." in done.stdout


def test_a_sweep_without_a_finished_run_is_one_clear_line(
    command: Command, smoke_copy: Path, smoke: Study, tmp_path: Path
) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    store.runs.save(replace(run, status="running"))
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\nmethods: [sft]\n")
    done = command("report", "checklist", "--sweep", "grid.yaml", "--store", smoke_copy)
    assert done.returncode == 2
    assert done.stderr == "sirev: error: sirev report checklist: no run is finished\n"


def test_tables_are_cut_further_to_fit_a_column(command: Command, smoke: Study) -> None:
    call = ("report", "diversity", "tiny_smoke", "--store", smoke.store.path, "--format")
    page, column = (command(*call, form) for form in ("latex", "latex-column"))
    assert page.returncode == column.returncode == 0, page.stderr + column.stderr
    assert "\\label{tab:tiny-smoke-diversity" in column.stdout
    assert column.stdout.count("\\caption{") > page.stdout.count("\\caption{") > 0
