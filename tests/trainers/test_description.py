from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.trainers.description import DescribeRequest, Description, read_description
from sirev.trainers.models import ModelSource
from tests.base_model import save_base_model
from tests.given_models import save_adapter


def described(folder: Path) -> Description:
    return read_description(DescribeRequest(ModelSource(folder)), lambda event: None)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save_base_model(tmp_path / "base")
    return tmp_path / "base"


def edit(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_a_whole_model_is_no_adapter(base: Path) -> None:
    assert described(base) == Description(False, None, True, False, True, False, end=1, ends=[1])


@pytest.mark.parametrize(("said", "ends"), [(5, [5]), ([1, 7], [1, 7]), (None, [])])
def test_the_tokens_that_end_an_answer_are_those_of_the_settings_of_generation(base: Path, said: object, ends: list[int]) -> None:
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": said}))
    assert described(base).ends == ends


@pytest.mark.parametrize("place", ["chat_template.jinja", "tokenizer_config.json"])
def test_a_chat_template_is_found_wherever_it_is_saved(base: Path, place: str) -> None:
    if place.endswith(".json"):
        edit(base / place, chat_template="{{ messages }}")
    else:
        (base / place).write_text("{{ messages }}")
    assert described(base).chat_template


def test_an_adapter_says_what_its_base_is(base: Path, tmp_path: Path) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", "ORG/BASE")
    assert described(adapter) == Description(True, "ORG/BASE", True, False, False, False, end=None, ends=[])


def test_the_revision_that_an_adapter_names_is_that_of_its_base(base: Path, tmp_path: Path) -> None:
    adapter = save_adapter(base, tmp_path / "adapter", "ORG/BASE")
    edit(adapter / "adapter_config.json", revision="v2")
    assert (described(adapter).base, described(adapter).base_revision) == ("ORG/BASE", "v2")


@pytest.mark.parametrize(
    "more",
    [{"modules_to_save": ["embed_tokens"]}, {"use_dora": True}, {"bias": "all"}, {"alpha_pattern": {"0.self_attn.q_proj": 8}}],
)
def test_an_adapter_that_is_more_than_lora_is_not_plain(base: Path, tmp_path: Path, more: dict[str, Any]) -> None:
    assert not described(save_adapter(base, tmp_path / "adapter", **more)).plain


@pytest.mark.parametrize(
    ("start", "plain"), [(True, True), ("gaussian", True), ("pissa", False), ("olora", False), ("pissa_niter_4", False)]
)
def test_an_adapter_whose_start_changes_the_weights_of_its_base_is_not_plain(
    base: Path, tmp_path: Path, start: object, plain: bool
) -> None:
    adapter = save_adapter(base, tmp_path / "adapter")
    edit(adapter / "adapter_config.json", init_lora_weights=start)
    assert described(adapter).plain is plain


def test_an_adapter_on_the_output_layer_is_told(base: Path, tmp_path: Path) -> None:
    assert described(save_adapter(base, tmp_path / "adapter", target_modules=["q_proj", "lm_head"])).on_head


def test_an_adapter_of_another_kind_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = save_adapter(base, tmp_path / "adapter")
    edit(adapter / "adapter_config.json", peft_type="PREFIX_TUNING")
    with pytest.raises(BadInput, match="an adapter of the kind PREFIX_TUNING; only LoRA adapters are read"):
        described(adapter)


def test_code_that_comes_with_a_model_is_never_run(base: Path) -> None:
    (base / "modeling_own.py").write_text("raise SystemExit('it was run')")
    edit(base / "config.json", model_type="own", auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    with pytest.raises(BadInput, match=r"'own', which transformers does not know and brings code of its own, which is never run"):
        described(base)
