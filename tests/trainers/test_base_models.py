from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.trainers.base_models import FetchRequest, HubModel, fetch, local_files, snapshot
from tests.hub_cache import COMMIT, OTHER, HubCache


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of a model and others beside them."""
    path = tmp_path / "model"
    (path / "original").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer.model", "chat_template.jinja"):
        (path / name).write_text(name)
    for name in ("pytorch_model.bin", "training_args.bin", "README.md", "run.py", "original/params.json"):
        (path / name).write_text(name)
    return path


def test_a_local_model_consists_of_its_weights_and_texts_and_of_nothing_that_could_run(folder: Path) -> None:
    assert local_files(folder) == [
        *("chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json", "tokenizer.model"),
    ]


def test_a_folder_without_a_configuration_or_without_safe_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    said = refused(lambda: local_files(folder))
    assert said == f"model: {folder} has no weights as safetensors; save it again with safe_serialization=True"
    (folder / "config.json").unlink()
    assert refused(lambda: local_files(folder)) == f"model: {folder} holds no model: there is no config.json"
    assert "no config.json" in refused(lambda: local_files(folder / "nothing"))


def test_a_cached_model_is_found_by_commit_and_by_the_latest(hub: HubCache, folder: Path) -> None:
    other = hub.model("some/model", folder, OTHER)
    latest = hub.model("some/model", folder, COMMIT)
    assert snapshot("some/model", OTHER) == other
    assert snapshot("some/model", COMMIT) == snapshot("some/model", None) == latest
    assert fetch(FetchRequest("some/model", None), lambda event: None) == HubModel("some/model", COMMIT)


def test_a_model_that_is_not_cached_is_refused_offline(hub: HubCache, folder: Path) -> None:
    said = refused(lambda: snapshot("some/model", None))
    assert said.startswith("model: some/model is not on this machine, and the Hub can't be reached (")
    assert said.endswith("go online once (HF_HUB_OFFLINE unset) so that it is cached, or name a local folder")
    hub.model("some/model", folder, OTHER)
    assert refused(lambda: snapshot("some/model", COMMIT)).startswith(f"model: some/model at {COMMIT} is not on this machine")


def test_an_impossible_name_is_refused(hub: HubCache) -> None:
    said = refused(lambda: snapshot("my model", None))
    assert said == "model: 'my model' is not the name of a repository on the Hub, ORGANISATION/NAME, or name a local folder"
