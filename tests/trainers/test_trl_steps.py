from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from trl import SFTConfig

from sirev.engines.protocol import Cell, Completion, DecodingSettings, Prompt
from sirev.engines.transformers_engine import TransformersEngine
from sirev.errors import BadInput
from sirev.processes.requests import Progress
from sirev.store.artifacts import Artifact
from sirev.trainers import dpo, trl_steps
from sirev.trainers.dispatch import LoraParameters, TrainingProgress, TrainRequest
from sirev.trainers.examples import Examples
from sirev.trainers.models import ModelFolders, ModelSource, load_merged, load_model, load_tokenizer, save_model
from sirev.trainers.pretrain import build_model, build_tokenizer
from sirev.trainers.tokens import answer_ids, prompt_ids
from sirev.trainers.trl_steps import LOGGED, make_trainer, thinned, train
from tests.conftest import Study
from tests.trainers.test_models import SIZES
from tests.trainers.training_requests import LORA, SETTINGS, dpo_rows, request, sft_rows, weights


@pytest.fixture(scope="module")
def pinned(smoke: Study) -> dict[str, Artifact]:
    """Step -> artifact of the dpo run."""
    run = smoke.run("dpo")
    return {step: smoke.store.artifact(pin.artifact) for step, pin in run.pins.items()}


def of_smoke(folder: Path, kind: str, init: Artifact, rows: list[dict[str, Any]], **settings: Any) -> TrainRequest:
    """A request for a training on a model of the finished study."""
    model = ModelSource(init.link_into(folder / "init"))
    return request(folder, kind, model, rows, **settings)


def made(asked: TrainRequest) -> tuple[Any, Examples]:
    """A trainer that is not trained yet, and its examples."""
    return make_trainer(asked, asked.attempts)


def texts(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows]


@dataclass(frozen=True)
class Sampled:
    """Answers of a model that came to an end, as the engine read and wrote them."""

    engine: TransformersEngine
    prompts: dict[str, str]
    completions: list[Completion]
    chat: bool = False

    def ids(self, completion: Completion) -> tuple[list[int], list[int]]:
        """The prompt's tokens, and the answer's with the end of text that the sampler stopped at."""
        end = self.engine.tokenizer.eos_token_id
        prompt = prompt_ids(self.engine.tokenizer, self.prompts[completion.problem_id], self.chat)
        return prompt, [*completion.token_ids, end]


@pytest.fixture(scope="module")
def sampled(pinned: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    problems = pinned["source/train"].rows("problems")[:16]
    engine = TransformersEngine(pinned["train:1"].link_into(tmp_path_factory.mktemp("m1") / "model"), None)
    written: list[Completion] = []
    prompts = tuple(Prompt(row["id"], row["prompt"]) for row in problems)
    engine.sample([Cell(prompts, 0, 4)], DecodingSettings(0.75, 0.95, 24), 0, lambda _, found: written.extend(found))
    stopped = [completion for completion in written if completion.finish == "stop"]
    assert len(stopped) > 10
    return Sampled(engine, {prompt.problem_id: prompt.text for prompt in prompts}, stopped)


def pairs(sampled: Sampled) -> list[tuple[Completion, Completion]]:
    """Neighbours that answer the same problem."""
    both = zip(sampled.completions, sampled.completions[1:], strict=False)
    return [(one, other) for one, other in both if one.problem_id == other.problem_id]


def sft_sees_what_sampling_saw(trainer: Any, sampled: Sampled) -> None:
    """Whether the batch that goes into the model is what the engine read and wrote, answer by answer."""
    batch = trainer.data_collator(list(trainer.train_dataset))
    for completion, ids, mask, labels in zip(
        sampled.completions,
        batch["input_ids"].tolist(),
        batch["attention_mask"].tolist(),
        batch["labels"].tolist(),
        strict=True,
    ):
        prompt, answer = sampled.ids(completion)
        assert [token for token, there in zip(ids, mask, strict=True) if there] == prompt + answer
        # Completion-only loss: no position of the prompt has a label, every one of the answer and the end has.
        assert [token for token, there in zip(labels, mask, strict=True) if there] == [-100] * len(prompt) + answer


def dpo_sees_what_sampling_saw(trainer: Any, sampled: Sampled) -> None:
    """The same of pairs: a batch has all the better answers first."""
    wanted = pairs(sampled)
    batch = trainer.data_collator(list(trainer.train_dataset))
    for completion, ids, mask, answers in zip(
        [chosen for chosen, _ in wanted] + [rejected for _, rejected in wanted],
        batch["input_ids"].tolist(),
        batch["attention_mask"].tolist(),
        batch["completion_mask"].tolist(),
        strict=True,
    ):
        prompt, answer = sampled.ids(completion)
        assert [token for token, there in zip(ids, mask, strict=True) if there] == prompt + answer
        assert [token for token, there in zip(ids, answers, strict=True) if there] == answer


def sft_rows_of(sampled: Sampled) -> list[dict[str, str]]:
    return [{"prompt": sampled.prompts[c.problem_id], "completion": c.text} for c in sampled.completions]


def dpo_rows_of(sampled: Sampled) -> list[dict[str, str]]:
    return [{"prompt": sampled.prompts[c.problem_id], "chosen": c.text, "rejected": d.text} for c, d in pairs(sampled)]


def test_sft_sees_the_tokens_that_sampling_saw_and_wrote(pinned: dict[str, Artifact], sampled: Sampled, tmp_path: Path) -> None:
    trainer, _ = made(of_smoke(tmp_path, "sft", pinned["train:1"], sft_rows_of(sampled)))
    sft_sees_what_sampling_saw(trainer, sampled)


def test_dpo_sees_the_tokens_that_sampling_saw_and_wrote(pinned: dict[str, Artifact], sampled: Sampled, tmp_path: Path) -> None:
    assert len(pairs(sampled)) > 5
    trainer, _ = made(of_smoke(tmp_path, "dpo", pinned["train:1"], dpo_rows_of(sampled)))
    dpo_sees_what_sampling_saw(trainer, sampled)


def test_gold_answers_are_tokens_of_the_same_form(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = pinned["select:1"].rows("examples")
    trainer, _ = made(of_smoke(tmp_path, "sft", pinned["pretrain:0"], texts(rows, "prompt", "completion")))
    tokenizer = trainer.processing_class
    for row, example in zip(rows, trainer.train_dataset, strict=True):
        expected = [*tokenizer(row["prompt"])["input_ids"], *tokenizer(row["completion"])["input_ids"], tokenizer.eos_token_id]
        assert example["input_ids"] == expected
        assert tokenizer.unk_token_id not in expected


def test_the_same_request_gives_the_same_weights(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = texts(pinned["select:2"].rows("examples"), "prompt", "chosen", "rejected")
    weights = []
    for attempt in ("one", "two"):
        arguments = of_smoke(tmp_path / attempt, "dpo", pinned["train:1"], rows)
        train(arguments, lambda event: None)
        weights.append((arguments.out / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_lora_saves_an_adapter_and_reports_every_step(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = texts(pinned["select:1"].rows("examples"), "prompt", "completion")[:20]
    events: list[Progress] = []
    arguments = of_smoke(tmp_path, "sft", pinned["pretrain:0"], rows, lora=LORA)
    result = train(arguments, events.append)
    assert (arguments.out / "adapter_model.safetensors").is_file()
    assert not (arguments.out / "model.safetensors").exists()
    assert [event.done for event in events] == [1, 2, 3, 4, 5]
    assert [entry["step"] for entry in result.log] == [1, 2, 3, 4, 5]


def test_a_long_log_is_thinned_but_keeps_both_ends() -> None:
    log = [{"step": float(i)} for i in range(1000)]
    kept = thinned(log)
    assert len(kept) == LOGGED
    assert (kept[0], kept[-1]) == (log[0], log[-1])
    assert thinned(log[:LOGGED]) == log[:LOGGED]


def test_a_training_that_diverges_says_so(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = texts(pinned["select:1"].rows("examples"), "prompt", "completion")
    arguments = of_smoke(tmp_path, "sft", pinned["pretrain:0"], rows, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match="diverged"):
        train(arguments, lambda event: None)


def no_event(event: Progress) -> None:
    """For whoever does not listen."""


def trained(folder: Path, kind: str, model: ModelSource, **settings: Any) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of every step, and the weights, of a training on eleven examples: three steps an epoch, the last one short."""
    arguments = request(folder, kind, model, sft_rows(11) if kind == "sft" else dpo_rows(11), **FAST | settings)
    result = train(arguments, no_event)
    return [entry["loss"] for entry in result.log], weights(arguments)


@pytest.mark.parametrize("kind", ["sft", "dpo"])
@pytest.mark.parametrize("steps", [2, 3, 7])
@pytest.mark.slow
def test_a_number_of_steps_is_trained_exactly_whatever_the_epochs(
    base: ModelSource, kind: str, steps: int, tmp_path: Path
) -> None:
    rows = sft_rows(11) if kind == "sft" else dpo_rows(11)
    whole = train(request(tmp_path / "epoch", kind, base, rows, **FAST | {"epochs": 1}), no_event)
    assert whole.steps == 3
    told: list[TrainingProgress] = []
    result = train(request(tmp_path / "steps", kind, base, rows, **FAST, max_steps=steps), told.append)
    assert (result.steps, len(result.log)) == (steps, steps)
    assert (told[-1].done, told[-1].total) == (steps, steps)
    assert [event.entry["loss"] for event in told] == [entry["loss"] for entry in result.log]
    assert result.tokens == pytest.approx(whole.tokens * steps / 3, rel=0.1)
    assert [entry["learning_rate"] for entry in result.log][-1] <= FAST["learning_rate"] / 2  # the schedule ends with them


@pytest.mark.slow
def test_as_many_steps_as_the_epochs_have_are_the_same_training(base: ModelSource, tmp_path: Path) -> None:
    assert close(trained(tmp_path / "epochs", "sft", base), trained(tmp_path / "steps", "sft", base, max_steps=6, epochs=1))


FAST = {"epochs": 2, "learning_rate": 1e-2, "warmup": 0}


def close(one: tuple[list[float], dict[str, Tensor]], other: tuple[list[float], dict[str, Tensor]]) -> bool:
    """Whether two trainings differ by rounding alone."""
    return one[0] == pytest.approx(other[0], abs=1e-5) and all(
        torch.allclose(weight, other[1][name], atol=1e-4) for name, weight in one[1].items()
    )


@pytest.fixture
def started(request: pytest.FixtureRequest, base: ModelSource, adapter: ModelSource) -> tuple[ModelSource, dict[str, Any]]:
    """A model to start from and whether it is trained by LoRA."""
    return {
        "full": (base, {}),
        "new adapter": (base, {"lora": LORA}),
        "adapter": (adapter, {"lora": LORA}),
    }[request.param]


ALL_WAYS = pytest.mark.parametrize("started", ["full", "new adapter", "adapter"], indirect=True)


@ALL_WAYS
@pytest.mark.parametrize("precompute", [False, True])
@pytest.mark.slow
def test_dpo_begins_at_ln_2_because_its_reference_is_the_model_before(
    started: tuple[ModelSource, dict[str, Any]], precompute: bool, tmp_path: Path
) -> None:
    model, lora = started
    losses, _ = trained(tmp_path, "dpo", model, **lora, precompute_reference=precompute)
    assert losses[0] == pytest.approx(math.log(2), abs=1e-6)
    assert all(abs(loss - math.log(2)) > 1e-2 for loss in losses[1:])


@ALL_WAYS
def test_a_reference_computed_before_gives_the_same_training(started: tuple[ModelSource, dict[str, Any]], tmp_path: Path) -> None:
    model, lora = started
    during = trained(tmp_path / "during", "dpo", model, **lora)
    assert close(trained(tmp_path / "before", "dpo", model, **lora, precompute_reference=True), during)


@pytest.mark.parametrize("reference_is_init", [True, False])
def test_a_reference_computed_before_is_not_held_in_memory(
    base: ModelSource, adapter: ModelSource, reference_is_init: bool, tmp_path: Path
) -> None:
    arguments = request(tmp_path, "dpo", base, dpo_rows(8), precompute_reference=True)
    arguments = replace(arguments, reference_is_init=reference_is_init, reference=base if reference_is_init else adapter)
    trainer, _ = made(arguments)
    assert trainer.ref_model is None
    trainer.train()
    assert trainer.accelerator._models == [trainer.model_wrapped]


@pytest.mark.parametrize("precompute", [False, True])
@pytest.mark.parametrize("lora", [None, LORA])
def test_a_reference_that_is_not_where_training_starts_is_the_one_that_counts(
    base: ModelSource, adapter: ModelSource, lora: LoraParameters | None, precompute: bool, tmp_path: Path
) -> None:
    rows = dpo_rows(4)
    arguments = request(tmp_path, "dpo", base, rows, lora=lora, precompute_reference=precompute)
    result = train(replace(arguments, reference=adapter, reference_is_init=False), no_event)
    tokenizer = load_tokenizer(ModelFolders.of(base))
    policy, reference = (load_merged(ModelFolders.of(model)).eval() for model in (base, adapter))
    margins = [
        sum(
            sign * (answer_logp(policy, tokenizer, row, which) - answer_logp(reference, tokenizer, row, which))
            for which, sign in (("chosen", 1), ("rejected", -1))
        )
        for row in rows
    ]
    expected = sum(math.log1p(math.exp(-SETTINGS.beta * margin)) for margin in margins) / len(rows)
    assert result.log[0]["loss"] == pytest.approx(expected, abs=1e-5)
    assert abs(expected - math.log(2)) > 1e-2


def answer_logp(model: Any, tokenizer: Any, row: dict[str, str], which: str) -> float:
    """The log-probability of an answer and its end, by a plain forward pass."""
    prompt, answer = prompt_ids(tokenizer, row["prompt"]), answer_ids(tokenizer, row["prompt"], row[which])
    with torch.no_grad():
        logps = model(torch.tensor([prompt + answer])).logits[0, :-1].log_softmax(-1)
    return sum(float(logps[len(prompt) - 1 + place, token]) for place, token in enumerate(answer))


@pytest.mark.parametrize("limits", [{"micro_batch_size": 1}, {"micro_batch_size": 3}, {"micro_batch_tokens": 60}])
@pytest.mark.parametrize(("kind", "nll_weight"), [("sft", 0.0), ("dpo", 0.0), ("dpo", 0.5)])
@pytest.mark.slow
def test_a_batch_in_parts_trains_as_the_whole_does(
    base: ModelSource, kind: str, nll_weight: float, limits: dict[str, int], tmp_path: Path
) -> None:
    whole = trained(tmp_path / "whole", kind, base, nll_weight=nll_weight)
    parts = trained(tmp_path / "parts", kind, base, nll_weight=nll_weight, **limits)
    assert len(whole[0]) == 6
    assert close(parts, whole)


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_what_is_noted_of_a_batch_in_parts_is_noted_of_the_whole(base: ModelSource, kind: str, tmp_path: Path) -> None:
    rows = sft_rows(11) if kind == "sft" else dpo_rows(11)
    whole = train(request(tmp_path / "whole", kind, base, rows, **FAST), no_event).log
    parts = train(request(tmp_path / "parts", kind, base, rows, **FAST | {"micro_batch_size": 3}), no_event).log
    names = {name for name in whole[0] if name.startswith(("rewards/", "logps/", "logits/", "mean_token_accuracy", "entropy"))}
    assert names
    for one, other in zip(whole, parts, strict=True):
        assert {name: one[name] for name in names} == pytest.approx({name: other[name] for name in names}, abs=1e-3)


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_limits_that_a_batch_keeps_change_no_bit(base: ModelSource, kind: str, tmp_path: Path) -> None:
    losses, whole = trained(tmp_path / "whole", kind, base)
    again, weights = trained(tmp_path / "limits", kind, base, micro_batch_size=64, micro_batch_tokens=10_000)
    assert again == losses
    assert all(torch.equal(weight, whole[name]) for name, weight in weights.items())


def forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings go through autocast as on a GPU."""
    common = trl_steps._common_arguments
    monkeypatch.setattr(trl_steps, "_common_arguments", lambda *args: common(*args) | {"bf16": True})


@pytest.mark.parametrize(("lora", "cached"), [(None, False), (LORA, True)])
@pytest.mark.slow
def test_no_copies_of_all_weights_are_cached_where_all_are_trained(
    base: ModelSource, lora: LoraParameters | None, cached: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forced(monkeypatch)
    seen: set[tuple[torch.dtype, bool]] = set()
    linear = torch.nn.functional.linear

    def spied(*args: Any) -> Tensor:
        seen.add((torch.get_autocast_dtype("cpu"), torch.is_autocast_cache_enabled()))
        return linear(*args)

    monkeypatch.setattr(torch.nn.functional, "linear", spied)
    losses, _ = trained(tmp_path, "sft", base, lora=lora, gradient_checkpointing=True)
    assert seen == {(torch.bfloat16, cached)}
    assert torch.is_autocast_cache_enabled()
    monkeypatch.undo()
    assert losses == pytest.approx(trained(tmp_path / "float32", "sft", base, lora=lora)[0], rel=0.02)


@pytest.mark.parametrize("lora", [None, LORA])
def test_dpo_hooks_the_embeddings_once_however_long_it_checkpoints(
    base: ModelSource, lora: LoraParameters | None, tmp_path: Path
) -> None:
    asked = request(tmp_path, "dpo", base, dpo_rows(8), lora=lora, gradient_checkpointing=True, micro_batch_size=1)
    trainer, _ = made(asked)
    trainer.train()
    assert len(trainer.model.get_input_embeddings()._forward_hooks) <= 1


@pytest.mark.parametrize("precompute", [False, True])
def test_a_reference_on_the_base_that_training_starts_from_is_laid_beside_the_policy_not_merged(
    base: ModelSource, adapter: ModelSource, precompute: bool, tmp_path: Path
) -> None:
    asked = request(tmp_path, "dpo", base, dpo_rows(8), lora=LORA, dtype="bfloat16", precompute_reference=precompute)
    asked = replace(asked, reference=adapter, reference_is_init=False)
    trainer, _ = made(asked)
    assert trainer.ref_model is None
    assert (dpo.REFERENCE_ADAPTER in trainer.model.peft_config) is not precompute  # what has done its work is not held
    if not precompute:
        saved = load_file(adapter.path / "adapter_model.safetensors")
        state = trainer.model.state_dict()
        for name, weight in saved.items():
            held = state[name.replace(".weight", f".{dpo.REFERENCE_ADAPTER}.weight")]
            assert held.dtype == torch.float32  # no bit of M_{t-1} is rounded away
            assert torch.equal(held, weight)
        trainer.train()
        after = trainer.model.state_dict()
        assert all(torch.equal(after[name], state[name]) for name in state if f".{dpo.REFERENCE_ADAPTER}." in name)


@pytest.mark.parametrize("precompute", [False, True])
def test_the_log_probabilities_of_a_reference_beside_the_policy_are_those_of_its_merged_weights(
    base: ModelSource, adapter: ModelSource, precompute: bool, tmp_path: Path
) -> None:
    rows = dpo_rows(6)
    asked = request(tmp_path, "dpo", base, rows, lora=LORA, precompute_reference=precompute)
    trainer, _ = made(replace(asked, reference=adapter, reference_is_init=False))
    if precompute:
        found = [[row["ref_chosen_logps"], row["ref_rejected_logps"]] for row in trainer.train_dataset]
    else:
        batch = trainer.data_collator(list(trainer.train_dataset))
        found = [
            list(pair)
            for pair in zip(*(part.tolist() for part in trainer.compute_ref_log_probs(trainer.model, batch)), strict=True)
        ]
    tokenizer, merged = load_tokenizer(ModelFolders.of(base)), load_merged(ModelFolders.of(adapter)).eval()
    for pair, row in zip(found, rows, strict=True):
        assert pair == pytest.approx([answer_logp(merged, tokenizer, row, which) for which in ("chosen", "rejected")], abs=1e-3)


@pytest.mark.slow
def test_attention_is_what_was_asked_for(base: ModelSource, tmp_path: Path) -> None:
    losses = {name: trained(tmp_path / str(name), "sft", base, attention=name) for name in (None, "sdpa", "eager")}
    assert losses[None][0] == losses["sdpa"][0]
    assert close(losses["eager"], losses["sdpa"])
    trainer, _ = made(request(tmp_path / "made", "sft", base, sft_rows(4), attention="eager"))
    assert trainer.model.config._attn_implementation == "eager"


def test_an_attention_that_can_not_be_had_is_one_clear_line(base: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^training\.memory\.attention: flash_attention_2 is not available here: [^\n]+$"):
        made(request(tmp_path, "sft", base, sft_rows(4), attention="flash_attention_2"))


def test_liger_is_refused_where_its_kernels_can_not_run(base: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"^training\.memory\.liger: there is no GPU; set it to false, which only changes rounding$"
    ):
        made(request(tmp_path, "sft", base, sft_rows(4), liger=True))


def test_liger_replaces_layers_and_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"^training\.memory\.liger: the package liger-kernel is not installed; "):
        trl_steps._liger(cuda=True)
    monkeypatch.setattr(trl_steps, "is_liger_kernel_available", lambda: True)
    config = SFTConfig(output_dir="unused", bf16=False, use_cpu=True, **trl_steps._liger(cuda=True))
    assert config.use_liger_kernel
    assert {name for name, on in config.liger_kernel_config.items() if on} == {"rope", "rms_norm", "swiglu"}


def test_eight_bit_states_are_those_of_all_weights_but_the_embeddings(tmp_path: Path) -> None:
    library = pytest.importorskip("bitsandbytes", reason="the extra `full` brings it")
    large = replace(SIZES, hidden_size=64, intermediate_size=128)  # weights below 4,096 have states in 32 bits
    tokenizer = build_tokenizer()
    (tmp_path / "base").mkdir()
    save_model(build_model(large, tokenizer), tokenizer, tmp_path / "base")
    base, settings = ModelSource(tmp_path / "base"), {**FAST, "learning_rate": 1e-3}
    asked = request(tmp_path / "8", "sft", base, sft_rows(11), optimizer="paged_adamw_8bit", **settings)
    trainer, _ = made(asked)
    trainer.train()
    optimizer = trainer.optimizer.optimizer
    assert isinstance(optimizer, library.optim.AdamW)
    assert optimizer.is_paged
    states = {name: optimizer.state[weight]["state1"].dtype for name, weight in trainer.model.named_parameters()}
    assert states["model.embed_tokens.weight"] == torch.float32
    assert states["model.layers.0.mlp.up_proj.weight"] == torch.uint8
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    exact = train(request(tmp_path / "32", "sft", base, sft_rows(11), **settings), no_event)
    assert losses == pytest.approx([entry["loss"] for entry in exact.log], rel=0.02)


@ALL_WAYS
@pytest.mark.parametrize("kind", ["sft", "dpo"])
@pytest.mark.slow
def test_gradient_checkpointing_changes_no_weight(started: tuple[ModelSource, dict[str, Any]], kind: str, tmp_path: Path) -> None:
    model, lora = started
    plain = trained(tmp_path / "plain", kind, model, **lora)
    assert close(trained(tmp_path / "checkpointing", kind, model, **lora, gradient_checkpointing=True), plain)


def test_nll_weight_adds_the_loss_of_the_better_answers_to_that_of_dpo(base: ModelSource, tmp_path: Path) -> None:
    rows = dpo_rows(4)
    result = train(request(tmp_path, "dpo", base, rows, nll_weight=0.25), no_event)
    tokenizer = load_tokenizer(ModelFolders.of(base))
    model = load_model(ModelFolders.of(base)).eval()
    tokens = sum(len(answer_ids(tokenizer, row["prompt"], row["chosen"])) for row in rows)
    nll = -sum(answer_logp(model, tokenizer, row, "chosen") for row in rows) / tokens
    assert result.log[0]["loss"] == pytest.approx(math.log(2) + 0.25 * nll, abs=1e-5)


@pytest.mark.parametrize(("dtype", "expected"), [("bfloat16", torch.bfloat16), ("auto", torch.float32)])
def test_weights_are_trained_and_saved_in_the_dtype_asked_for(
    base: ModelSource, dtype: str, expected: torch.dtype, tmp_path: Path
) -> None:
    arguments = request(tmp_path, "dpo", base, dpo_rows(4), dtype=dtype)
    trainer, _ = made(arguments)
    assert trainer.model.dtype == trainer.ref_model.dtype == expected
    train(arguments, no_event)
    assert {weight.dtype for weight in weights(arguments).values()} == {expected}


def test_an_adapter_is_trained_on_and_its_base_is_left_as_it_is(base: ModelSource, adapter: ModelSource, tmp_path: Path) -> None:
    before = load_file(adapter.path / "adapter_model.safetensors")
    arguments = request(tmp_path, "dpo", adapter, dpo_rows(8), lora=LORA, learning_rate=1e-2)
    trainer, _ = made(arguments)
    state = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    changed = {name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, state[name])}
    assert changed == {name for name in state if ".default." in name}  # neither the base nor the reference
    train(arguments, no_event)
    after = weights(arguments)
    assert after.keys() == before.keys()
    assert not any(torch.equal(weight, before[name]) for name, weight in after.items())


@pytest.mark.slow
@pytest.mark.parametrize("chat", [False, True])
def test_a_real_model_learns_by_sft_and_then_by_dpo_from_the_tokens_it_wrote(smollm2: Path, tmp_path: Path, chat: bool) -> None:
    engine = TransformersEngine(smollm2, None)
    texts = [f"What is the capital of {country}? Answer in one short sentence.\n" for country in ("France", "Japan", "Peru")]
    written: list[Completion] = []
    cell = Cell(tuple(Prompt(str(i), text) for i, text in enumerate(texts)), 0, 3)
    engine.sample([cell], DecodingSettings(0.7, 0.9, 32, chat=chat), 0, lambda _, found: written.extend(found))
    sampled = Sampled(engine, {str(i): text for i, text in enumerate(texts)}, written, chat)
    lora = LoraParameters(r=8, alpha=16, dropout=0.0, target_modules=["q_proj", "v_proj"])
    settings = {"lora": lora, "chat_template": chat, "batch_size": 9, "epochs": 3, "learning_rate": 1e-3, "warmup": 0}

    first = request(tmp_path / "1", "sft", ModelSource(smollm2), sft_rows_of(sampled), **settings)
    sft_sees_what_sampling_saw(made(first)[0], sampled)
    losses = [entry["loss"] for entry in train(first, no_event).log]
    assert losses[-1] < losses[0]

    m1 = ModelSource(first.out, smollm2)
    second = request(tmp_path / "2", "dpo", m1, dpo_rows_of(sampled), **settings, micro_batch_size=1)
    dpo_sees_what_sampling_saw(made(second)[0], sampled)
    losses = [entry["loss"] for entry in train(second, no_event).log]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses[-1] < losses[0] - 1e-2
