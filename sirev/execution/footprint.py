"""Memory and disk of a recipe's model in bytes, from its shape and the recipe alone; nothing is measured."""

from __future__ import annotations

from dataclasses import dataclass

from sirev.execution.model_sizes import Shape, shape_of
from sirev.recipe import Recipe
from sirev.recipe.sections import Lora, Memory

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2, "auto": 2}
PROMPT_TOKENS = 150
"""Tokens of a prompt where the recipe sets no limit."""
SHARD_ANSWERS = 2048
"""Answers that the engine `transformers` writes at a time where `engine.batch_size` is null."""
GPU_SIZES = (8, 12, 16, 24, 32, 40, 48, 80, 141)
"""Memory of common GPUs, in GB."""


@dataclass(frozen=True)
class Footprint:
    """What training and sampling hold in memory, and what they write."""

    training: dict[str, int]
    """What a training holds -> bytes; activations are estimated (see `_activations`), the rest follows from the shape."""
    engine: str
    gpu_share: float
    """Share of the GPU's memory that the engine may take."""
    weights: int
    """Of the model that samples; with LoRA its adapter too."""
    answer: int
    """The KV cache of one answer of `answer_tokens`, prompt included."""
    answer_tokens: int
    batch: int
    """Answers whose KV cache must be held at the same time: 1 with vLLM, which queues those that do not fit."""
    checkpoint: int
    """One checkpoint of a training: weights and optimizer states."""
    model: int
    """What the store keeps of each M_t."""

    @property
    def to_train(self) -> int:
        """Bytes that a training holds, activations included."""
        return sum(self.training.values())

    @property
    def to_sample(self) -> int:
        """Bytes that sampling can't do without; 0 where a server does it."""
        return 0 if self.engine == "server" else self.weights + self.batch * self.answer

    @property
    def scratch(self) -> int:
        """Bytes of the temporary folder: two checkpoints, as the next is written before the last is deleted, and M_t."""
        return 2 * self.checkpoint + self.model

    def room(self, gpu: float) -> int:
        """How many answers of full length a GPU of so many bytes samples at a time; 0 if not even one."""
        return max(0, int((self.gpu_share * gpu - self.weights) // self.answer))

    def trains_on(self, gpu: float) -> bool:
        """Whether a training fits on a GPU of so many bytes."""
        return self.to_train <= gpu

    def samples_on(self, gpu: float) -> bool:
        """Whether sampling fits on a GPU of so many bytes."""
        return self.to_sample <= self.gpu_share * gpu

    def fits(self, gpu: float) -> bool:
        """Whether training and sampling both fit; they never run at the same time."""
        return self.trains_on(gpu) and self.samples_on(gpu)

    def smallest(self) -> int | None:
        """The smallest common GPU that it fits on, in GB; None if there is none."""
        return next((size for size in GPU_SIZES if self.fits(size * 1e9)), None)


def footprint(recipe: Recipe) -> Footprint | None:
    """The footprint of a recipe; None where the sizes of its model are not known here."""
    shape = shape_of(recipe.model)
    if shape is None:
        return None
    training, engine = recipe.training, recipe.engine
    width = WIDTHS[training.dtype] if recipe.model.name else 4
    lora = training.lora or Lora() if training.parameters == "lora" else None
    trained = shape.adapter(lora) if lora else shape.parameters
    # LoRA's own weights are float32 on any base, as are AdamW's two states of them.
    own = 4 if lora else width
    states = {"adamw_torch_fused": 2 * own, "paged_adamw_8bit": 2, "adafactor": 0}[training.optimizer]
    held = {"base weights" if lora else "weights": width * shape.parameters}
    if lora:
        held["adapter"] = own * trained
    held["gradients"] = own * trained
    held["optimizer"] = states * trained
    with_reference = [kind.title for kind in recipe.kinds() if kind.has_reference]
    if with_reference and not training.memory.precompute_reference:
        held[f"{with_reference[0]}'s reference"] = own * trained
    held["activations"] = _activations(recipe, shape, width)
    sampled = WIDTHS[engine.dtype] if recipe.model.name else 4
    longest = prompt_tokens(recipe) + max(recipe.sampling.max_new_tokens, recipe.evaluation.draws.max_new_tokens)
    if engine.name == "vllm":  # refuses to start where one answer of the whole context does not fit
        longest = engine.context or longest
    return Footprint(
        training=held,
        engine=engine.name,
        gpu_share=engine.gpu_memory if engine.name == "vllm" else 1.0,
        weights=sampled * shape.parameters + (own * trained if lora else 0),
        answer=longest * shape.kv_bytes(sampled),
        answer_tokens=longest,
        batch=1 if engine.name == "vllm" else engine.batch_size or SHARD_ANSWERS,
        checkpoint=(own + states) * trained if training.checkpoint_minutes is not None else 0,
        model=own * trained,
    )


def lean(recipe: Recipe) -> Recipe:
    """The recipe with as little in memory at a time as training can do with; equal results but for rounding."""
    memory = Memory(micro_batch_size=1, gradient_checkpointing=True, precompute_reference=True)
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"memory": memory})})


def prompt_tokens(recipe: Recipe) -> int:
    """The longest prompt, where the recipe says so, else a usual one."""
    return recipe.training.max_prompt_tokens or PROMPT_TOKENS


def _activations(recipe: Recipe, shape: Shape, width: int) -> int:
    """Activations of one micro-batch of longest examples, with attention that stores no scores (arXiv 2205.05198).

    A layer keeps 17 values per token and hidden unit (the paper's 34 bytes at 2 bytes each), or with gradient checkpointing
    its input alone, and then one layer at a time is computed again. On top come the logits and their gradient in float32.
    """
    training = recipe.training
    memory = training.memory
    answer = training.max_completion_tokens or recipe.sampling.max_new_tokens
    tokens = prompt_tokens(recipe) + answer
    whole = max(settings.batch_size for settings in training.given().values())
    tokens *= (memory.micro_batch_size or whole) * max(kind.sequences for kind in recipe.kinds())
    value = tokens * shape.hidden * width
    layers = shape.layers * value + 17 * value if memory.gradient_checkpointing else 17 * shape.layers * value
    return layers + 2 * 4 * tokens * shape.vocabulary
