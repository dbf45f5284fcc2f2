from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.recipe import load_recipe
from sirev.recipe.sections import Model
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.digests import canonical_json
from sirev.store.local_files import LocalFiles
from sirev.store.objects import Objects
from sirev.study.external.evaluated_models import Chat, ModelSteps, evaluate_models
from sirev.study.external.given_models import given_models
from sirev.study.steps import Planned, StepResult
from sirev.trainers.description import DescribeRequest, read_description
from sirev.trainers.models import ModelSource
from tests.base_model import save_base_model
from tests.given_models import save_adapter, save_recipe


class Described:
    """Finds models and reads what their files say; of all other steps it keeps the parameters."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.local = LocalFiles(objects)
        self.steps: dict[str, Any] = {}

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult:
        self.steps[name] = parameters
        if stage.name == "model":
            return Planned(name) if parameters.hub else self._artifact("base_model.json", {"digest": parameters.digest})
        model = inputs.get("model")
        if stage.name == "describe" and isinstance(model, Artifact):
            (folder,) = self.local.where(model.json("base_model.json")["digest"])
            said = read_description(DescribeRequest(ModelSource(folder)), lambda event: None)
            return self._artifact("description.json", asdict(said))
        return Planned(name)

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        return True

    def provenance(self, name: str) -> Mapping[str, Any]:
        return {}

    def _artifact(self, name: str, value: Any) -> Artifact:
        return write_artifact(self.objects, Output(files={name: canonical_json(value)}))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save_base_model(tmp_path / "base")
    return tmp_path / "base"


def asked(folder: Path, steps: Mapping[str, str], *overrides: str, chat: Chat = "auto") -> dict[str, Any]:
    """The parameters of every step of an evaluation."""
    recipe = load_recipe(save_recipe(folder), overrides, model="ORG/NAME")
    recipe = recipe.model_copy(update={"T": len(steps), "model": Model(name="ORG/NAME")})
    executor = Described(Objects(folder / "store"))
    found = ModelSteps(recipe, 0, executor, executor.local, chat, {})
    evaluate_models(found, found.models(given_models(steps)))
    return executor.steps


def test_what_is_missing_shows_before_anything_is_asked(base: Path, tmp_path: Path) -> None:
    names = list(asked(tmp_path, {"a": str(base), "b": str(base)}))
    last = max(i for i, name in enumerate(names) if name.startswith(("model", "describe", "dataset")))
    assert last < min(i for i, name in enumerate(names) if name.startswith("sample"))


def test_the_ends_that_a_model_names_go_with_its_draws_but_for_its_tokenizers(base: Path, tmp_path: Path) -> None:
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 7]}))
    steps = asked(tmp_path, {"a": str(base), "b": f"{save_adapter(base, tmp_path / 'adapter')}@{base}"})
    assert [steps[f"sample/test:{t}"].ends for t in (1, 2)] == [[7], [7]]


def test_a_first_model_with_several_ends_scores_the_text_of_answers_alone(base: Path, tmp_path: Path) -> None:
    several = shutil.copytree(base, tmp_path / "several")
    (several / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 7]}))
    of_several = asked(tmp_path, {"a": str(several), "b": str(base)})
    assert [of_several[f"score/greedy:{t}"].end for t in (1, 2)] == [False, False]
    of_one = asked(tmp_path, {"a": str(base), "b": str(several)})
    assert [of_one[f"score/greedy:{t}"].end for t in (1, 2)] == [True, True]


def test_the_base_that_an_adapter_names_is_taken_at_the_revision_that_it_names(base: Path, tmp_path: Path) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", "ORG/BASE")
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "revision": "v2"}))
    taken = asked(tmp_path, {"a": str(adapter)})["model/base:1"]
    assert (taken.hub, taken.revision) == ("ORG/BASE", "v2")


@pytest.mark.parametrize(("engine", "scored"), [("vllm", False), ("transformers", True)])
def test_by_vllm_an_adapter_on_the_output_layer_scores_nothing(base: Path, tmp_path: Path, engine: str, scored: bool) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", target_modules=["q_proj", "lm_head"])
    steps = asked(tmp_path, {"a": f"{adapter}@{base}"}, f"engine={engine}")
    assert ("score/greedy:1" in steps) is scored
    assert "sample/test:1" in steps


def test_vllm_is_not_given_an_adapter_that_is_more_than_lora(base: Path, tmp_path: Path) -> None:
    steps = {"a": f"{save_adapter(base, tmp_path / 'adapter', use_dora=True)}@{base}"}
    with pytest.raises(
        BadInput, match="step a: an adapter that is more than LoRA, which vLLM does not serve; add --set engine=tr"
    ):
        asked(tmp_path, steps, "engine=vllm")
    assert "sample/test:1" in asked(tmp_path, steps)


def test_a_sweep_of_temperatures_is_asked_of_the_first_and_the_last_model(base: Path, tmp_path: Path) -> None:
    steps = asked(tmp_path, dict.fromkeys("abc", str(base)), "evaluation.temperatures=[0.5]")
    assert [name for name in steps if name.startswith("sample/test/0.5")] == ["sample/test/0.5:1", "sample/test/0.5:3"]
