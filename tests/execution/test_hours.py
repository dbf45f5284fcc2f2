from __future__ import annotations

from pathlib import Path

import pytest

from sirev.api.plan import Plans, plans
from sirev.api.request import Request
from sirev.execution.estimate import Estimate
from sirev.execution.gpus import known_gpus
from sirev.execution.hours import Target
from sirev.execution.measured_rates import MeasuredRate, save_rates
from sirev.execution.model_sizes import shipped_shapes
from sirev.execution.rates import TrainingWork, training_rate
from sirev.store.store import Store
from tests.conftest import Study
from tests.execution.test_rates import ARITHMETIC

PLAIN = "training.memory={micro_batch_size: 8, gradient_checkpointing: false}"
MISTRAL = shipped_shapes()["mistralai/Mistral-7B-v0.1"]


@pytest.fixture(autouse=True)
def nothing_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def planned(recipe: str, store: Store | Path, *overrides: str, **asked: object) -> Plans:
    return plans(Request.of(recipe, store=store, overrides=overrides, **asked))  # type: ignore[arg-type]


def hours(found: Estimate) -> dict[str, float | None]:
    return {stage: time.hours for stage, time in found.times.items()}


def sources(found: Estimate) -> dict[str, str | None]:
    return {stage: time.source for stage, time in found.times.items()}


AUDIT = {
    # Hours on an H100 from an audit's arithmetic (its FLOPs per token, tokens of likely lengths): sampling, training without
    # checkpointing with examples sorted by length, starts and grading on 16 cores.
    "mistral_gsm8k": (8.0, 11.4, 0.5),
    "mistral_mbpp": (0.5, 0.6, 1.0),
    "mistral_math": (38.2, 20.3, 1.9),
    # The same for P = 7.5e9: 455M tokens at 0.84 / (4 P / 650e12 + 3 x 32e6 / 3e12) per second.
    "llama3_gsm8k": (8.0, 11.8, 0.5),
}
TOKENS = {"mistral_math": (3_440e6, 810e6), "mistral_mbpp": (45e6, 22e6)}
"""Tokens sampled and trained on that the audit's hours are of, where it took others: of MATH upper bounds, of MBPP fewer."""
BEFORE = {
    # Ranges of all hours by the audit, when training went with checkpointing and in random order.
    ("mistral_gsm8k", "h100"): (29, 37),
    ("mistral_gsm8k", "a100"): (69, 86),
    ("mistral_mbpp", "h100"): (2.5, 4),
    ("mistral_mbpp", "a100"): (5, 8),
    ("mistral_math", "h100"): (50, 77.5),
    ("mistral_math", "a100"): (110, 178.5),
    ("llama3_gsm8k", "h100"): (29, 38),
}
RANDOM = {"mistral_gsm8k": 0.64, "mistral_mbpp": 0.55, "mistral_math": 0.55, "llama3_gsm8k": 0.64}
"""Share of real tokens in micro-batches in random order, by the audit."""
STARTS = {"train": 12 * 40 / 3600, "sample": 12 * 82 / 3600}
"""Hours of starts, which are in a stage's; the audit has them apart."""


def machine(gpu: str) -> Target:
    return Target(known_gpus()[gpu], here=False, cores=16)


H100 = machine("h100")


@pytest.mark.parametrize("settings", [(PLAIN,), ()], ids=["8 examples at once", "as shipped"])
@pytest.mark.parametrize("recipe", AUDIT)
def test_hours_are_those_of_an_audits_arithmetic(recipe: str, settings: tuple[str, ...], tmp_path: Path) -> None:
    sampling, training, others = AUDIT[recipe]
    found = planned(recipe, tmp_path / "store", *settings).estimate(target=H100)
    sampled, trained = TOKENS.get(recipe, (found.sampled_tokens, found.trained_tokens))
    told = {stage: (time or 0.0) - STARTS.get(stage, 0.0) for stage, time in hours(found).items()}
    told["sample"] *= sampled / found.sampled_tokens
    told["train"] *= trained / found.trained_tokens
    assert told["sample"] == pytest.approx(sampling, rel=0.2)
    assert told["train"] == pytest.approx(training, rel=0.2)
    assert sum(told.values()) + sum(STARTS.values()) == pytest.approx(sampling + training + others, rel=0.2)


@pytest.mark.parametrize("gpu", ["h100", "a100"])
def test_another_gpu_takes_longer_by_what_it_is_slower(gpu: str, tmp_path: Path) -> None:
    sampling, training, _ = AUDIT["mistral_gsm8k"]  # of whose lengths the audit's rates are
    found = hours(planned("mistral_gsm8k", tmp_path / "store").estimate(target=machine(gpu)))
    *_, by_length, answers = (h100 / slower for h100, slower in zip(ARITHMETIC["h100"], ARITHMETIC[gpu], strict=True))
    assert (found["sample"] or 0.0) - STARTS["sample"] == pytest.approx(sampling * answers, rel=0.2)
    assert (found["train"] or 0.0) - STARTS["train"] == pytest.approx(training * by_length, rel=0.2)


@pytest.mark.parametrize(("recipe", "gpu"), BEFORE)
def test_the_same_arithmetic_gives_what_training_took_before(recipe: str, gpu: str, tmp_path: Path) -> None:
    low, high = BEFORE[recipe, gpu]
    found = planned(recipe, tmp_path / "store").estimate(target=machine(gpu))
    shape = shipped_shapes()["meta-llama/Meta-Llama-3-8B"] if "llama3" in recipe else MISTRAL
    # What has changed since: no checkpointing, and batches cut by length instead of 8 examples as they come.
    before = training_rate(known_gpus()[gpu], shape, TrainingWork(True, True, RANDOM[recipe], 2400))
    rest = sum(time or 0.0 for stage, time in hours(found).items() if stage != "train")
    assert 0.8 * low < found.trained_tokens / before / 3600 + rest < 1.2 * high


def test_checkpointing_and_padding_show_in_the_hours(tmp_path: Path) -> None:
    def trained(*overrides: str) -> float:
        return hours(planned("mistral_gsm8k", tmp_path / "store", *overrides).estimate(target=H100))["train"] or 0.0

    assert trained(PLAIN.replace("false", "true")) == pytest.approx(1.4 * trained(PLAIN), rel=0.05)
    assert trained(PLAIN.replace("8", "4")) < trained(PLAIN) < trained(PLAIN.replace("8", "null"))


def test_stages_that_take_long_on_cpus_have_hours_too(tmp_path: Path) -> None:
    maths = planned("mistral_math", tmp_path / "store").estimate(target=H100)
    graded = hours(maths)["grade"]
    assert graded == pytest.approx(maths.answers / 105 / 16 / 3600)
    programs = planned("mistral_mbpp", tmp_path / "store").estimate(target=H100)
    assert hours(programs)["grade"] == pytest.approx(0.5, rel=0.2)  # most of it for the few that never end
    assert sources(programs) == dict.fromkeys(("train", "sample", "score", "grade", "embed"), "table")
    assert hours(programs)["embed"] > 3 * 20 / 3600  # type: ignore[operator]
    assert programs.hours == pytest.approx(sum(hours(programs)[stage] or 0.0 for stage in ("train", "sample", "score", "embed")))


def test_what_a_check_measured_counts_more_than_the_table(tmp_path: Path) -> None:
    table = planned("mistral_gsm8k", tmp_path / "store", PLAIN).estimate(target=H100)
    slow = training_rate(known_gpus()["h100"], MISTRAL, TrainingWork(True, True, 1.0, 6144)) / 2
    save_rates(
        [
            MeasuredRate("NVIDIA H100 80GB HBM3", "train", MISTRAL.parameters, slow, checkpointing=True, micro_tokens=6144),
            MeasuredRate("NVIDIA A100-SXM4-80GB", "sample", MISTRAL.parameters, 1.0),
        ]
    )
    found = planned("mistral_gsm8k", tmp_path / "store", PLAIN).estimate(target=H100)
    assert (sources(found)["train"], sources(found)["sample"]) == ("measured", "table")
    starts = 12 * 40 / 3600
    assert hours(found)["train"] - starts == pytest.approx(2 * (hours(table)["train"] - starts))  # type: ignore[operator]


def test_the_users_own_rate_counts_most(tmp_path: Path) -> None:
    found = planned("mistral_gsm8k", tmp_path / "store").estimate({"sample": 1000.0}, H100)
    assert sources(found)["sample"] == "given"
    assert hours(found)["sample"] == pytest.approx(found.sampled_tokens / 1000 / 3600 + 12 * 82 / 3600)


def test_rates_of_earlier_runs_are_those_of_every_long_stage(smoke: Study) -> None:
    found = planned("tiny_smoke", smoke.store, seeds=[1]).estimate()
    assert sources(found) == dict.fromkeys(("train", "sample", "score", "grade"), "seen")


def test_runs_on_other_hardware_tell_nothing_of_a_gpu(smoke: Study) -> None:
    found = planned("tiny_smoke", smoke.store, seeds=[1]).estimate(target=H100)
    assert sources(found) == {"train": None, "sample": None, "score": None, "grade": "table"}


def test_the_embedded_recipe_has_hours_on_cpus_before_its_first_run(tmp_path: Path) -> None:
    one = planned("tiny", tmp_path / "store").estimate(target=Target(cores=1))
    two = planned("tiny", tmp_path / "store").estimate(target=Target(cores=2))
    assert hours(one)["train"] == pytest.approx(2 * hours(two)["train"])  # type: ignore[operator]
    measured = (212 - 74) / 3600  # benchmarks/README.md: all of tiny on two cores, less M_0's pretraining
    assert sum(time or 0.0 for time in hours(two).values()) == pytest.approx(measured, rel=0.2)


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    on_cpus = planned("smollm2_gsm8k", tmp_path / "store").estimate(target=Target(cores=2))
    assert hours(on_cpus)["train"] is None
    assert hours(on_cpus)["sample"] is None
    other = planned("mistral_gsm8k", tmp_path / "store", "engine=transformers").estimate(target=H100)
    assert hours(other)["sample"] is None
    assert hours(other)["train"] is not None
