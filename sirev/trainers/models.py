"""Loading and saving of models: full weights, or an adapter on a given base.

Saved files hold no paths of the machine, and nothing else that differs between equal runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.processes.imports import quick_imports
from sirev.trainers.base_models import TOKENIZERS, HubModel, has_tokenizer, snapshot

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
VARYING = {"_name_or_path", "transformers_version", "peft_version", "base_model_name_or_path", "revision"}
"""Fields of saved configurations that depend on paths or versions."""


@dataclass(frozen=True)
class ModelSource:
    """A model in a request, with its base if it is an adapter: each a folder, or a Hub repository."""

    path: Path | HubModel
    base: Path | HubModel | None = None


@dataclass(frozen=True)
class ModelFolders:
    """A model on disk: its own folder, and its base's if it is an adapter."""

    path: Path
    base: Path | None = None

    @classmethod
    def of(cls, source: ModelSource) -> ModelFolders:
        """The folders of a model; downloads it from the Hub if needed."""
        return cls(_folder(source.path), _folder(source.base) if source.base else None)

    @property
    def tokenizer(self) -> Path:
        """The folder of its tokenizer: its own, or its base's for an adapter without a tokenizer."""
        return self.path if self.base is None or has_tokenizer(self.path) else self.base

    def tokenizer_files(self) -> list[Path]:
        """The resolved paths of the tokenizer's files; in a store, equal files have equal paths."""
        names = {*TOKENIZER_FILES, *TOKENIZERS}
        return [path.resolve() for path in sorted(self.tokenizer.iterdir()) if path.name in names]


def _folder(place: Path | HubModel) -> Path:
    return place if isinstance(place, Path) else snapshot(place.hub, place.commit)


def load_tokenizer(model: ModelFolders) -> Any:
    """The tokenizer of the model, or of its base; BadInput if it has no end of text."""
    with quick_imports():
        from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.tokenizer, trust_remote_code=False)
    if tokenizer.eos_token_id is None:
        raise BadInput(f"the tokenizer of {model.tokenizer} names no end of text (eos_token), so no answer could end")
    return tokenizer


def load_model(
    model: ModelFolders, *, trainable: bool = False, dtype: str = "auto", attention: str | None = None, **options: Any
) -> Any:
    """The model as a transformers model, or as a PeftModel if it is an adapter. Code that comes with the model is never run.

    `attention` is transformers' name of an implementation. Raises BadInput if it is not available here, or if weights or
    adapter do not fit.
    """
    with quick_imports():
        from transformers import AutoModelForCausalLM

    options = {"use_safetensors": True, "trust_remote_code": False, "attn_implementation": attention, **options}
    folder = model.base or model.path
    try:
        weights, info = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, output_loading_info=True, **options)
    except (ImportError, ValueError) as error:
        if attention is None:
            raise
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"training.memory.attention: {attention} is not available here: {reason}") from None
    # transformers only warns about missing weights, and fills them with random numbers.
    wrong = [*info["missing_keys"], *info["mismatched_keys"]]
    if wrong:
        raise BadInput(f"the weights in {folder} do not fit its config.json: {len(wrong)} are missing or have another shape")
    return weights if model.base is None else _with_adapter(weights, model, trainable)


def _with_adapter(weights: Any, model: ModelFolders, trainable: bool) -> Any:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    try:
        loaded = PeftModel.from_pretrained(weights, model.path, is_trainable=trainable)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"the adapter {model.path} does not fit the base model {model.base}: {reason}") from None
    with safe_open(model.path / "adapter_model.safetensors", "pt") as saved:
        names = set(saved.keys())
    if names != set(get_peft_model_state_dict(loaded)):  # PEFT only warns about missing weights, and leaves them random
        raise BadInput(f"the adapter {model.path} does not fit the base model {model.base}: it is for other modules")
    return loaded


def load_merged(model: ModelFolders, **options: Any) -> Any:
    """The model as plain weights, with an adapter merged into its base."""
    loaded = load_model(model, **options)
    return loaded.merge_and_unload() if model.base is not None else loaded


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Save weights (or only the default adapter) and tokenizer as safetensors and JSON into `folder`.

    Raises FloatingPointError if any weight is not finite.
    """
    if not all(weight.isfinite().all() for weight in model.parameters()):
        raise FloatingPointError("the training diverged: its weights are no longer finite; try a lower learning rate")
    scratch = folder / "saved"
    # TRL keeps its reference as a second adapter, "ref"; it must not travel with the policy.
    only = {"selected_adapters": ["default"]} if hasattr(model, "peft_config") else {}
    model.save_pretrained(scratch, **only)
    tokenizer.save_pretrained(scratch)
    for source in sorted(scratch.iterdir()):
        if source.suffix == ".safetensors" or source.name in TOKENIZER_FILES:
            source.rename(folder / source.name)
        elif source.suffix == ".json":
            (folder / source.name).write_text(_clean(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
    for rest in scratch.iterdir():
        rest.unlink()
    scratch.rmdir()


def _clean(config: dict[str, Any]) -> str:
    kept = {key: value for key, value in config.items() if key not in VARYING}
    if isinstance(kept.get("target_modules"), list):
        kept["target_modules"] = sorted(kept["target_modules"])  # PEFT writes a set in hash order
    return json.dumps(kept, indent=2, sort_keys=True) + "\n"
