from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.recipe import load_recipe
from sirev.stages.stage import Stage
from sirev.store.local_files import LocalFiles
from sirev.store.objects import Objects
from sirev.study.algorithm import self_improve
from sirev.study.evaluation import SCORED_DRAWS
from sirev.study.nulls import follow
from sirev.study.steps import Planned, StepResult, Steps

MODEL = ("model", "model_base")
OWN = "task={name: jsonl, data: {path: rows}}"


class Asked:
    """Computes nothing; keeps the parameters and inputs of every step that it is asked for."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[Any, list[str]]] = {}

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult:
        self.steps[name] = (parameters, list(inputs))
        return Planned(name)

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        return True

    def provenance(self, name: str) -> Mapping[str, Any]:
        return {}


def asked(recipe: str, folder: Path, *overrides: str) -> tuple[Steps, Asked]:
    """The steps of a whole sft run, without any of them being computed."""
    (folder / "rows").mkdir()
    for split in ("train", "test"):
        (folder / "rows" / f"{split}.jsonl").write_text(f'{{"split": "{split}"}}')
    loaded = load_recipe(recipe, [one.replace("rows}", f"{folder / 'rows'}}}") for one in overrides])
    executor = Asked()
    steps = Steps(loaded, 0, executor, LocalFiles(Objects(folder / "store")))
    self_improve(steps, "sft")
    return steps, executor


def test_a_sweep_draws_from_the_first_and_the_last_model_at_each_temperature(smoke_copy: Path) -> None:
    overrides = ["evaluation.temperatures=[0.5, 1]"]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    swept = [f"sample/test/{temperature}:{t}" for t in (1, 3) for temperature in (0.5, 1.0)]
    assert [step for step in result.computed if step.startswith("sample")] == swept
    store = sirev.Store(smoke_copy)
    run = store.runs.get(result.id)
    assert run is not None
    usual = store.records.get(run.pins["sample/test:3"].key, run.pins["sample/test:3"].artifact)
    hot = store.records.get(run.pins["sample/test/1.0:3"].key, run.pins["sample/test/1.0:3"].artifact)
    assert usual is not None
    assert hot is not None
    assert hot.action["parameters"] == {**usual.action["parameters"], "temperature": 1.0}
    measures = store.artifact(run.pins["measure/temperature/1.0:3"].artifact).json("measures.json")["problems"]
    assert {problem["n"] for problem in measures} == {16}
    compared = store.records.get(run.pins["compare"].key, run.pins["compare"].artifact)
    assert compared is not None
    names = [name for name in compared.action["inputs"] if "temperature" in name]
    assert names == [f"sft/0/{t}/temperature/{temperature}" for t in (1, 3) for temperature in (0.5, 1.0)]


SUITE = "evaluation.ood.levels_1_to_3"


def test_a_suite_is_drawn_from_at_both_ends_and_nothing_known_is_asked_again(smoke_copy: Path) -> None:
    overrides = [f"{SUITE}.draws=8"]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    measured = ("measure/ood/levels_1_to_3/draws", "measure/ood/levels_1_to_3/draws/diversity")
    steps = ("sample/ood/levels_1_to_3", "grade/ood/levels_1_to_3/draws", *measured)
    assert list(result.computed) == [*(f"{step}:{t}" for t in (1, 3) for step in steps), "compare"]
    for t in (1, 3):
        found = result.iterations[t - 1]["ood"]["levels_1_to_3"]
        assert set(found["pass_at_n"]) == {"1", "2", "4", "8"}
        assert found["pass_at_n"]["1"]["value"] == pytest.approx(found["mean_accuracy"]["value"])
        assert found["diversity"]["all"]["distinct_equations"]["n"] == 12
    assert "pass_at_n" not in result.iterations[1]["ood"]["levels_1_to_3"]
    drawn = sirev.answers(result, 3, kind="levels_1_to_3/draws")
    right = sum(row["correct"] for row in drawn)
    assert len(drawn) == 12 * 8
    assert result.iterations[2]["ood"]["levels_1_to_3"]["mean_accuracy"]["value"] == pytest.approx(right / len(drawn))


def test_draws_of_a_suite_are_decoded_as_the_others_by_seeds_of_their_own(tmp_path: Path) -> None:
    _, executor = asked("tiny", tmp_path, "evaluation.ood.longer.draws=8", "evaluation.draws.temperature=0.5")
    suite, usual = (executor.steps[f"sample/{split}:5"][0] for split in ("ood/longer", "test"))
    assert (suite.n, usual.n) == (8, 32)
    assert (suite.temperature, suite.top_p, suite.max_new_tokens) == (0.5, usual.top_p, usual.max_new_tokens)
    assert suite.seed not in (usual.seed, executor.steps["sample/ood/longer:1"][0].seed)
    assert "sample/ood/longer:2" not in executor.steps


def test_a_suite_may_be_drawn_from_at_every_model(tmp_path: Path) -> None:
    suite = "evaluation.ood.math_algebra"
    _, executor = asked("mistral_gsm8k", tmp_path, f"{suite}.draws=4", f"{suite}.draws_at=every")
    drawn = [step for step in executor.steps if step.startswith("sample/ood/math_algebra:")]
    assert drawn == [f"sample/ood/math_algebra:{t}" for t in range(1, 6)]
    assert executor.steps[drawn[0]][0].max_new_tokens == 1024  # the suite's own
    assert executor.steps["grade/ood/math_algebra/draws:2"][0] == executor.steps["grade/ood/math_algebra:2"][0]


def test_null_models_are_drawn_from_on_a_suite_where_what_they_stand_beside_is(tmp_path: Path) -> None:
    loaded = load_recipe("tiny", ["evaluation.ood.longer.draws=8"])
    drawn = {}
    for null in ("null-resample", "null-retrain", "null-gold-sft"):
        executor = Asked()
        follow(Steps(loaded, 0, executor, LocalFiles(Objects(tmp_path))), null)
        drawn[null] = {step for step in executor.steps if step.startswith("sample/ood/longer:")}
    of = "sample/ood/longer"
    assert drawn["null-resample"] == {f"{of}:1", f"{of}:2"}
    assert drawn["null-retrain"] == {f"{of}:{t}" for t in (1, 2, 3, 4)}
    assert drawn["null-gold-sft"] == {f"{of}:1", f"{of}:5"}


@pytest.mark.parametrize(
    ("recipe", "overrides", "answers", "measured"),
    [
        ("tiny", [], "math", "math"),
        ("mistral_gsm8k", [], "math", "math"),
        ("mistral_math", [], "math", "math"),
        ("mistral_mbpp", [], "code", "code"),
        ("mistral_csqa", [], "text", "text"),
        ("mistral_csqa", ["task.rationales=none"], "letters", "text"),
        ("smollm2_check", [OWN, "training.grader=exact", "evaluation.grader=exact"], "text", "text"),
        ("smollm2_check", [OWN, "training.grader=letter", "evaluation.grader=letter"], "text", "text"),
        ("smollm2_check", [OWN, "training.grader=math", "evaluation.grader=math"], "math", "math"),
        ("smollm2_check", [OWN, "training.grader=mbpp", "evaluation.grader=mbpp"], "code", "code"),
    ],
)
def test_what_an_answer_is_decides_how_its_diversity_is_measured(
    recipe: str, overrides: list[str], answers: str, measured: str, tmp_path: Path
) -> None:
    steps, executor = asked(recipe, tmp_path, *overrides)
    assert steps.answers == answers
    assert executor.steps["measure/draws:1"][0].answers == measured
    compared, inputs = executor.steps["compare"]
    assert compared.answers == answers
    assert compared.guess == (0.2 if recipe == "mistral_csqa" else None)
    assert compared.runs == [{"method": "sft", "seed": 0, "iterations": list(range(1, steps.recipe.T + 1))}]
    assert ("sft/0/1/diversity" in inputs) == (answers != "letters")
    embedded = recipe.startswith("mistral") and answers != "letters"
    assert ("sft/0/1/embedding" in inputs) == ("model/embedding" in executor.steps) == embedded


def test_the_margins_of_the_recipe_judge(tmp_path: Path) -> None:
    overrides = [f"evaluation.verdict.{name}" for name in ("margin=0.05", "diversity_margin=0.2", "new_margin=0.1")]
    _, executor = asked("tiny", tmp_path, *overrides, "evaluation.verdict.diversity_counts=true")
    compared, _ = executor.steps["compare"]
    assert (compared.margin, compared.diversity_margin, compared.new_margin) == (0.05, 0.2, 0.1)
    assert compared.diversity_counts


def test_answers_of_the_first_and_the_last_model_are_scored_under_the_first(tmp_path: Path) -> None:
    steps, executor = asked("mistral_gsm8k", tmp_path)
    scored = {name for name in executor.steps if name.startswith("score")}
    assert scored == {"score/greedy:1", "score/draws:1", f"score/greedy:{steps.recipe.T}"}
    parameters, inputs = executor.steps["score/draws:1"]
    assert (parameters.engine, parameters.draws, set(inputs)) == ("vllm", SCORED_DRAWS, {*MODEL, "problems", "completions"})
    assert parameters.options == executor.steps["sample/test:1"][0].options  # the same engine, started once
    assert executor.steps["measure/likelihood:5"][1] == ["problems", "completions", "grades", "scores"]
    assert {name for name in executor.steps["compare"][1] if "likelihood" in name} == {
        *("sft/0/1/likelihood", "sft/0/1/likelihood/draws", "sft/0/5/likelihood")
    }


@pytest.mark.parametrize(
    "overrides",
    [
        ["evaluation.score=false"],
        ["engine={name: server, url: http://localhost:8000/v1}"],
        ["training.lora.target_modules=[q_proj, lm_head]"],  # which vLLM scores without the part on lm_head
    ],
)
def test_nothing_is_scored_where_nobody_asks_or_the_engine_can_t(overrides: list[str], tmp_path: Path) -> None:
    _, executor = asked("mistral_gsm8k", tmp_path, *overrides)
    assert not any(name.startswith("score") or "likelihood" in name for name in executor.steps)


def test_a_model_between_is_scored_where_the_run_ends_at_it(smoke_copy: Path) -> None:
    overrides = ["sampling.temperature=0.001", "training.sft.learning_rate=1e-12", "training.sft.select.max_per_problem=null"]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    assert result.stopped == "t = 3: nothing new"
    run = sirev.Store(smoke_copy).runs.get(result.id)
    assert run is not None
    assert "score/greedy:2" in run.pins  # the same answers as M_1's may be scored already
    assert result.iterations[-1]["likelihood"]["right"]["n"] == result.iterations[0]["likelihood"]["right"]["n"] > 0
