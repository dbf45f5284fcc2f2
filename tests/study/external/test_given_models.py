from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.recipe.sections import Model
from sirev.study.external.given_models import GivenModel, given_model, given_models, models_at
from tests.hub_cache import COMMIT, HubCache

ADAPTER, BASE = Model(name="ORG/ADAPTER"), Model(name="ORG/BASE")


@pytest.mark.parametrize(
    ("given", "weights", "base"),
    [
        ("ORG/NAME", Model(name="ORG/NAME"), None),
        ("ORG/NAME@v1.0", Model(name="ORG/NAME", revision="v1.0"), None),
        ("ORG/NAME@refs/pr/1", Model(name="ORG/NAME", revision="refs/pr/1"), None),
        ("ORG/ADAPTER@ORG/BASE", ADAPTER, BASE),
        ("ORG/ADAPTER@v1@ORG/BASE@main", Model(name="ORG/ADAPTER", revision="v1"), Model(name="ORG/BASE", revision="main")),
        ("ORG/ADAPTER@./base", ADAPTER, Model(name="./base")),
        ("./adapter@ORG/BASE", Model(name="./adapter"), BASE),
        ("./adapter@gpt2", Model(name="./adapter"), Model(name="gpt2")),
        ("/models/adapter@ORG/BASE@v2", Model(name="/models/adapter"), Model(name="ORG/BASE", revision="v2")),
    ],
)
def test_a_model_is_named_with_its_revision_and_its_base(given: str, weights: Model, base: Model | None) -> None:
    assert given_model("x", given) == GivenModel("x", weights, base)


def test_a_folder_that_is_there_is_one_whatever_is_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run@3").mkdir()
    monkeypatch.chdir(tmp_path)
    assert given_model("x", "run@3") == GivenModel("x", Model(name="run@3"))
    assert given_model("x", "run@3@ORG/BASE") == GivenModel("x", Model(name="run@3"), BASE)


def test_a_path_is_never_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert given_model("x", Path("ORG/NAME")).weights == Model(name="./ORG/NAME")


def test_a_word_that_may_be_a_revision_or_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"step x: ORG/ADAPTER@base: base may be a revision or the folder here; .*say .*@\./base"):
        given_model("x", "ORG/ADAPTER@base")
    assert given_model("x", "ORG/ADAPTER@./base") == GivenModel("x", ADAPTER, Model(name="./base"))


@pytest.mark.parametrize("given", ["@v1", "", "ORG/A@v1@ORG/B@v2@ORG/C", "ORG/A@", "ORG/A@v1@", "./adapter@ORG/B@"])
def test_what_names_no_model_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match=r"step x: .* names no model: expected ORG/NAME\[@REVISION\]"):
        given_model("x", given)


def test_revisions_that_match_come_in_natural_order_under_their_names(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for revision in ("step-10", "step-2", "main", "step-100"):
        hub.model("ORG/NAME", tmp_path / "model", COMMIT, revision)
    found = given_models({"base": "ORG/BASE"}, ["ORG/NAME@step-*"])
    assert [model.step for model in found] == ["base", "step-2", "step-10", "step-100"]
    assert found[1].weights == Model(name="ORG/NAME", revision="step-2")


def test_a_pattern_that_matches_nothing_says_what_there_is(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    hub.model("ORG/NAME", tmp_path / "model", COMMIT, "step-2")
    with pytest.raises(
        BadInput, match=r"--steps ORG/NAME@ckpt-\*: no branch or tag of ORG/NAME matches 'ckpt-\*' \(known: step-2\)"
    ):
        models_at("ORG/NAME@ckpt-*")


@pytest.mark.parametrize("given", ["ORG/NAME", "ORG/NAME@", "@step-*", f"{os.sep}folder@step-*"])
def test_a_pattern_goes_with_a_repository(given: str) -> None:
    with pytest.raises(BadInput, match="expected ORG/NAME@PATTERN, such as ORG/NAME@step-"):
        models_at(given)


def test_a_repository_that_can_not_be_asked_is_one_line(hub: HubCache) -> None:
    with pytest.raises(BadInput, match=r"--steps ORG/NAME@\*: ORG/NAME is not on this machine, and the Hub can't be reached"):
        models_at("ORG/NAME@*")


def test_a_revision_called_like_a_step_is_refused_with_the_option_that_names_it(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for repository in ("ORG/NAME", "ORG/OTHER"):
        hub.model(repository, tmp_path / "model", COMMIT, "base")
    words = "there is a step 'base' already; narrow the pattern, and name that revision with --step NAME=ORG/OTHER@base"
    with pytest.raises(BadInput, match=rf"--steps ORG/OTHER@base: {words}"):
        given_models({"base": "ORG/BASE"}, ["ORG/OTHER@base"])
    with pytest.raises(BadInput, match=words):
        given_models({}, ["ORG/NAME@*", "ORG/OTHER@base"])


def test_revisions_of_a_hub_that_can_not_be_asked_are_noted(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for revision in ("step-10", "step-2"):
        hub.model("ORG/NAME", tmp_path / "model", COMMIT, revision)
    heard: list[str] = []
    models_at("ORG/NAME@step-*", heard.append)
    (line,) = heard
    assert line.startswith("--steps ORG/NAME@step-*: the Hub was not asked (")
    assert line.endswith("; of its revisions this machine has step-2, step-10")
