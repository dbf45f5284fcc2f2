"""docs/tour.ipynb, the demonstration as a notebook: run whole, on the study of tiny_smoke that other tests share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="comes with nbclient, of the extra dev")

TOUR = Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"


def read() -> Any:
    return nbformat.read(TOUR, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> dict[str, str]:
    """Kind of output -> all of it that a cell shows."""
    found: dict[str, str] = {}
    for output in cell.outputs:
        told = {output.name: output.text} if output.output_type == "stream" else dict(output.get("data", {}))
        for kind, text in told.items():
            found[kind] = found.get(kind, "") + text
    return found


def test_the_tour_has_five_cells_and_no_output_that_nobody_saw() -> None:
    notebook = read()
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert len(cells) == 5
    assert not any(cell.outputs or cell.execution_count for cell in cells)


def test_the_tour_installs_its_own_checkout_and_needs_no_page_next_to_it() -> None:
    install = re.search(r"%pip install .*--constraint (\S+) \"(.*)\[", code_cells(read())[0].source)
    assert install is not None
    assert (TOUR.parent / install[1]).is_file()
    assert (TOUR.parent / install[2] / "pyproject.toml").is_file()
    told = "".join(cell.source for cell in read().cells if cell.cell_type == "markdown")
    assert not re.search(r"\]\((?!https://)", told)


@pytest.mark.slow
def test_every_cell_of_the_tour_shows_what_it_promises(smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("pandas")
    monkeypatch.setenv("SIREV_TOUR", "tiny_smoke")
    monkeypatch.setenv("SIREV_STORE", str(smoke_copy))
    notebook = read()
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, iterated, headline, figures, frame = map(shown, code_cells(notebook))
    assert "tiny_smoke-sft-s0" in iterated["text/plain"]
    assert "new or selected?" in headline["stdout"]
    assert figures["image/svg+xml"].count("<svg") == 3
    assert "| method |" in figures["text/markdown"]
    assert "levels_1_to_3/draws" in frame["text/html"]
