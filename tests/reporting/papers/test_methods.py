from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import sirev
from sirev.reporting.papers.methods import methods_text
from sirev.store.runs import Run
from tests.conftest import Study
from tests.reporting.papers.recorded_studies import GPU, record, recorded


def cited(text: str) -> set[str]:
    return {key for keys in re.findall(r"\\cite\{([^}]*)\}", text) for key in keys.split(",")}


def defined(bibliography: str) -> set[str]:
    return set(re.findall(r"^@\w+\{(\w+),$", bibliography, re.M))


def test_what_is_cited_is_in_the_bibliography_and_nothing_else(smoke: Study, tmp_path: Path) -> None:
    for studies, store in (
        (sirev.report(recipes=["tiny_smoke"], store=smoke.store).studies, smoke.store),
        ((found := recorded(tmp_path, "mistral_gsm8k", suites=["math_algebra"]))[:1], found[1]),
    ):
        made = methods_text(studies, store)
        assert cited(made.text) == defined(made.bibliography)
        assert {"sirev", "wu2024progress", "rafailov2023dpo"} <= cited(made.text)


def test_the_numbers_are_those_of_the_run(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", seeds=(0, 1, 2), suites=["math_algebra"])
    text = methods_text([study], store).text
    for told in (
        "mistralai/Mistral-7B-v0.1 at 27d67f1b5f57~\\cite{jiang2023mistral} on GSM8K~\\cite{cobbe2021gsm8k}",
        "SFT trains on all correct answers (1 epoch, batch size 32, learning rate $2.5 \\times 10^{-5}$",
        "at most 4 per problem, $\\beta = 0.1$",
        "LoRA adapters~\\cite{hu2021lora} of rank 32 ($\\alpha = 64$) on q\\_proj",
        "trained with TRL 1.16.0~\\cite{vonwerra2020trl} by AdamW",
        "sampled with vLLM 0.32.0~\\cite{kwon2023vllm}",
        "For training, 50 answers are sampled per training problem at temperature 0.75 and top-p 0.95, with at most",
        "answers 1,319 test problems once greedily and 64 times",
        "math algebra~\\cite{hendrycks2021math}",
        "10,000 replicates",
        "sft with seeds 0, 1, 2",
        f"In total, the steps took 2.00 GPU hours on {GPU}.",
    ):
        assert told in text
    assert "pang2024iterative" not in text


def test_only_what_a_method_does_is_told(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", ["training.parameters=full", "training.lora=null"], methods=["sft"])
    text = methods_text([study], store).text
    assert "DPO" not in text
    assert "LoRA" not in text
    assert "All parameters are trained" in text


def test_other_losses_starts_and_engines_are_told(tmp_path: Path) -> None:
    asked = ["training.dpo.nll_weight=1", "init_from=base", "engine={name: server, url: 'http://h/v1'}", "evaluation.score=false"]
    study, store = recorded(tmp_path, "mistral_gsm8k", asked)
    text = methods_text([study], store).text
    assert "with weight 1~\\cite{pang2024iterative}" in text
    assert "$M_{t}$ is trained from $M_{0}$ on graded answers" in text
    assert "sampled with an OpenAI-compatible server." in text


def test_rationales_of_commonsense_questions_are_told(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_csqa")
    assert (
        "per problem, one of 8 few-shot samples that reaches the correct option~\\cite{zelikman2022star}"
        in methods_text([study], store).text
    )


def test_measured_completions_are_said_to_be_made_elsewhere(tmp_path: Path) -> None:
    for step, right in (("base", 2), ("last", 4)):
        rows = [{"id": f"p{i}", "text": f"{i}", "correct": i < right} for i in range(6)]
        (tmp_path / f"{step}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    store = sirev.Store(tmp_path / "store")
    sirev.measure("mine", steps={step: tmp_path / f"{step}.jsonl" for step in ("base", "last")}, store=store)
    text = methods_text(sirev.report(store=store).studies, store).text
    assert "We measured answers, generated elsewhere, to problems of the files" in text
    assert ": base, last.\n" in text
    assert "They answer 6 test problems, with the grades that the files give." in text
    assert "TRL" not in text


def test_evaluated_models_are_named(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    models = [{"step": "base", "name": "org/a_b", "revision": "main"}, {"step": "tuned", "name": "./tuned"}]
    settings = {**run.settings, "steps": ["base", "tuned"], "models": models}
    store.runs.save(replace(run, settings=settings))
    text = methods_text([study], store).text
    assert "We evaluated models on GSM8K~\\cite{cobbe2021gsm8k}" in text
    assert "base (org/a\\_b at main" in text
    assert "fine-tuned" not in text


def test_a_task_of_the_authors_is_theirs(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    task = {"name": "jsonl", "data": {"hub": None, "path": "./rows"}}
    store.runs.save(replace(run, settings={**run.settings, "task": task}))
    assert "on problems of our own with sirev 0.1.0" in methods_text([study], store).text


def test_an_own_grader_is_told_by_its_function(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    own = {"name": "python", "function": "mine.graders:judge", "seconds": 10.0}
    settings = {**run.settings, **{name: {**run.settings[name], "grader": own} for name in ("training", "evaluation")}}
    store.runs.save(replace(run, settings=settings))
    text = methods_text([study], store).text
    assert text.count("graded by mine.graders:judge") == 2
    assert "graded by python" not in text


def test_control_runs_alone_are_told_without_a_method(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["null-retrain"])
    text = methods_text([study], store).text
    assert "Control: $M_{1}$ trained again with other seeds." in text
    assert "Methods:" not in text
    assert "Runs:" not in text


@pytest.mark.parametrize("hostile", ["\\input{/etc/passwd}", "100% $x$ #1 & ~^", "a_{b}"])
def test_names_of_a_stranger_are_text(tmp_path: Path, hostile: str) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", steps={"train:1": record("train", packages={"sirev": hostile})})
    run: Run
    for run in store.runs.all():
        settings = {**run.settings, "model": {**run.settings["model"], "name": hostile, "revision": None}}
        store.runs.save(replace(run, settings=settings))
    made = methods_text([study], store)
    for text in (made.text, made.bibliography):
        assert hostile not in text
        assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")


def test_hours_that_were_not_measured_are_said_to_be_left_out(tmp_path: Path) -> None:
    steps = {"train:1": record("train", resumed=7), "sample/test:1": record("sample", seconds=None)}
    study, store = recorded(tmp_path, "mistral_gsm8k", steps=steps)
    assert (
        f"took 1.00 GPU hours on {GPU} (not in it: what was done earlier of 1 step and 1 step without a time on record)."
        in methods_text([study], store).text
    )


def test_shares_of_problems_have_exact_intervals_and_three_seeds_an_interval_of_their_own(tmp_path: Path) -> None:
    for seeds in ((0, 1, 2), (0, 1)):
        study, store = recorded(tmp_path / str(len(seeds)), "mistral_gsm8k", seeds=seeds)
        text = methods_text([study], store).text
        assert "Clopper-Pearson's where each problem counts 0 or 1" in text
        assert ("Student's t intervals" in text) == (len(seeds) == 3)


def test_a_kind_of_training_that_no_t_takes_is_not_told(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", ["T=2"], methods=["sft-dpo"])
    text = methods_text([study], store).text
    assert "SFT trains on" not in text
    assert "Methods: sft-dpo, DPO at every t." in text
    study, store = recorded(tmp_path / "turns", "mistral_gsm8k", ["schedule=[sft, sft, dpo]"], methods=["sft-dpo"])
    assert "Methods: sft-dpo, SFT and SFT and DPO in turn." in methods_text([study], store).text


def test_templates_temperatures_and_draws_of_suites_are_told(tmp_path: Path) -> None:
    asked = ["model.chat_template=true", "evaluation.temperatures=[0.5, 1.0]", "evaluation.ood.math_algebra.draws=8"]
    study, store = recorded(tmp_path, "mistral_gsm8k", asked, suites=["math_algebra"])
    text = methods_text([study], store).text
    assert "Prompts are put to the model as a user's turn of its chat template." in text
    assert "$M_{1}$ and the last $M_{t}$ also answer as often at temperature 0.5 and 1." in text
    assert ", answered greedily, and by $M_{1}$ and the last $M_{t}$ also 8 times as above." in text


def test_the_draws_of_an_evaluation_have_a_seed(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"], seeds=[7])
    (run,) = store.runs.all()
    models = [{"step": "base", "name": "org/a", "revision": "main"}]
    store.runs.save(replace(run, settings={**run.settings, "steps": ["base"], "models": models}))
    assert "Draws are made with seed 7." in methods_text([study], store).text


def test_a_task_of_reasoning_gym_is_told_by_its_name_and_cited(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    options = {"dataset": "chain_sum", "train": 10}
    task = {"name": "python", "class": "sirev.tasks.reasoning_gym:ReasoningGym", "options": options}
    store.runs.save(replace(run, settings={**run.settings, "task": task}))
    made = methods_text([study], store)
    assert "on chain\\_sum of reasoning-gym~\\cite{stojanovski2025reasoninggym}" in made.text
    assert "@misc{stojanovski2025reasoninggym," in made.bibliography
