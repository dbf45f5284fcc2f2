"""Pretraining of the embedded recipe's base model M0: a plain next-token loop over the task's own corpus.

Only this model is trained outside TRL: for a few thousand short steps from random weights, a trainer's
overhead would double the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from sirev.processes.requests import Emit, Progress
from sirev.tasks.core import arithmetic
from sirev.trainers.checkpoints import Checkpoints, step_of
from sirev.trainers.dispatch import ArchitectureParameters, Log, PretrainRequest
from sirev.trainers.models import save_model
from sirev.trainers.tokens import IGNORED

_STATE = "state.pt"


def pretrain(request: PretrainRequest, emit: Emit[Progress]) -> Log:
    """Pretrain M0, save it and return its log; see `sirev.trainers.dispatch`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(request.parameters.threads)  # any number gives the same weights, bit for bit
    try:
        return _pretrain(request, emit)
    finally:
        torch.set_num_threads(threads)


def _pretrain(request: PretrainRequest, emit: Emit[Progress]) -> Log:
    settings = request.parameters
    checkpoints = Checkpoints(request.attempts, None)
    adopted = checkpoints.adopt()
    set_seed(settings.seed)
    tokenizer = build_tokenizer()
    model = build_model(settings.architecture, tokenizer)
    shares = settings.equations_share, settings.inverse_share
    pairs = list(arithmetic.corpus(settings.sequences, settings.levels, settings.seed, *shares, settings.disjoint))
    examples = [
        (prompt, [*completion, tokenizer.eos_token_id])
        for prompt, completion in zip(
            tokenizer([p for p, _ in pairs])["input_ids"], tokenizer([c for _, c in pairs])["input_ids"], strict=True
        )
    ]
    size = settings.batch_size
    steps = len(examples) // size
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(steps, settings.warmup))
    log: Log = []
    begun = 0
    if adopted:
        saved = torch.load(adopted / _STATE, weights_only=True)
        log, begun = saved["log"], step_of(adopted)
        for part, state in zip((model, optimizer, schedule), saved["parts"], strict=True):
            part.load_state_dict(state)
    model.train()
    for step in range(begun, steps):
        loss = _accumulate(model, examples[step * size : (step + 1) * size])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 100 == 99 or step == steps - 1:
            log.append({"step": step + 1, "loss": round(loss, 4) if math.isfinite(loss) else None})
            emit(Progress(step + 1, steps))
        if checkpoints.due(step + 1, steps):
            checkpoint = checkpoints.place(step + 1)
            checkpoint.mkdir()
            torch.save({"log": log, "parts": [part.state_dict() for part in (model, optimizer, schedule)]}, checkpoint / _STATE)
            checkpoints.complete(checkpoint)
            checkpoints.check_finished(step + 1, steps)
    save_model(model, tokenizer, request.out)
    checkpoints.discard()
    return log


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The word-level tokenizer of the arithmetic task; it adds neither BOS nor EOS."""
    vocabulary = {token: i for i, token in enumerate(arithmetic.vocabulary())}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token=arithmetic.UNK))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), behavior="removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=arithmetic.PAD,
        eos_token=arithmetic.EOS,
        unk_token=arithmetic.UNK,
        clean_up_tokenization_spaces=False,
    )


def build_model(architecture: ArchitectureParameters, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A randomly initialised Llama, fp32, with tied embeddings."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.kv_heads,
        head_dim=architecture.head_dim,
        initializer_range=architecture.initializer_range,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": architecture.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


def _accumulate(model: LlamaForCausalLM, batch: list[tuple[list[int], list[int]]]) -> float:
    """Add the gradient of the batch's mean loss per completion token, and return that loss.

    The batch goes through the model in two halves by length, which saves a third of the padding. Whole batches of equal
    length would save more, but learnt far less.
    """
    batch = sorted(batch, key=lambda pair: len(pair[0]) + len(pair[1]))
    # The first token has no context to be predicted from, which matters if the prompt is empty.
    tokens = sum(len(completion) - (not prompt) for prompt, completion in batch)
    half = len(batch) // 2 or len(batch)
    total = 0.0
    for part in (batch[:half], batch[half:]):
        if not part:
            continue
        length = max(len(prompt) + len(completion) for prompt, completion in part)
        ids = torch.zeros(len(part), length, dtype=torch.long)
        labels = torch.full((len(part), length), IGNORED)
        for row, (prompt, completion) in enumerate(part):
            end = len(prompt) + len(completion)
            ids[row, :end] = torch.tensor(prompt + completion)
            labels[row, len(prompt) : end] = torch.tensor(completion)
        # With padding on the right, causal attention suffices to keep it out of every real position.
        logits = model(input_ids=ids).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum") / tokens
        loss.backward()
        total += loss.item()
    return total


def _warmup_cosine(steps: int, warmup: float) -> Callable[[int], float]:
    ramp = max(1, int(warmup * steps))

    def factor(step: int) -> float:
        if step < ramp:
            return (step + 1) / ramp
        return 0.5 * (1 + math.cos(math.pi * (step - ramp) / max(1, steps - ramp)))

    return factor
