"""The trainings of Algorithm 1 by TRL: SFT on prompts with one answer, DPO on prompts with a better and a worse one.

Runs in a resident child; see `sirev.stages.train` for what it is given.
"""

from __future__ import annotations

import gc
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

from sirev.errors import BadInput
from sirev.trainers.checkpoints import Checkpoints, step_of
from sirev.trainers.examples import Examples, Limits, dpo_examples, sft_examples
from sirev.trainers.models import ModelFolders, load_merged, load_model, load_tokenizer, save_model

Emit = Callable[[dict[str, Any]], None]
LOGGED = 24


class _Progress(TrainerCallback):
    """Passes steps on."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.emit({"step": state.global_step, "steps": state.max_steps})


def train(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Train one step and save the model into `arguments["out"]`.

    Arguments: `kind` "sft" or "dpo"; `init` and, for dpo, `reference` as model folders; `reference_is_init`;
    `data`, a JSON file of rows (prompt, completion) or (prompt, chosen, rejected); `settings`, those of
    `sirev.stages.train`; `seed`; `out`; `attempts`, a folder that outlives an interruption, from whose checkpoints it
    goes on. Returns {"log": [{step, loss, ...}], thinned, "steps", "tokens" of all epochs, "dropped" for their length,
    "resumed" at which step}.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # what the training before this one left in reference cycles
    settings = arguments["settings"]
    checkpoints = Checkpoints(Path(arguments["attempts"]), settings["checkpoint_minutes"])
    adopted = checkpoints.adopt()
    progress = _Progress(emit)
    trainer, examples = make_trainer({**arguments, "scratch": str(checkpoints.folder)}, progress, checkpoints)
    trainer.train(resume_from_checkpoint=str(adopted) if adopted else None)
    save_model(trainer.model, trainer.processing_class, Path(arguments["out"]))
    checkpoints.discard()
    passes = settings["epochs"] if settings["max_steps"] is None else trainer.state.epoch
    return {
        "log": thinned([_finite(entry) for entry in trainer.state.log_history if "loss" in entry]),
        "steps": trainer.state.global_step,
        "tokens": round(examples.tokens * passes),
        "dropped": examples.dropped,
        "resumed": step_of(adopted) if adopted else None,
    }


def make_trainer(arguments: dict[str, Any], *callbacks: TrainerCallback) -> tuple[Any, Examples]:
    """TRL's trainer, ready to train, and the examples it trains on; see `train` for the arguments."""
    settings = arguments["settings"]
    set_seed(arguments["seed"])
    init = ModelFolders.of(arguments["init"])
    tokenizer = load_tokenizer(init)
    rows = json.loads(Path(arguments["data"]).read_text(encoding="utf-8"))
    limits = Limits(settings["max_prompt_tokens"], settings["max_completion_tokens"])
    tokenise = sft_examples if arguments["kind"] == "sft" else dpo_examples
    examples = tokenise(tokenizer, rows, limits, settings["chat_template"])
    if not examples.rows:
        raise BadInput(
            f"all {examples.dropped} examples are longer than training.max_prompt_tokens or training.max_completion_tokens"
        )
    policy = _policy(init, settings)
    common = _common_arguments(settings, arguments["seed"], arguments["scratch"], policy)
    given = {"train_dataset": Dataset.from_list(examples.rows), "processing_class": tokenizer, "callbacks": list(callbacks)}
    if arguments["kind"] == "sft":
        return SFTTrainer(policy, args=SFTConfig(**common, packing=False, completion_only_loss=True), **given), examples
    losses = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, settings["nll_weight"]]} if settings["nll_weight"] else {}
    config = DPOConfig(**common, beta=settings["beta"], precompute_ref_log_probs=settings["precompute_reference"], **losses)
    trainer = _PairTrainer(policy, ref_model=_reference(arguments, policy), args=config, **given)
    if settings["precompute_reference"]:
        trainer.ref_model = None  # it has done its work, and TRL would hold it to the end
    return trainer, examples


class _PairTrainer(DPOTrainer):
    """TRL's DPOTrainer on pairs that are tokens already, which its SFTTrainer takes but it does not.

    A batch that goes through the model in parts has the loss of the whole. TRL takes the mean of the parts' means, which
    is another number where one part has fewer pairs (an epoch's last batch) or, for the negative log-likelihood, tokens.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        parts, items = super().get_batch_samples(*args, **kwargs)
        self._parts = [_pairs_and_tokens(part) for part in parts]
        return parts, items

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        of_part = _pairs_and_tokens(inputs)
        of_whole = [sum(sizes) for sizes in zip(*self._parts, strict=True)]
        wanted = self.args.loss_weights or [1.0]  # of "sigmoid", a mean over pairs, and of "sft", one over tokens
        self.loss_weights = [
            weight * len(self._parts) * part / whole for weight, part, whole in zip(wanted, of_part, of_whole, strict=False)
        ]
        return super().compute_loss(model, inputs, *args, **kwargs)


def _pairs_and_tokens(batch: dict[str, Any]) -> tuple[int, int]:
    """How many pairs a batch has, and how many tokens the better answers: TRL puts those into its first half."""
    pairs = len(batch["completion_mask"]) // 2
    return pairs, int(batch["completion_mask"][:pairs].sum())


def thinned(log: list[dict[str, float]]) -> list[dict[str, float]]:
    """At most LOGGED entries, evenly spaced, the first and the last among them: a record is read at every replay."""
    last = len(log) - 1
    if last < LOGGED:
        return log
    return [log[round(i * last / (LOGGED - 1))] for i in range(LOGGED)]


def _policy(init: ModelFolders, settings: dict[str, Any]) -> Any:
    policy = load_model(init, trainable=True, dtype=settings["dtype"])
    lora = settings["lora"]
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
    """The frozen reference model; None where TRL has it: as its own copy of the policy's adapter, or, if it computes the
    reference's log-probabilities before the first step, as the policy.

    Otherwise never left to TRL for full weights: it would reload them from the path that the configuration happens to name.
    """
    at_hand = isinstance(policy, PeftModel) or arguments["settings"]["precompute_reference"]
    if at_hand and arguments["reference_is_init"]:
        return None
    return load_merged(ModelFolders.of(arguments["reference"]), dtype=arguments["settings"]["dtype"]).eval()


def _common_arguments(settings: dict[str, Any], seed: int, scratch: str, policy: Any) -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    at_once = min(settings["micro_batch_size"] or settings["batch_size"], settings["batch_size"])
    if settings["batch_size"] % at_once:
        raise BadInput(f"batch_size {settings['batch_size']} is no multiple of training.memory.micro_batch_size {at_once}")
    return {
        "output_dir": scratch,
        "num_train_epochs": settings["epochs"],
        "max_steps": settings["max_steps"] or -1,  # TRL goes through the examples as often as it takes
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": settings["batch_size"] // at_once,
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings["warmup"],
        "optim": settings["optimizer"],
        "seed": seed,
        "data_seed": seed,
        # TRL's defaults are for large models on a GPU: bf16 even on a CPU, and checkpointing at the cost of time.
        "bf16": cuda and (policy.dtype == torch.bfloat16 or settings["optimizer"] != "adamw_torch_fused"),
        "use_cpu": not cuda,
        "gradient_checkpointing": settings["gradient_checkpointing"],
        "max_length": None,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": cuda,
    }


def _finite(entry: dict[str, Any]) -> dict[str, float]:
    """A logged entry with its numbers alone."""
    return {key: float(value) for key, value in entry.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    """Whether a logged value is a finite number, or text that stands for one: JSON knows no other."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
