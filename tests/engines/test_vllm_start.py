from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sirev.engines.vllm_start import Options, arguments, graph_sizes, lora_rank, prepare_vllm
from sirev.errors import BadInput
from sirev.processes.torch_gpu import TorchGpu


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 4096, "dtype": "bfloat16"}))
    return tmp_path


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without vLLM's variables, and as it was afterwards."""
    monkeypatch.setattr(os, "environ", {name: value for name, value in os.environ.items() if not name.startswith("VLLM_")})


@pytest.mark.parametrize("sequences", [1, 100, 256, 1024])
def test_graphs_are_few_and_no_batch_is_padded_by_more_than_a_third_where_that_costs_time(sequences: int) -> None:
    sizes = graph_sizes(sequences)
    assert len(sizes) <= 16
    assert sequences in sizes
    assert sizes[-1] == max(sequences, 512)
    for batch in range(65, sizes[-1] + 1):
        padded = next(size for size in sizes if size >= batch)
        assert padded / batch <= 1.5


def test_graphs_and_attention_are_asked_for_on_a_gpu_alone(weights: Path) -> None:
    options = Options(attention="TRITON_ATTN")
    on_gpu = arguments(weights, 32, options, on_gpu=True, sequences=256)
    assert on_gpu["compilation_config"] == {"cudagraph_capture_sizes": graph_sizes(256)}
    assert on_gpu["attention_backend"] == "TRITON_ATTN"
    assert (on_gpu["enforce_eager"], on_gpu["max_lora_rank"], on_gpu["max_model_len"]) == (False, 32, 4096)
    on_cpu = arguments(weights, None, options, on_gpu=False, sequences=256)
    assert not {"compilation_config", "attention_backend", "enable_lora"} & on_cpu.keys()
    assert on_cpu["enforce_eager"]


def test_an_engine_without_graphs_names_no_sizes(weights: Path) -> None:
    assert "compilation_config" not in arguments(weights, None, Options(eager=True), on_gpu=True, sequences=256)


def test_the_sampler_that_a_compiler_has_to_make_is_off_unless_the_user_wants_it() -> None:
    prepare_vllm(Options(), None)
    assert os.environ["VLLM_USE_FLASHINFER_SAMPLER"] == "0"
    os.environ["VLLM_USE_FLASHINFER_SAMPLER"] = "1"
    prepare_vllm(Options(), None)
    assert os.environ["VLLM_USE_FLASHINFER_SAMPLER"] == "1"
    assert "VLLM_BATCH_INVARIANT" not in os.environ


def test_batch_invariance_is_refused_where_vllm_has_none() -> None:
    options = Options(batch_invariant=True)
    for gpu in (None, TorchGpu("2.13.0", "13.0", name="Tesla T4", capability=(7, 5))):
        with pytest.raises(
            BadInput, match=r"^engine\.batch_invariant: true: vLLM has it only on GPUs of compute capability 8\.0"
        ):
            prepare_vllm(options, gpu)
    prepare_vllm(options, TorchGpu("2.13.0", "13.0", name="NVIDIA A100", capability=(8, 0)))
    assert os.environ["VLLM_BATCH_INVARIANT"] == "1"


@pytest.mark.parametrize(("rank", "limit"), [(1, 1), (4, 8), (8, 8), (33, 64), (512, 512)])
def test_the_smallest_limit_that_an_adapter_fits_under_is_asked_for(tmp_path: Path, rank: int, limit: int) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": rank}))
    assert lora_rank(tmp_path) == limit


def test_a_rank_above_all_limits_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 1024}))
    with pytest.raises(BadInput, match=r"LoRA rank 1024 is above vLLM's limit of 512 \(training\.lora\.r\)"):
        lora_rank(tmp_path)
