from __future__ import annotations

from dataclasses import replace

import pytest

from sirev.execution.gpus import known_gpus
from sirev.execution.measured_rates import MeasuredRate
from sirev.execution.model_sizes import shipped_shapes
from sirev.execution.rates import (
    SamplingWork,
    TrainingWork,
    sampling_rate,
    sampling_ratio,
    scoring_rate,
    training_rate,
    training_ratio,
)

MISTRAL = shipped_shapes()["mistralai/Mistral-7B-v0.1"]
LLAMA_2 = shipped_shapes()["meta-llama/Llama-2-7b-hf"]
SMALL = shipped_shapes()["HuggingFaceTB/SmolLM2-135M-Instruct"]
H100 = known_gpus()["h100"]
BEFORE = TrainingWork(lora=True, checkpointing=True, real=0.64, micro_tokens=2400)
"""Micro-batches of 8 examples of GSM8K in random order."""

ARITHMETIC = {
    # Tokens/s of Mistral 7B by an arithmetic from FLOPs of its own: training with checkpointing and 64% of real tokens, without
    # checkpointing, that with 84%; sampling 1,024 answers at a time, 256, and about 200.
    "h100": (5_910, 8_448, 11_089, 25_000),
    "a100": (2_494, 3_616, 4_746, 11_000),
    "4090": (1_286, 1_862, 2_444, 4_500),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_rates_agree_with_an_arithmetic_from_flops(name: str) -> None:
    gpu = known_gpus()[name]
    plain = replace(BEFORE, checkpointing=False)
    found = [training_rate(gpu, MISTRAL, work) for work in (BEFORE, plain, replace(plain, real=0.84))]
    found.append(sampling_rate(gpu, MISTRAL, SamplingWork(context=160)))
    assert found == pytest.approx(ARITHMETIC[name], rel=0.2)
    assert found[:3] == pytest.approx(ARITHMETIC[name][:3], rel=0.01)  # the same formula


def test_what_makes_training_slower() -> None:
    whole = replace(BEFORE, lora=False, width=4)
    alone = replace(BEFORE, micro_tokens=100)  # the GPU waits for its kernels to be launched
    for slower in (whole, alone, replace(BEFORE, reference=True)):
        assert training_rate(H100, MISTRAL, slower) < training_rate(H100, MISTRAL, BEFORE)
    assert training_rate(H100, SMALL, BEFORE) > 3 * training_rate(H100, MISTRAL, BEFORE)
    assert scoring_rate(H100, MISTRAL) > training_rate(H100, MISTRAL, replace(BEFORE, checkpointing=False, real=1.0))


def test_what_makes_sampling_slower() -> None:
    usual = sampling_rate(H100, MISTRAL, SamplingWork(context=160))
    assert sampling_rate(H100, MISTRAL, SamplingWork(context=600)) < usual
    assert sampling_rate(H100, LLAMA_2, SamplingWork(context=160)) < usual  # four times the KV cache
    assert sampling_rate(H100, MISTRAL, SamplingWork(context=160, lora=False)) > usual
    assert sampling_rate(H100, MISTRAL, SamplingWork(context=160, sequences=100)) < usual


def test_nothing_is_sampled_where_not_one_answer_has_room() -> None:
    assert sampling_rate(known_gpus()["t4"], MISTRAL, SamplingWork(context=160)) == 0


def test_a_measured_training_carries_over_to_other_conditions() -> None:
    half = training_rate(H100, MISTRAL, BEFORE) / 2
    measured = MeasuredRate(
        "NVIDIA H100 80GB HBM3", "train", MISTRAL.parameters, half, checkpointing=True, real=0.64, micro_tokens=2400
    )
    assert training_ratio(H100, MISTRAL, True, [measured]) == pytest.approx(0.5)
    assert training_ratio(H100, MISTRAL, False, [measured]) is None
    assert training_ratio(H100, SMALL, True, [measured]) is None
    assert training_ratio(H100, MISTRAL, True, [replace(measured, kind="sample")]) is None


def test_a_measured_sampling_carries_over_to_other_contexts() -> None:
    asked = SamplingWork(context=160)
    double = 2 * sampling_rate(H100, MISTRAL, replace(asked, context=400, sequences=64))
    measured = MeasuredRate("NVIDIA H100", "sample", MISTRAL.parameters, double, sequences=64, context=400)
    far = MeasuredRate("NVIDIA H100", "sample", int(1.9 * MISTRAL.parameters), 1.0)
    assert sampling_ratio(H100, MISTRAL, asked, [measured, far]) == pytest.approx(2.0)
    assert sampling_ratio(H100, MISTRAL, asked, []) is None
