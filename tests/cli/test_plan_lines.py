from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sirev.api.measure import measure
from sirev.api.plan import Plans, plans
from sirev.api.request import Request
from sirev.cli.plan_lines import plan_lines
from sirev.execution.gpus import known_gpus
from sirev.execution.hours import Target
from sirev.execution.measured_rates import MeasuredRate, save_rates
from sirev.execution.model_sizes import shipped_shapes
from sirev.store.store import Store
from tests.conftest import Study

PAPER = ["mistral_gsm8k", "llama2_math", "llama3_mbpp", "mistral_csqa"]


@pytest.fixture(autouse=True)
def nothing_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def of_size(gb: float) -> Target:
    return Target(bytes=gb * 1e9, here=False, assumed=True)


def named(name: str) -> Target:
    gpu = known_gpus()[name]
    return Target(gpu, gpu.bytes, here=False, cores=16)


def texts(planned: Plans, target: Target | None = None, width: int = 80) -> list[str]:
    target = target or Target()
    return [line.text for line in plan_lines(planned, planned.estimate(target=target), target, width)]


@pytest.mark.parametrize("gpu", [None, "h100", "4090", "t4"])
@pytest.mark.parametrize("overlays", [[], ["24gb"], ["full"]], ids=str)
@pytest.mark.parametrize("recipe", PAPER)
def test_it_answers_in_20_lines_of_80_columns(recipe: str, overlays: list[str], gpu: str | None, tmp_path: Path) -> None:
    lines = texts(plans(Request.of(recipe, store=tmp_path / "store", overlays=overlays)), named(gpu) if gpu else None)
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 80


def test_a_stage_that_takes_long_is_a_row_with_what_is_cached(smoke: Study) -> None:
    lines = texts(plans(Request.of("tiny_smoke", store=smoke.store, overrides=["training.sft.learning_rate=1e-3"])))
    (row,) = [line.split() for line in lines if line.startswith("train ")]
    steps, cached, left = map(int, row[1:4])
    assert steps == cached + left
    assert cached > 0
    assert left > 0
    assert row[5] == "seen"
    assert any(line.startswith("Unknown ") and "may still be cached" in line for line in lines)
    assert len(lines) <= 20


def test_a_finished_study_is_its_table(smoke: Study) -> None:
    *_, last = texts(plans(Request.of("tiny_smoke", store=smoke.store)))
    assert last == "Nothing is left to compute."


@pytest.mark.parametrize(
    ("recipe", "overlays", "target", "words"),
    [
        ("mistral_gsm8k", ["24gb"], of_size(24), "Fits      on 24 GB: yes, "),
        (
            "mistral_gsm8k",
            [],
            of_size(24),
            "Fits      on 24 GB: no, too little to train; train with less in memory at a time: --overlay 24gb",
        ),
        ("mistral_gsm8k", [], of_size(8), "Fits      on 8 GB: no, too little to train and to sample; take a smaller model"),
        ("mistral_gsm8k", ["24gb"], Target(), "Fits      on 24 GB or more, "),
        ("mistral_gsm8k", ["24gb"], named("4090"), "Fits      on an RTX 4090 of 25.8 GB: yes, "),
        (
            "mistral_gsm8k",
            ["24gb"],
            named("t4"),
            "Fits      on a T4 of 16.1 GB: no, it can't compute in bfloat16: use ",
        ),
    ],
)
def test_whether_it_fits(recipe: str, overlays: list[str], target: Target, words: str, tmp_path: Path) -> None:
    lines = texts(plans(Request.of(recipe, store=tmp_path / "store", overlays=overlays)), target, 400)
    assert any(line.startswith(words) for line in lines)
    assert not any("256 answers" in line for line in lines)


def test_memory_that_a_check_measured_is_told_beside_the_estimate(tmp_path: Path) -> None:
    shape = shipped_shapes()["mistralai/Mistral-7B-v0.1"]
    seen = MeasuredRate("NVIDIA H100 80GB HBM3", "train", shape.parameters, 9000.0, micro_tokens=6144, peak=63_200_000_000)
    save_rates([seen])
    planned = plans(Request.of("mistral_gsm8k", store=tmp_path / "store"))
    told = "to sample (estimated); measured 63.2 GB to train 6,144 tokens at a time"
    assert [line.endswith(told) for line in texts(planned, named("h100"), 400) if line.startswith("Fits")] == [True]
    assert not any("; measured " in line for line in texts(planned, named("a100"), 400))
    assert len(texts(planned, named("h100"))) <= 20


def test_each_row_says_whether_it_fits(tmp_path: Path) -> None:
    asked = Request.of("mistral_gsm8k", store=tmp_path / "store", overlays=["24gb"], overrides=["engine.gpu_memory=0.4"])
    planned = plans(asked)
    size = planned.estimate().footprint
    assert size is not None

    def fits(gb: float) -> list[bool]:
        rows = [line for line in texts(planned, of_size(gb)) if line.startswith(("train ", "sample "))]
        return [" yes " in row for row in rows]

    assert fits(size.to_sample / 0.39e9) == [True, True]
    assert fits(size.to_train / 1e9 + 1) == [True, False]  # beside what CUDA itself takes
    assert fits(size.to_train / 1e9) == [False, False]


def test_a_batch_of_answers_is_no_heap_of_memory(tmp_path: Path) -> None:
    planned = plans(Request.of("mistral_gsm8k", store=tmp_path / "store", overrides=["engine=transformers"]))
    (told,) = [line for line in texts(planned, named("h100"), 400) if line.startswith("Fits")]
    assert "--set engine.batch_size=" in told
    assert "100.7 MB per answer to sample" in told


def test_hours_say_what_they_rest_on(tmp_path: Path) -> None:
    planned = plans(Request.of("mistral_gsm8k", store=tmp_path / "store"))
    lines = texts(planned, named("a100"), 400)
    assert any(line.startswith("Hours     about ") and line.endswith(" on an A100") for line in lines)
    assert any(line.startswith("Rates     table: arithmetic, not measured") for line in lines)
    (assumed,) = [line for line in lines if line.startswith("Assumed")]
    for words in ("answers as long as gold ones", "draws on training problems correct", "padding", "starts: trainer 40 s"):
        assert words in assumed
    assert any(
        line.endswith(" (assumed; for another: --gpu NAME)") for line in texts(planned, replace(named("h100"), assumed=True), 400)
    )
    assert "unknown before a first run unless you give --rate train=N --rate sample=N (tokens/s)" in " ".join(
        texts(planned, of_size(80), 400)
    )


def test_a_recipe_that_never_ran_is_not_compared_with_another_one(smoke: Study) -> None:
    lines = texts(plans(Request.of("mistral_gsm8k", store=smoke.store)))
    assert not any(line.startswith("Because") or "->" in line for line in lines)


@pytest.mark.parametrize("name", ["tiny_smoke", "other"])
def test_completions_made_elsewhere_are_no_earlier_run_of_the_recipe(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    rows = [{"id": f"p{i}", "completion": str(i), "correct": i > 5} for i in range(10)]
    for step in ("M1", "M2"):
        (tmp_path / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured = store.runs.get(measure("mine", steps={s: tmp_path / f"{s}.jsonl" for s in ("M1", "M2")}, store=store).id)
    assert measured is not None
    store.runs.save(replace(measured, id=measured.id.replace("mine", name), recipe=name))
    assert any(line.startswith("Hours") for line in texts(plans(Request.of("tiny_smoke", store=store))))
