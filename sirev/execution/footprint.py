"""Memory and disk of a recipe's model in bytes, computed from its shape and the recipe; nothing is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sirev.execution.model_sizes import Shape, shape_of
from sirev.recipe import Recipe
from sirev.recipe.sections import Lora, Memory

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2, "auto": 2}
PROMPT_TOKENS = 150
"""Assumed tokens per prompt where the recipe sets no limit."""
SHARD_ANSWERS = 2048
"""Answers in a batch of the engine `transformers` where `engine.batch_size` is null."""
_LOGITS = (4096, 32768)
"""Tokens and vocabulary entries of the chunk of logits that TRL computes at a time (trl/kernels/chunked_logprob.py)."""
_CONTEXT = 0.8e9
"""Bytes that CUDA takes per process (judged)."""
GPU_SIZES = (8, 12, 16, 24, 32, 40, 48, 80, 141)
"""Memory of common GPUs, in GB."""


@dataclass(frozen=True)
class Footprint:
    """Memory of training and sampling, and disk space, in bytes."""

    training: dict[str, int]
    """Part of a training's memory -> bytes; activations are estimated (see `_activations`), the rest follows from the shape."""
    engine: str
    gpu_share: float
    """Share of the GPU's memory that the engine may take."""
    weights: int
    """Weights of the sampling model, including a LoRA adapter."""
    answer: int
    """The KV cache of one answer of `answer_tokens`, including its prompt."""
    answer_tokens: int
    batch: int
    """Answers whose KV cache must fit at the same time: 1 with vLLM, which queues the others."""
    checkpoint: int
    """One checkpoint of a training: weights and optimizer states."""
    model: int
    """Size of each M_t in the store."""

    @property
    def to_train(self) -> int:
        """Memory of a training, including activations."""
        return sum(self.training.values())

    @property
    def to_sample(self) -> int:
        """Least memory for sampling; 0 with a server."""
        return 0 if self.engine == "server" else self.weights + self.batch * self.answer

    def untrained(self) -> Footprint:
        """The footprint without training."""
        return replace(self, training=dict.fromkeys(self.training, 0))

    @property
    def scratch(self) -> int:
        """Space in the temporary folder: M_t and two checkpoints, as the next is written before the last is deleted."""
        return 2 * self.checkpoint + self.model

    def room(self, gpu: float) -> int:
        """Number of answers of full length that a GPU with `gpu` bytes can sample at a time; 0 if not even one."""
        return max(0, int((self.gpu_share * gpu - self.weights) // self.answer))

    def trains_on(self, gpu: float) -> bool:
        """Whether a training fits on a GPU with `gpu` bytes, in addition to CUDA's own memory."""
        return self.to_train + _CONTEXT <= gpu

    def samples_on(self, gpu: float) -> bool:
        """Whether sampling fits on a GPU with `gpu` bytes."""
        return self.to_sample <= self.gpu_share * gpu

    def fits(self, gpu: float) -> bool:
        """Whether training and sampling both fit; they never run at the same time."""
        return self.trains_on(gpu) and self.samples_on(gpu)

    def smallest(self) -> int | None:
        """Memory in GB of the smallest common GPU that fits; None if there is none."""
        return next((size for size in GPU_SIZES if self.fits(size * 1e9)), None)


def footprint(recipe: Recipe) -> Footprint | None:
    """The footprint of a recipe; None where the sizes of its model are not known here."""
    shape = shape_of(recipe.model)
    return None if shape is None else footprint_of(recipe, shape)


def footprint_of(recipe: Recipe, shape: Shape) -> Footprint:
    """The footprint of a recipe for a model of this shape, whatever its own model."""
    training, engine = recipe.training, recipe.engine
    width = WIDTHS[training.dtype] if recipe.model.name else 4
    lora = training.lora or Lora() if training.parameters == "lora" else None
    trained = shape.adapter(lora) if lora else shape.parameters
    # LoRA's weights are float32 on any base, as are AdamW's two states of them.
    own = 4 if lora else width
    held = {"base weights" if lora else "weights": width * shape.parameters}
    if lora:
        held["adapter"] = own * trained
    held["gradients"] = own * trained
    held["optimizer"] = states = _states(recipe, shape, own, trained)
    with_reference = [kind.title for kind in recipe.kinds() if kind.has_reference]
    if with_reference and not training.memory.precompute_reference:
        held[f"{with_reference[0]}'s reference"] = own * trained
    if _computes(recipe, width) < own:
        held["bfloat16 copies"] = 2 * (trained if lora or not training.memory.gradient_checkpointing else shape.layer)
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
        checkpoint=own * trained + states if training.checkpoint_minutes is not None else 0,
        model=own * trained,
    )


def lean(recipe: Recipe) -> Recipe:
    """The recipe with the least memory in training; results are equal except for rounding."""
    memory = Memory(micro_batch_size=1, gradient_checkpointing=True, precompute_reference=True)
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"memory": memory})})


def prompt_tokens(recipe: Recipe) -> int:
    """Tokens of the longest prompt if the recipe limits it, else a usual number."""
    return recipe.training.max_prompt_tokens or PROMPT_TOKENS


def layer_activations(shape: Shape, lora: Lora | None, width: int, computed: int) -> int:
    """Activations of one layer for one token that are saved for the gradients, in bytes; attention saves no scores.

    Weights have `width` bytes, computed values have `computed`. Counted by torch's hooks on saved tensors. The saved values
    are: four of the MLP's width, three or four of the width of all heads (queries, keys, values, outputs), five or more of
    the hidden width (inputs of linear modules and norms), and LoRA's inner values. Under autocast, float32 copies of the
    norms' inputs and of the residual stream are added.
    """
    hidden, heads = shape.hidden, shape.heads * shape.head_dim
    squeezed = 0 if lora is None else lora.r * len(lora.target_modules)
    if computed == 4:
        return 4 * (4 * shape.intermediate + 3 * heads + (7 if lora is None else 5) * hidden + squeezed)
    return 2 * (4 * shape.intermediate + 4 * heads + 6 * hidden + squeezed) + 4 * (4 if width == 4 else 2) * hidden


def _activations(recipe: Recipe, shape: Shape, width: int) -> int:
    """Bytes of the activations of `tokens_at_once` tokens.

    With gradient checkpointing, a layer saves only its input, and one layer at a time is computed again. The last norm and
    a chunk of the logits are added.
    """
    training = recipe.training
    tokens, computed = tokens_at_once(recipe), _computes(recipe, width)
    layer = layer_activations(shape, training.lora if training.parameters == "lora" else None, width, computed)
    layers = shape.layers * shape.hidden * width + layer if training.memory.gradient_checkpointing else shape.layers * layer
    some, words = _LOGITS
    return tokens * (layers + 4 * 3 * shape.hidden) + computed * min(tokens, some) * min(shape.vocabulary, words)


def tokens_at_once(recipe: Recipe) -> int:
    """Most tokens per forward pass, with padding; at least one example of full length."""
    training = recipe.training
    answer = training.max_completion_tokens or recipe.sampling.max_new_tokens
    sequences = max((kind.sequences for kind in recipe.kinds()), default=1)  # no kinds if a single model is evaluated
    longest = (prompt_tokens(recipe) + answer) * sequences
    whole = max(settings.batch_size for settings in training.given().values())
    tokens = longest * min(training.memory.micro_batch_size or whole, whole)
    return max(longest, min(tokens, training.memory.micro_batch_tokens or tokens))


def _computes(recipe: Recipe, width: int) -> int:
    """Bytes per computed value of a training: 2, bfloat16 on a GPU; 4 for float32 weights with plain AdamW."""
    return 4 if width == 4 and recipe.training.optimizer == "adamw_torch_fused" else 2


def _states(recipe: Recipe, shape: Shape, own: int, trained: int) -> int:
    """Bytes of the optimizer's states of `trained` weights; for 8-bit AdamW, those of embeddings are float32."""
    optimizer = recipe.training.optimizer
    if optimizer == "paged_adamw_8bit":
        embedded = shape.vocabulary * shape.hidden if trained == shape.parameters else 0
        return 2 * (trained - embedded) + 2 * 4 * embedded
    return {"adamw_torch_fused": 2 * own, "adafactor": 0}[optimizer] * trained
