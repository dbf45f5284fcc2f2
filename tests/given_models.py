"""Models trained elsewhere, adapters saved by PEFT, and a user's own problems to evaluate them on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROBLEMS = 6


def save_adapter(base: Path, folder: Path, named: str | None = None, seed: int = 1, **more: Any) -> Path:
    """Save an adapter with random weights as PEFT does, without its base; `named` is its name of the base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    wanted = {
        "r": 4,
        "lora_alpha": 32,
        "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM",
        "init_lora_weights": False,
        **more,
    }
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**wanted)).save_pretrained(folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": named}))
    return folder


def save_recipe(folder: Path, ood: Mapping[str, Any] | None = None, problems: int = PROBLEMS) -> Path:
    """Save a recipe that evaluates on `problems` sums, with the transformers engine, and on the suites `ood`."""
    rows = folder / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    for split, first in (("train", 100), ("test", 0)):
        sums = [{"question": f"{i} + {i} =", "answer": str(2 * i)} for i in range(first, first + problems)]
        (rows / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    step = {"learning_rate": 1e-3}
    training = {"grader": "last_number", "initial": step, "sft": step}
    evaluation = {"grader": "last_number", "draws": {"n": 4, "temperature": 0.8, "max_new_tokens": 6}, "ood": dict(ood or {})}
    recipe = {
        "task": {"name": "jsonl", "prompt": "{question}\n", "data": {"path": "./rows"}},
        "methods": ["sft"],
        "T": 2,
        "sampling": {"n": 2, "max_new_tokens": 6},
        "training": training,
        "evaluation": evaluation,
    }
    (folder / "sums.yaml").write_text(json.dumps(recipe))  # JSON is YAML
    return folder / "sums.yaml"
