"""Entry points of all trainings in a child process, with their requests and results. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sirev.parameters import operational, semantic
from sirev.processes.imports import quick_imports
from sirev.processes.requests import Emit, Progress, Resumable
from sirev.processes.torch_gpu import require_gpu
from sirev.trainers.models import ModelSource

LogEntry = dict[str, float | None]
"""Metrics of a step, under the names of transformers and TRL: {loss, ...}; null stands for a number that is not finite."""
Log = list[LogEntry]
"""Metrics of some steps of a training, each with its `step`."""


@dataclass(frozen=True)
class LoraParameters:
    """PEFT LoRA; see `sirev.recipe.sections.Lora`."""

    r: int = semantic()
    alpha: int = semantic()
    dropout: float = semantic()
    target_modules: list[str] = semantic()


@dataclass(frozen=True)
class TrainParameters:
    """Parameters of one training; see `sirev.recipe.sections.Training`.

    `beta` and `nll_weight` are DPO's; `lora` None trains all parameters.
    """

    kind: str = semantic()
    epochs: int = semantic()
    batch_size: int = semantic()
    learning_rate: float = semantic()
    warmup: float = semantic()
    seed: int = semantic()
    beta: float | None = semantic(default=None, absent_means=None)
    nll_weight: float = semantic(default=0.0, absent_means=0.0)
    lora: LoraParameters | None = semantic(default=None, absent_means=None)
    optimizer: str = semantic(default="adamw_torch_fused", absent_means="adamw_torch_fused")
    dtype: str = semantic(default="auto", absent_means="auto")
    max_prompt_tokens: int | None = semantic(default=None, absent_means=None)
    max_completion_tokens: int | None = semantic(default=None, absent_means=None)
    chat_template: bool = semantic(default=False, absent_means=False)
    max_steps: int | None = semantic(default=None, absent_means=None)
    """Number of optimizer steps, instead of `epochs`."""
    micro_batch_size: int | None = operational(default=None)
    micro_batch_tokens: int | None = operational(default=None)
    gradient_checkpointing: bool = operational(default=False)
    precompute_reference: bool = operational(default=False)
    attention: str | None = operational(default=None)
    liger: bool = operational(default=False)
    checkpoint_minutes: float | None = operational(default=None)
    gpu_required: bool = operational(default=False)


@dataclass(frozen=True)
class TrainRequest(Resumable):
    """One training of a model."""

    parameters: TrainParameters
    init: ModelSource
    data: Path
    """A JSON file with a list of rows: "prompt" and the columns of the kind of training."""
    out: Path
    """The folder to save the model into."""
    attempts: Path
    """The folder of attempts; it outlives an interruption, and the training resumes from its checkpoints."""
    reference: ModelSource | None = None
    """The frozen reference model of the loss, if the kind of training has one."""
    reference_is_init: bool = False


@dataclass(frozen=True)
class TrainingProgress(Progress):
    """An event: the number of finished optimizer steps, and the metrics of the last one."""

    entry: LogEntry = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """Result of a training."""

    log: Log
    """Thinned; the first and the last step stay."""
    steps: int
    tokens: int
    """Tokens of all epochs."""
    dropped: int
    """Examples left out for their length, or for an end of text in the middle of an answer."""
    resumed: int | None
    """The step after which an earlier attempt was resumed; None if none was."""


def train(request: TrainRequest, emit: Emit[TrainingProgress]) -> Trained:
    """Train one step of Algorithm 1 and save the model; events count optimizer steps."""
    require_gpu(request.parameters.gpu_required)
    with quick_imports():
        from sirev.trainers import trl_steps

    return trl_steps.train(request, emit)


@dataclass(frozen=True)
class ArchitectureParameters:
    """Sizes of the embedded Llama; see `sirev.recipe.sections.Architecture`."""

    hidden_size: int = semantic()
    intermediate_size: int = semantic()
    layers: int = semantic()
    heads: int = semantic()
    kv_heads: int = semantic()
    head_dim: int = semantic()
    initializer_range: float = semantic()
    rope_theta: float = semantic()


@dataclass(frozen=True)
class PretrainParameters:
    """Parameters of the model and its pretraining; see `sirev.recipe.sections.Pretrain`."""

    architecture: ArchitectureParameters = semantic()
    sequences: int = semantic()
    levels: list[int] = semantic()
    equations_share: float = semantic()
    batch_size: int = semantic()
    learning_rate: float = semantic()
    warmup: float = semantic()
    seed: int = semantic()
    inverse_share: float = semantic(default=0.0, absent_means=0.0)
    disjoint: bool = semantic(default=False, absent_means=False)
    threads: int = operational(default=1)


@dataclass(frozen=True)
class PretrainRequest(Resumable):
    """Pretraining of the embedded recipe's M0, saved into the folder `out`."""

    parameters: PretrainParameters
    out: Path
    attempts: Path
    """As in `TrainRequest`."""


def pretrain(request: PretrainRequest, emit: Emit[Progress]) -> Log:
    """Pretrain M0, save it and return its log, with the loss in nats per token; events count steps."""
    with quick_imports():
        from sirev.trainers import pretrain

    return pretrain.pretrain(request, emit)
