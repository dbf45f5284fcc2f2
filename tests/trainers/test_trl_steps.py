from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from sirev.engines.protocol import Cell, Completion, Decoding, Prompt
from sirev.engines.transformers_engine import TransformersEngine
from sirev.stages.train import TrainParameters
from sirev.store.artifacts import Artifact
from sirev.trainers.tokens import prompt_ids
from sirev.trainers.trl_steps import LOGGED, make_trainer, thinned, train
from tests.conftest import Study

SETTINGS = asdict(
    TrainParameters("sft", epochs=1, batch_size=4, learning_rate=5e-4, warmup=0.1, seed=1, beta=0.3, checkpoint_minutes=None)
)
LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj", "v_proj"]}


@pytest.fixture(scope="module")
def pinned(smoke: Study) -> dict[str, Artifact]:
    """Step -> artifact of the dpo run."""
    run = smoke.store.runs.get(smoke.of("dpo").id)
    assert run is not None
    return {step: smoke.store.artifact(pin.artifact) for step, pin in run.pins.items()}


def request(tmp_path: Path, kind: str, init: Artifact, rows: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """The arguments of a training, as the stage `train` sends them to the child."""
    folder = tmp_path / kind
    (folder / "out").mkdir(parents=True)
    (folder / "data.json").write_text(json.dumps(rows))
    model = {"path": str(init.link_into(folder / "init")), "base": None}
    return {
        "kind": kind,
        "init": model,
        "reference": model,
        "reference_is_init": True,
        "data": str(folder / "data.json"),
        "settings": SETTINGS,
        "seed": 1,
        "out": str(folder / "out"),
        "scratch": str(folder / "scratch"),
        "attempts": str(folder / "attempts"),
        **changes,
    }


def texts(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows]


@dataclass(frozen=True)
class Sampled:
    """Answers of M_1 that came to an end, as the engine read and wrote them."""

    engine: TransformersEngine
    prompts: dict[str, str]
    completions: list[Completion]

    def ids(self, completion: Completion) -> tuple[list[int], list[int]]:
        """The prompt's tokens, and the answer's with the end of text that the sampler stopped at."""
        end = self.engine.tokenizer.eos_token_id
        return prompt_ids(self.engine.tokenizer, self.prompts[completion.problem_id]), [*completion.token_ids, end]


@pytest.fixture(scope="module")
def sampled(pinned: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    problems = pinned["source/train"].rows("problems")[:16]
    engine = TransformersEngine(pinned["train:1"].link_into(tmp_path_factory.mktemp("m1") / "model"), None)
    written: list[Completion] = []
    prompts = tuple(Prompt(row["id"], row["prompt"]) for row in problems)
    engine.sample([Cell(prompts, 0, 4)], Decoding(0.75, 0.95, 24), 0, lambda _, found: written.extend(found))
    stopped = [completion for completion in written if completion.finish == "stop"]
    assert len(stopped) > 10
    return Sampled(engine, {prompt.problem_id: prompt.text for prompt in prompts}, stopped)


def test_sft_sees_the_tokens_that_sampling_saw_and_wrote(pinned: dict[str, Artifact], sampled: Sampled, tmp_path: Path) -> None:
    rows = [{"prompt": sampled.prompts[c.problem_id], "completion": c.text} for c in sampled.completions]
    trainer, _ = make_trainer(request(tmp_path, "sft", pinned["train:1"], rows))
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


def test_dpo_sees_the_tokens_that_sampling_saw_and_wrote(pinned: dict[str, Artifact], sampled: Sampled, tmp_path: Path) -> None:
    pairs = [(c, d) for c, d in zip(sampled.completions, sampled.completions[1:], strict=False) if c.problem_id == d.problem_id]
    assert len(pairs) > 5
    rows = [{"prompt": sampled.prompts[c.problem_id], "chosen": c.text, "rejected": d.text} for c, d in pairs]
    trainer, _ = make_trainer(request(tmp_path, "dpo", pinned["train:1"], rows))
    for (chosen, rejected), example in zip(pairs, trainer.train_dataset, strict=True):
        assert example["prompt_ids"] == sampled.ids(chosen)[0]
        assert example["chosen_ids"] == sampled.ids(chosen)[1]
        assert example["rejected_ids"] == sampled.ids(rejected)[1]


def test_gold_answers_are_tokens_of_the_same_form(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = pinned["select:1"].rows("examples")
    trainer, _ = make_trainer(request(tmp_path, "sft", pinned["pretrain:0"], texts(rows, "prompt", "completion")))
    tokenizer = trainer.processing_class
    for row, example in zip(rows, trainer.train_dataset, strict=True):
        expected = [*tokenizer(row["prompt"])["input_ids"], *tokenizer(row["completion"])["input_ids"], tokenizer.eos_token_id]
        assert example["input_ids"] == expected
        assert tokenizer.unk_token_id not in expected


def test_the_same_request_gives_the_same_weights(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = texts(pinned["select:2"].rows("examples"), "prompt", "chosen", "rejected")
    weights = []
    for attempt in ("one", "two"):
        arguments = request(tmp_path / attempt, "dpo", pinned["train:1"], rows)
        train(arguments, lambda event: None)
        weights.append((Path(arguments["out"]) / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_lora_saves_an_adapter_and_reports_every_step(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = texts(pinned["select:1"].rows("examples"), "prompt", "completion")[:20]
    events: list[dict[str, Any]] = []
    arguments = request(tmp_path, "sft", pinned["pretrain:0"], rows, settings=SETTINGS | {"lora": LORA})
    result = train(arguments, events.append)
    assert (Path(arguments["out"]) / "adapter_model.safetensors").is_file()
    assert not (Path(arguments["out"]) / "model.safetensors").exists()
    assert [event["step"] for event in events] == [1, 2, 3, 4, 5]
    assert [entry["step"] for entry in result["log"]] == [1, 2, 3, 4, 5]


def test_a_long_log_is_thinned_but_keeps_both_ends() -> None:
    log = [{"step": float(i)} for i in range(1000)]
    kept = thinned(log)
    assert len(kept) == LOGGED
    assert (kept[0], kept[-1]) == (log[0], log[-1])
    assert thinned(log[:LOGGED]) == log[:LOGGED]


def test_a_training_that_diverges_says_so(pinned: dict[str, Artifact], tmp_path: Path) -> None:
    rows = texts(pinned["select:1"].rows("examples"), "prompt", "completion")
    arguments = request(tmp_path, "sft", pinned["pretrain:0"], rows, settings=SETTINGS | {"learning_rate": 1e38})
    with pytest.raises(FloatingPointError, match="diverged"):
        train(arguments, lambda event: None)
