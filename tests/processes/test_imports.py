from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sirev.engines import dispatch as engines
from sirev.engines import embedder
from sirev.engines.vllm_engine import VllmEngine
from sirev.engines.vllm_start import Options
from sirev.errors import BadInput
from sirev.processes.imports import quick_imports
from sirev.trainers import dispatch as trainers
from sirev.trainers.models import ModelFolders

MODEL = ModelFolders(Path("model"))
ASKED: Any = SimpleNamespace(model_name="m", options={}, dtype="float32")
WITHOUT_GPU: Any = SimpleNamespace(parameters=SimpleNamespace(gpu_required=False))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that notes whether garbage was collected while it was imported."""
    (tmp_path / "noting_module.py").write_text("import gc\nCOLLECTING = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "noting_module"
    sys.modules.pop("noting_module", None)


def test_an_import_runs_without_collections_and_what_it_made_is_exempt_from_later_ones(module: str) -> None:
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


class Noting(MetaPathFinder):
    """Refuses a module, and notes whether garbage would be collected during its import."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.collecting: list[bool] = []

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == self.module:
            self.collecting.append(gc.isenabled())
            raise ImportError(name)


@pytest.mark.parametrize(
    ("begin", "module"),
    [
        (lambda: trainers.train(WITHOUT_GPU, print), "sirev.trainers.trl_steps"),
        (lambda: trainers.pretrain(WITHOUT_GPU, print), "sirev.trainers.pretrain"),
        (lambda: engines._transformers(MODEL, ASKED), "sirev.engines.transformers_engine"),
        (lambda: VllmEngine(MODEL.path, None, Options()), "torch"),
        (lambda: embedder._load(MODEL.path), "sentence_transformers"),
    ],
)
def test_what_children_compute_with_is_imported_without_collections(
    monkeypatch: pytest.MonkeyPatch, begin: Callable[[], object], module: str
) -> None:
    package, _, name = module.rpartition(".")
    if package in sys.modules:
        monkeypatch.delattr(sys.modules[package], name, raising=False)
    monkeypatch.delitem(sys.modules, module, raising=False)
    noting = Noting(module)
    monkeypatch.setattr(sys, "meta_path", [noting, *sys.meta_path])
    with pytest.raises((ImportError, BadInput)):
        begin()
    assert noting.collecting == [False]
