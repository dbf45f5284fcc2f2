from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.processes.imports import quick_imports
from sirev.processes.resident import Resident
from tests import resident_work


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that notes whether garbage was collected while it was imported."""
    (tmp_path / "noting_module.py").write_text("import gc\nCOLLECTING = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "noting_module"
    sys.modules.pop("noting_module", None)


def test_nothing_is_collected_during_an_import_and_what_it_made_never(module: str) -> None:
    before = gc.get_freeze_count()
    with quick_imports():
        found = __import__(module)
    assert not found.COLLECTING
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_a_context_without_imports_exempts_nothing_from_collections() -> None:
    before = gc.get_freeze_count()
    with quick_imports():
        pass
    assert gc.get_freeze_count() == before


def test_an_import_that_fails_leaves_collections_on() -> None:
    with pytest.raises(ImportError), quick_imports():
        __import__("no_such_module")
    assert gc.isenabled()


def test_whoever_has_turned_collections_off_keeps_them_off(module: str) -> None:
    gc.disable()
    try:
        with quick_imports():
            __import__(module)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_child_collects_while_it_works_but_not_what_it_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    child = Resident("worker", tmp_path / "log", threads=1)
    try:
        collecting, exempt = child.call(resident_work.collections, {}, lambda event: None)
    finally:
        child.stop()
    assert collecting
    assert exempt > 0
