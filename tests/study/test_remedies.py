"""Commands that mend what is missing, for every kind of run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.remedies import require_store, rerun


def _run(recipe: str, settings: dict[str, Any]) -> Run:
    return Run(f"{recipe}-sft-s0-12345678", recipe, "sft", 0, 1, settings, "test")


def test_a_recipe_of_sirev_is_run_again_by_its_name(tmp_path: Path) -> None:
    again = rerun(_run("tiny", {}), Store(tmp_path / "a store"))
    assert again.command == f"sirev iterate --recipe tiny --store '{tmp_path}/a store'"


@pytest.mark.parametrize("recipe", ["qwen2.5-1.5b-gsm8k", "own"])
def test_a_name_that_is_no_recipe_is_not_suggested_as_one(tmp_path: Path, recipe: str) -> None:
    again = rerun(_run(recipe, {}), Store(tmp_path))
    assert again.command == f"sirev iterate ... --store {tmp_path}"
    assert again.note == f"the command that made {recipe}-sft-s0-12345678"


@pytest.mark.parametrize("settings", [{"samples": {}}, {"steps": ["a", "b"]}])
def test_a_measured_run_is_measured_again(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert rerun(_run("own", settings), Store(tmp_path)).command == f"sirev measure own --step ... --store {tmp_path}"


def test_a_store_that_is_not_there_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        require_store(Store(tmp_path / "none"))
    said = (
        f"there is no store in {tmp_path}/none; run first: sirev iterate --recipe tiny --store {tmp_path}/none, or name another"
    )
    assert str(caught.value) == f"{said} with --store DIR"
