from __future__ import annotations

from pathlib import Path

import pytest

from sirev.recipe import recipe_names
from sirev.reporting.papers.account import account_of
from sirev.reporting.papers.assets import UNKNOWN, assets_of, known_assets
from sirev.reporting.papers.citations import references
from sirev.tasks.registry import TASKS
from tests.reporting.papers.recorded_studies import recorded


@pytest.mark.parametrize("recipe", [name for name in recipe_names() if name not in TASKS and name != "smollm2_check"])
def test_all_that_a_shipped_recipe_stands_on_has_a_licence_and_a_source(recipe: str, tmp_path: Path) -> None:
    study, store = recorded(tmp_path, recipe)
    found = assets_of(account_of(study, store))
    assert {"training and test", "M_0"} <= {asset.use for asset in found}
    for asset in found:
        assert UNKNOWN not in (asset.licence, asset.source, asset.revision)
        assert asset.origin == "sirev" or (asset.origin == "hub" and asset.cite in references())


def test_local_files_win_over_the_hub_and_their_licence_is_unknown(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", ["task.data.path=/data/rows"])
    (data,) = [asset for asset in assets_of(account_of(study, store)) if asset.use == "training and test"]
    assert (data.name, data.origin, data.licence, data.revision, data.cite) == ("local: ./rows", "local", UNKNOWN, UNKNOWN, "")


def test_a_repository_that_nobody_looked_up_has_no_licence(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", ["model.name=org/own", "model.revision=null"])
    (model,) = [asset for asset in assets_of(account_of(study, store)) if asset.use == "M_0"]
    assert (model.origin, model.licence, model.source, model.revision) == ("hub", UNKNOWN, UNKNOWN, UNKNOWN)


def test_every_data_set_that_a_task_names_is_known() -> None:
    named = {task.on_hub["hub"] for task in TASKS.values() if task.on_hub}
    assert named <= known_assets()["data"].keys()
