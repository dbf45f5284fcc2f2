"""The trainings of Algorithm 1 by TRL, for all kinds; each kind has a module with its specific parts."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import TrainerCallback, set_seed
from transformers.utils import is_liger_kernel_available

from sirev.errors import BadInput
from sirev.processes.requests import Emit
from sirev.trainers import dpo, sft
from sirev.trainers.checkpoints import Checkpoints, step_of
from sirev.trainers.dispatch import Log, LogEntry, Trained, TrainingProgress, TrainParameters, TrainRequest
from sirev.trainers.examples import Examples, Ids, TokenLimits, tokenised_rows
from sirev.trainers.models import ModelFolders, load_model, load_tokenizer, save_model
from sirev.trainers.parts import PartLimits
from sirev.training_kinds import KINDS

LOGGED = 24


@dataclass(frozen=True)
class KindTrainer:
    """The TRL side of a kind of training."""

    row: Callable[..., dict[str, Ids]]
    """Tokens of the prompt and of each answer -> an example in the trainer's columns."""
    trainer: Callable[[TrainRequest, Any, dict[str, Any], dict[str, Any]], Any]
    """Request, policy, arguments common to all kinds, and arguments of the trainer's constructor -> the trainer."""


TRAINERS = {"sft": KindTrainer(sft.row, sft.trainer), "dpo": KindTrainer(dpo.row, dpo.trainer)}


class _Steps(TrainerCallback):
    """A callback that emits steps with their metrics, as transformers reports them to trackers."""

    def __init__(self, emit: Emit[TrainingProgress]) -> None:
        self.emit = emit

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        if _of_step(logs):
            self.emit(TrainingProgress(state.global_step, state.max_steps, entry=_finite(logs)))


def train(request: TrainRequest, emit: Emit[TrainingProgress]) -> Trained:
    """Train one step of Algorithm 1 and save the model; see `sirev.trainers.dispatch`."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # left in reference cycles by the previous training
    settings = request.parameters
    checkpoints = Checkpoints(request.attempts, settings.checkpoint_minutes)
    adopted = checkpoints.adopt()
    trainer, examples = make_trainer(request, checkpoints.folder, _Steps(emit), checkpoints)
    with _autocast_cache(settings.lora is not None):
        trainer.train(resume_from_checkpoint=str(adopted) if adopted else None)
    checkpoints.check_finished(trainer.state.global_step, trainer.state.max_steps)
    save_model(trainer.model, trainer.processing_class, request.out)
    checkpoints.discard()
    passes = settings.epochs if settings.max_steps is None else trainer.state.epoch
    return Trained(
        log=thinned([_finite(entry) for entry in trainer.state.log_history if _of_step(entry)]),
        steps=trainer.state.global_step,
        tokens=round(examples.tokens * passes),
        dropped=examples.dropped,
        resumed=step_of(adopted) if adopted else None,
    )


def make_trainer(request: TrainRequest, scratch: Path, *callbacks: TrainerCallback) -> tuple[Any, Examples]:
    """TRL's trainer, ready to train, and its examples; checkpoints go into `scratch`. BadInput if no example is usable."""
    settings = request.parameters
    set_seed(settings.seed)
    init = ModelFolders.of(request.init)
    tokenizer = load_tokenizer(init)
    kind = TRAINERS[settings.kind]
    data = json.loads(request.data.read_text(encoding="utf-8"))
    limits = TokenLimits(settings.max_prompt_tokens, settings.max_completion_tokens)
    examples = tokenised_rows(tokenizer, data, KINDS[settings.kind].answers, kind.row, limits, settings.chat_template)
    if not len(examples.rows):
        raise BadInput(
            f"all {examples.dropped} examples are longer than training.max_prompt_tokens or training.max_completion_tokens, "
            "or hold the end of text in the middle of an answer"
        )
    policy = _policy(init, settings)
    common = _common_arguments(settings, scratch, policy)
    given = {
        "train_dataset": examples.rows,
        "processing_class": tokenizer,
        "callbacks": list(callbacks),
        "limits": PartLimits(settings.micro_batch_size, settings.micro_batch_tokens),
    }
    return kind.trainer(request, policy, common, given), examples


def thinned(log: Log) -> Log:
    """At most `LOGGED` entries, evenly spaced, including the first and the last: a record is read at every replay."""
    last = len(log) - 1
    if last < LOGGED:
        return log
    return [log[round(i * last / (LOGGED - 1))] for i in range(LOGGED)]


def _policy(init: ModelFolders, settings: TrainParameters) -> Any:
    policy = load_model(init, trainable=True, dtype=settings.dtype, attention=settings.attention)
    lora = settings.lora
    if lora is not None and not isinstance(policy, PeftModel):
        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
        )
        policy = get_peft_model(policy, config)
    return policy


def _common_arguments(settings: TrainParameters, scratch: Path, policy: Any) -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(scratch),
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1,  # TRL repeats the examples as often as needed
        "per_device_train_batch_size": settings.batch_size,  # whole batches, which `PartsTrainer` cuts
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings.warmup,
        "optim": settings.optimizer,
        "seed": settings.seed,
        "data_seed": settings.seed,
        # TRL's defaults suit large models on a GPU: bf16 even on a CPU, and gradient checkpointing, which costs time.
        "bf16": cuda and (policy.dtype == torch.bfloat16 or settings.optimizer != "adamw_torch_fused"),
        "use_cpu": not cuda,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "max_length": None,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": cuda,
        **(_liger(cuda) if settings.liger else {}),
    }


def _liger(cuda: bool) -> dict[str, Any]:
    """Settings for Liger's layer kernels; BadInput if they can't run. Its losses would replace TRL's, which never holds all
    logits.
    """
    if not cuda or not is_liger_kernel_available():
        lacking = "the package liger-kernel is not installed" if cuda else "there is no GPU"
        raise BadInput(f"training.memory.liger: {lacking}; set it to false, which only changes rounding")
    kernels = {"rope": True, "rms_norm": True, "swiglu": True, "cross_entropy": False, "fused_linear_cross_entropy": False}
    return {"use_liger_kernel": True, "liger_kernel_config": kernels}


@contextmanager
def _autocast_cache(wanted: bool) -> Iterator[None]:
    """Switch autocast's cache on or off: it holds a bfloat16 copy of all float32 weights in training."""
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(wanted)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)


def _of_step(entry: dict[str, Any]) -> bool:
    """Whether a logged entry is about an optimizer step, rather than the whole training."""
    return "loss" in entry


def _finite(entry: dict[str, Any]) -> LogEntry:
    """A logged entry, reduced to its finite numbers."""
    return {key: float(value) for key, value in entry.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    """Whether a logged value is a finite number or its text: JSON has no other numbers."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
