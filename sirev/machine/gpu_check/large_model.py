"""Checks of memory and speed at the shape of the user's model, with random weights."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sirev.engines.dispatch import CellDone, SampleRequest, Underway, sample
from sirev.engines.protocol import Cell, DecodingSettings, Prompt
from sirev.execution.gpus import gpu_of_driver
from sirev.execution.measured_rates import MeasuredRate
from sirev.execution.model_sizes import Shape
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.small_model import SMALL_TRAINING, byte_tokenizer, training_request
from sirev.machine.gpu_check.watching import WatchedTraining, watched_training
from sirev.machine.vllm_build import why_no_vllm
from sirev.processes.requests import Emit, Progress
from sirev.processes.resident import ChildFailed
from sirev.processes.torch_gpu import torch_gpu
from sirev.store.provenance import now
from sirev.trainers.dispatch import TrainingProgress, TrainRequest
from sirev.trainers.models import ModelSource

STEPS = 4
"""Training steps; the first one, which compiles kernels, is not timed."""
_LEAST = 1.2
"""The smallest GPU memory for which training with an adapter is tried, as a multiple of the model's weights."""
_PROMPT_TOKENS, _ANSWER_TOKENS = 256, 512
_SHARE = 0.9
"""Share of the GPU's memory for vLLM."""
_RESERVED = 3e9
"""Bytes of it that are not for weights and KV cache."""


@dataclass(frozen=True)
class ShapeRequest:
    """A shape, and the folder for its configuration and tokenizer."""

    shape: Shape
    folder: str


def make_configuration(request: ShapeRequest, emit: Emit[Progress]) -> None:
    """Save a model's configuration and tokenizer, without weights."""
    from transformers import LlamaConfig

    shape, tokenizer = request.shape, byte_tokenizer()
    config = LlamaConfig(
        architectures=["LlamaForCausalLM"],
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        vocab_size=max(shape.vocabulary, len(tokenizer)),
        tie_word_embeddings=shape.tied,
        max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        dtype="bfloat16",
    )
    config.save_pretrained(request.folder)
    tokenizer.save_pretrained(request.folder)


def large_training(request: TrainRequest, emit: Emit[TrainingProgress]) -> WatchedTraining:
    """Train a model whose folder has no weights: they are random, made in memory, and the base is never written or read."""
    with _random_weights():
        return watched_training(request, emit)


LargeWork = Callable[[TrainRequest, Emit[TrainingProgress]], WatchedTraining]
"""The work of a child process: `large_training` or a variant."""


@contextlib.contextmanager
def _random_weights() -> Iterator[None]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained

    def made(folder: Any, *, dtype: Any = "bfloat16", output_loading_info: bool = False, **options: Any) -> Any:
        attention = {key: value for key, value in options.items() if key == "attn_implementation"}
        of = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=of, **attention)
        info: dict[str, list[str]] = {"missing_keys": [], "mismatched_keys": [], "unexpected_keys": []}
        return (model, info) if output_loading_info else model

    AutoModelForCausalLM.from_pretrained = made
    try:
        yield
    finally:
        AutoModelForCausalLM.from_pretrained = plain


@dataclass(frozen=True)
class _Way:
    """A way to train: kind, examples at a time, and whether gradient checkpointing is on."""

    kind: str
    micro: int
    checkpointing: bool

    def words(self, tokens: int) -> str:
        """Its description, for examples of `tokens` tokens."""
        what = f"{self.micro} pairs of 2 x {tokens}" if self.kind == "dpo" else f"{self.micro} x {tokens}"
        return f"{self.kind} {what}{' with checkpointing' if self.checkpointing else ''}"


def _configuration(bench: Bench) -> ModelSource:
    folder = bench.folder / "large"
    if not folder.exists():
        folder.mkdir()
        bench.child("checker").call(make_configuration, ShapeRequest(bench.shape, str(folder)), lambda event: None)
    return ModelSource(folder)


def letters(count: int, seed: int) -> str:
    """Random text of `count` tokens of the byte tokenizer."""
    return "".join(random.Random(seed).choices(string.ascii_letters, k=count))


def too_small(bench: Bench) -> str:
    """Why the model is not tried; empty if it is."""
    total, wanted = torch_gpu().total, _LEAST * 2 * bench.shape.parameters
    if not bench.on_gpu or total >= wanted:
        return ""
    return f"weights of {wanted / _LEAST / 1e9:.1f} GB leave too little of the GPU's {total / 1e9:.0f} GB"


def large_model_training(bench: Bench) -> Notes:
    """Measure SFT and DPO with an adapter at the user's shape: memory, and tokens per second for the plan."""
    if reason := too_small(bench):
        return Notes(skipped=reason)
    notes, total = Notes(), torch_gpu().total
    micro, prompt, answer = (8, _PROMPT_TOKENS, _ANSWER_TOKENS) if bench.on_gpu else (2, 16, 16)
    if bench.on_gpu and total < 40e9:
        micro = 1
    tokens = prompt + answer
    for way in (  # SFT with checkpointing last: it leaves the adapter for `large_model_sampling`
        _Way("dpo", max(micro // 2, 1), False),
        _Way("dpo", max(micro // 2, 1), True),
        _Way("sft", micro, False),
        _Way("sft", micro, True),
    ):
        seen = _trained(bench, way, prompt, answer)
        if seen is None:
            notes.found.append(f"{way.words(tokens)}: out of memory")
            continue
        rate = way.micro * tokens * (2 if way.kind == "dpo" else 1) / max(seen.seconds_per_step, 1e-9)
        peak = f", {seen.peak / 1e9:.1f} GB" if seen.peak else ""
        notes.found.append(f"{way.words(tokens)}: {rate:,.0f} tokens/s{peak}")
        notes.expect(seen.device == bench.device, f"it trained on the device {seen.device}")
        if bench.on_gpu:
            measured = MeasuredRate(_gpu(), "train", bench.shape.parameters, rate, checkpointing=way.checkpointing, when=now())
            pairs = 2 if way.kind == "dpo" else 1
            at_once = pairs * way.micro * tokens
            notes.rates.append(replace(measured, reference=pairs == 2, micro_tokens=at_once, peak=seen.peak))
    notes.expect(any("tokens/s" in found for found in notes.found), "no training fits into the GPU's memory")
    return notes


def _gpu() -> str:
    return torch_gpu().name or "unknown"


def _trained(bench: Bench, way: _Way, prompt: int, answer: int) -> WatchedTraining | None:
    columns = {"prompt": prompt, "completion": answer - 1, "chosen": answer - 1, "rejected": answer - 1}  # and the end of text
    lengths = list(enumerate(columns.items()))
    rows = [{name: letters(length, 4 * i + j) for j, (name, length) in lengths} for i in range(way.micro * STEPS)]
    settings: dict[str, Any] = {"kind": way.kind, "beta": 0.1, "batch_size": way.micro, "micro_batch_size": way.micro}
    return trained_large(bench, f"large-{way.kind}", rows, gradient_checkpointing=way.checkpointing, **settings)


def trained_large(
    bench: Bench, name: str, rows: list[dict[str, str]], work: LargeWork = large_training, **settings: Any
) -> WatchedTraining | None:
    """Train a few steps at the user's shape, in a folder of this name; None if it does not fit into memory."""
    data = bench.folder / f"{name}.json"
    data.write_text(json.dumps(rows), encoding="utf-8")
    shutil.rmtree(bench.folder / name, ignore_errors=True)
    given = {"dtype": bench.dtype, "max_steps": STEPS, "learning_rate": 1e-4, **settings}
    request = training_request(bench.folder / name, _configuration(bench), data, SMALL_TRAINING, **given)
    bench.clear()  # each starts on an empty GPU, as in a run
    try:
        return bench.child("trainer").call(work, request, lambda event: None)
    except ChildFailed as error:
        if bench.late or "out of memory" not in str(error).lower():
            raise
        return None


def _answers_at_a_time(shape: Shape, tokens: int) -> int:
    """Answers of `tokens` tokens that vLLM samples at a time on this GPU, limited by the KV cache; a multiple of 8."""
    known = gpu_of_driver(_gpu())
    room = (_SHARE * torch_gpu().total - 2 * shape.parameters - _RESERVED) / (tokens * shape.kv_bytes(2))
    return max(int(min(known.sequences if known else 256, room)) // 8, 1) * 8


@dataclass(frozen=True)
class DummyRequest:
    """A request for random weights in vLLM."""

    load_format: str = "dummy"


def make_weights_up(request: DummyRequest, emit: Emit[Progress]) -> None:
    """Make vLLM start with random weights from now on, in this process."""
    from functools import partial

    from sirev.engines.vllm_start import Options, prepare_vllm

    prepare_vllm(Options(), None)
    import vllm

    vllm.LLM = partial(vllm.LLM, load_format=request.load_format)


def large_model_sampling(bench: Bench) -> Notes:
    """Measure vLLM with an adapter at the user's shape: tokens per second for the plan."""
    if reason := why_no_vllm(on_gpu=bench.on_gpu):
        return Notes(skipped=reason)
    if reason := too_small(bench):
        return Notes(skipped=reason)
    notes, start = Notes(), _configuration(bench)
    prompt, answer = (150, 256) if bench.on_gpu else (16, 8)
    together = _answers_at_a_time(bench.shape, prompt + answer) if bench.on_gpu else 8
    prompts = tuple(Prompt(f"p{i:03}", letters(prompt, i)) for i in range(together // 8))
    model = ModelSource(bench.folder / "large-sft" / "out", start.path)
    if not (bench.folder / "large-sft" / "out" / "adapter_config.json").is_file():
        return Notes(skipped="no adapter was trained")
    options = {"context": 1024 if bench.on_gpu else 64, "gpu_memory": _SHARE}
    decoding = DecodingSettings(0.75, 0.95, answer)
    request = SampleRequest("vllm", model, "large+base", decoding, bench.dtype, options, seed=0, cells=(Cell(prompts, 0, 8),))
    bench.clear()
    began = loaded = time.monotonic()
    tokens = 0

    def hear(event: CellDone | Underway) -> None:
        nonlocal loaded, tokens
        if isinstance(event, CellDone):
            tokens += sum(row["tokens"] for row in event.completions)
        elif (event.answers, event.tokens) == (0, 0):
            loaded = time.monotonic()

    bench.child("engine").call(make_weights_up, DummyRequest(), lambda event: None)
    bench.child("engine").call(sample, request, hear)
    ended = time.monotonic()
    rate = tokens / (ended - loaded)
    notes.expect(tokens > len(prompts) * 8, f"{tokens} tokens of {len(prompts) * 8} answers")
    notes.found.append(f"started in {loaded - began:.0f} s; {len(prompts) * 8} answers at a time: {rate:,.0f} tokens/s")
    if bench.on_gpu:
        measured = MeasuredRate(_gpu(), "sample", bench.shape.parameters, rate, sequences=together, when=now())
        notes.rates.append(replace(measured, context=prompt + answer // 2))
    return notes
