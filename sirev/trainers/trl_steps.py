"""The trainings of Algorithm 1 by TRL: SFT on prompts with one answer, DPO on prompts with a better and a worse one.

Runs in a resident child; see `sirev.stages.train` for what it is given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import TrainerCallback, set_seed
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from sirev.trainers.models import ModelFolders, load_merged, load_model, load_tokenizer, save_model

Emit = Callable[[dict[str, Any]], None]
LOGGED = 24


class _Progress(TrainerCallback):
    """Passes steps and logged losses on."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.log: list[dict[str, float]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.emit({"step": state.global_step, "steps": state.max_steps})

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.log.append({"step": state.global_step, **{k: float(v) for k, v in logs.items() if _is_number(v)}})


def train(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Train one step and save the model into `arguments["out"]`.

    Arguments: `kind` "sft" or "dpo"; `init` and, for dpo, `reference` as model folders; `reference_is_init`;
    `data`, a JSON file of rows (prompt, completion) or (prompt, chosen, rejected); `settings` (epochs, batch_size,
    learning_rate, warmup, beta, lora); `seed`; `out`; `scratch`. Returns {"log": [{step, loss, ...}]}, thinned.
    """
    progress = _Progress(emit)
    trainer = make_trainer(arguments, progress)
    trainer.train()
    save_model(trainer.model, trainer.processing_class, Path(arguments["out"]))
    return {"log": thinned(progress.log)}


def make_trainer(arguments: dict[str, Any], *callbacks: TrainerCallback) -> Any:
    """TRL's trainer, ready to train; see `train` for the arguments."""
    settings = arguments["settings"]
    set_seed(arguments["seed"])
    init = ModelFolders.of(arguments["init"])
    tokenizer = load_tokenizer(init)
    policy = _policy(init, settings["lora"])
    data = Dataset.from_list(json.loads(Path(arguments["data"]).read_text()))
    common = _common_arguments(settings, arguments["seed"], arguments["scratch"], policy)
    given = {"train_dataset": data, "processing_class": tokenizer, "callbacks": list(callbacks)}
    if arguments["kind"] == "sft":
        return SFTTrainer(policy, args=SFTConfig(**common, packing=False, completion_only_loss=True), **given)
    reference = _reference(arguments, policy)
    return DPOTrainer(policy, ref_model=reference, args=DPOConfig(**common, beta=settings["beta"]), **given)


def thinned(log: list[dict[str, float]]) -> list[dict[str, float]]:
    """At most LOGGED entries, evenly spaced, the first and the last among them: a record is read at every replay."""
    last = len(log) - 1
    if last < LOGGED:
        return log
    return [log[round(i * last / (LOGGED - 1))] for i in range(LOGGED)]


def _policy(init: ModelFolders, lora: dict[str, Any] | None) -> Any:
    policy = load_model(init, trainable=True)
    if lora is not None and not isinstance(policy, PeftModel):
        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=lora["r"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules=lora["target_modules"],
        )
        policy = get_peft_model(policy, config)
    return policy


def _reference(arguments: dict[str, Any], policy: Any) -> Any:
    """The frozen reference model, None where TRL's own copy of the policy's adapter is the reference.

    Never left to TRL for full weights: it would reload them from the path that the configuration happens to name.
    """
    if isinstance(policy, PeftModel) and arguments["reference_is_init"]:
        return None
    return load_merged(ModelFolders.of(arguments["reference"])).eval()


def _common_arguments(settings: dict[str, Any], seed: int, scratch: str, policy: Any) -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    return {
        "output_dir": scratch,
        "num_train_epochs": settings["epochs"],
        "per_device_train_batch_size": settings["batch_size"],
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings["warmup"],
        "seed": seed,
        "data_seed": seed,
        # TRL's defaults are for large models on a GPU: bf16 even on a CPU, and checkpointing at the cost of time.
        "bf16": cuda and policy.dtype == torch.bfloat16,
        "use_cpu": not cuda,
        "gradient_checkpointing": False,
        "max_length": None,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": cuda,
    }


def _is_number(value: Any) -> bool:
    """Whether a logged value is a finite number, or text that stands for one: JSON knows no other."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
