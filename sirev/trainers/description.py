"""Description of a model from its files: adapter or whole weights, base, tokenizer, chat template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev import hub
from sirev.errors import BadInput
from sirev.inputs import parse_json
from sirev.processes.requests import Emit
from sirev.trainers.base_models import has_tokenizer
from sirev.trainers.models import ModelFolders, ModelSource, load_tokenizer

_HEAD = "lm_head"
_MORE = (
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "rank_pattern",
    "alpha_pattern",
    "use_dora",
    "lora_bias",
)
"""Fields of an adapter's configuration that make it more than one LoRA of one rank: vLLM refuses or ignores them."""
_PLAIN_STARTS = (None, True, False, "gaussian")
"""Values of init_lora_weights that leave the base unchanged; with the others (PiSSA, OLoRA, ...) PEFT changes its weights."""


@dataclass(frozen=True)
class Description:
    """Facts about a model. `base` and `base_revision` are the base that an adapter names, if any; `plain` is False for an
    adapter that is more than LoRA.

    `on_head`: an adapter changes the output layer. `tokenizer`, `chat_template`: whether the files include one. `end` is the
    tokenizer's end of text, `ends` are the end tokens in the model's generation settings.
    """

    adapter: bool
    base: str | None
    plain: bool
    on_head: bool
    tokenizer: bool
    chat_template: bool
    end: int | None
    ends: list[int]
    base_revision: str | None = None


@dataclass(frozen=True)
class DescribeRequest:
    """A model, or an adapter without its base."""

    model: ModelSource


def read_description(request: DescribeRequest, emit: Emit[Any]) -> Description:
    """Read a model's files; BadInput for a model that needs its own code, or an adapter that is not LoRA. Emits no events."""
    folder = ModelFolders.of(request.model).path
    adapter = hub.is_adapter(folder)
    if not adapter:
        _require_known(folder)
    tokenizer = has_tokenizer(folder)
    loaded = load_tokenizer(ModelFolders(folder)) if tokenizer else None
    template, end = bool(loaded and loaded.chat_template), loaded.eos_token_id if loaded else None
    if not adapter:
        return Description(False, None, True, False, tokenizer, template, end, _ends(folder))
    config = _read(folder / hub.ADAPTER_CONFIG)
    if config.get("peft_type") != "LORA":
        raise BadInput(f"{folder}: an adapter of the kind {config.get('peft_type')}; only LoRA adapters are read")
    more = any(config.get(field) for field in _MORE) or config.get("bias", "none") != "none"
    plain = not more and config.get("init_lora_weights") in _PLAIN_STARTS
    changed = [config.get(field) or () for field in ("modules_to_save", "target_modules")]
    on_head = any(_HEAD in str(name) for names in changed for name in ([names] if isinstance(names, str) else names))
    base, revision = (config.get(field) or None for field in ("base_model_name_or_path", "revision"))  # both describe the base
    return Description(True, base, plain, on_head, tokenizer, template, end, [], revision)


def _ends(folder: Path) -> list[int]:
    """The end tokens in generation_config.json; Qwen's base models include the end of a chat turn."""
    said = _read(folder / "generation_config.json").get("eos_token_id")
    return [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, int)]


def _require_known(folder: Path) -> None:
    """Raise BadInput for a model that transformers has no code for: code that comes with a model is never run."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    config = _read(folder / "config.json")
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        own = " and brings code of its own, which is never run (trust_remote_code)" if config.get("auto_map") else ""
        raise BadInput(f"{folder}: a model of the type {kind!r}, which transformers does not know{own}")


def _read(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is no file or no object. Raises BadInput if it can't be read."""
    try:
        found = parse_json(file.read_bytes()) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: can't be read: {error}") from None
    return found if isinstance(found, dict) else {}
