from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.evaluate import EvaluatedRun
from sirev.errors import BadInput
from sirev.reporting.facts import facts_of
from sirev.reporting.identities import identities, identity_in_words
from sirev.seeds import derive_seed
from sirev.store.checkout import hand_out
from sirev.store.runs import Run
from sirev.store.upkeep.gc import Policy, collect
from sirev.study.keep_models import models_to_drop
from sirev.study.step_names import parse_step
from tests.base_model import save_base_model
from tests.conftest import Study, tree
from tests.given_models import PROBLEMS, save_adapter, save_recipe
from tests.hub_cache import COMMIT, OTHER, HubCache

STAGES_OF_MODELS = {"model", "describe", "sample", "grade", "measure", "score"}


@dataclass(frozen=True)
class Evaluated:
    """Three models in folders, evaluated: a base, another model, and an adapter on the base without a tokenizer."""

    folder: Path
    recipe: Path
    steps: dict[str, str]
    found: EvaluatedRun

    @property
    def store(self) -> sirev.Store:
        return sirev.Store(self.folder / "store")

    @property
    def run(self) -> Run:
        run = self.store.runs.get(self.found.id)
        assert run is not None
        return run

    def again(self, steps: dict[str, str] | None = None, **options: Any) -> EvaluatedRun:
        asked = {"recipe": self.recipe, "store": self.folder / "store", **options}
        found = sirev.evaluate("mine", steps=steps or self.steps, **asked)
        assert isinstance(found, EvaluatedRun)
        return found

    def parameters(self, found: EvaluatedRun, step: str) -> dict[str, Any]:
        """What the key of a step says."""
        run = self.store.runs.get(found.id)
        assert run is not None
        record = self.store.records.get(run.pins[step].key, run.pins[step].artifact)
        assert record is not None
        parameters = record.action["parameters"]
        assert isinstance(parameters, dict)
        return parameters

    def rows(self, step: str) -> list[dict[str, Any]]:
        return self.store.artifact(self.run.pins[step].artifact).rows("completions")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = tmp_path_factory.mktemp("evaluated")
    save_base_model(folder / "base", 0)
    save_base_model(folder / "other", 1)
    save_adapter(folder / "base", folder / "adapter")
    steps = {"base": f"{folder}/base", "other": f"{folder}/other", "sft": f"{folder}/adapter@{folder}/base"}
    recipe = save_recipe(folder)
    return Evaluated(folder, recipe, steps, sirev.evaluate("mine", steps=steps, recipe=recipe, store=folder / "store"))


@pytest.fixture
def evaluated(made: Evaluated, tmp_path: Path) -> Evaluated:
    """The same with a store of its own; the models and the recipe are where they were."""
    shutil.copytree(made.folder / "store", tmp_path / "store")
    return Evaluated(tmp_path, made.recipe, made.steps, made.found)


def test_models_are_asked_and_compared_under_the_names_they_were_given(made: Evaluated) -> None:
    assert made.found.steps == ("base", "other", "sft")
    assert ": base to sft, pass@1 " in repr(made.found)
    assert [iteration["t"] for iteration in made.found.iterations] == [1, 2, 3]
    assert len(made.rows("sample/test:3")) == 4 * PROBLEMS
    (run,) = sirev.report(store=made.store).to_dict()["studies"][0]["runs"]
    assert run["steps"] == [one["step"] for one in run["models"]] == ["base", "other", "sft"]
    named = {row["t"]: row["step"] for row in sirev.report(store=made.store).rows() if row["t"]}
    assert named == {1: "base", 2: "other", 3: "sft"}
    assert "M_3 sft" in sirev.report("all", store=made.store).text("markdown")


def test_an_adapter_answers_as_itself_and_not_as_its_base(made: Evaluated) -> None:
    assert made.rows("sample/test/greedy:1") != made.rows("sample/test/greedy:3")
    assert made.run.pins["model/base:3"].artifact == made.run.pins["model:1"].artifact


def test_answers_are_scored_under_the_first_model(made: Evaluated) -> None:
    scored = made.store.records.get(made.run.pins["score/greedy:3"].key, made.run.pins["score/greedy:3"].artifact)
    assert scored is not None
    assert scored.action["inputs"]["model"] == made.store.artifact(made.run.pins["model:1"].artifact).semantic
    assert "model_base" not in scored.action["inputs"]


def test_a_replay_computes_nothing_and_needs_no_model(evaluated: Evaluated, made: Evaluated) -> None:
    before = tree(evaluated.folder / "store")
    aside = [made.folder / name for name in ("base", "other", "adapter")]
    for folder in aside:
        folder.rename(folder.with_suffix(".aside"))
    try:
        again = evaluated.again()
    finally:
        for folder in aside:
            folder.with_suffix(".aside").rename(folder)
    assert (again.id, again.computed) == (made.found.id, ())
    assert again.iterations == made.found.iterations
    assert tree(evaluated.folder / "store") == before


def test_a_model_in_between_has_nothing_else_drawn_again(evaluated: Evaluated, made: Evaluated) -> None:
    save_base_model(evaluated.folder / "third", 2)
    base, other, sft = made.steps.items()
    again = evaluated.again(dict([base, ("third", str(evaluated.folder / "third")), other, sft]))
    assert again.id != made.found.id
    assert {parse_step(step).t for step in again.computed} == {2, None}
    assert {parse_step(step).stage for step in again.computed} <= {*STAGES_OF_MODELS, "compare"}


def test_another_name_for_a_step_draws_nothing_again(evaluated: Evaluated, made: Evaluated) -> None:
    again = evaluated.again({name.upper(): model for name, model in made.steps.items()})
    assert again.id != made.found.id
    assert (again.computed, again.iterations) == ((), made.found.iterations)


def test_more_draws_keep_those_there_are(evaluated: Evaluated) -> None:
    again = evaluated.again(overrides={"evaluation.draws.n": 6})
    run = evaluated.store.runs.get(again.id)
    assert run is not None
    more = evaluated.store.artifact(run.pins["sample/test:2"].artifact).rows("completions")
    assert [row for row in more if row["draw"] < 4] == evaluated.rows("sample/test:2")
    assert "sample/test/greedy:2" not in again.computed


def test_another_seed_draws_anew_and_keeps_greedy_answers(evaluated: Evaluated) -> None:
    again = evaluated.again(seed=1)
    assert again.seed == 1
    assert "sample/test:1" in again.computed
    assert "sample/test/greedy:1" not in again.computed


def test_every_model_has_random_numbers_of_its_own(made: Evaluated) -> None:
    seeds = {made.parameters(made.found, f"sample/test:{t}")["seed"] for t in (1, 2, 3)}
    assert len(seeds) == 3


def test_the_page_says_what_each_model_was(made: Evaluated) -> None:
    told = identities(made.store, made.run)
    assert told is not None
    first, _, adapter = told
    digests = [made.store.artifact(made.run.pins[f"model:{t}"].artifact).json("base_model.json")["digest"] for t in (1, 3)]
    assert [first["digest"], adapter["digest"]] == digests
    assert adapter["base"] is not None
    assert adapter["base"]["digest"] == digests[0]
    assert (
        identity_in_words(adapter)
        == f"./adapter ({digests[1][:12]}), an adapter on ./base ({digests[0][:12]}), without a chat template"
    )
    (study,) = sirev.report(store=made.store).studies
    facts = facts_of(study, made.store)
    assert (facts.title, facts.subtitle) == ("mine", "Evaluated models")
    assert f"M_3 sft: {identity_in_words(adapter)}" in dict(facts.rows)["Models"]
    assert {"Training", "Draws to train on"}.isdisjoint(dict(facts.rows))


def test_a_chat_template_is_used_where_there_is_one_and_is_part_of_the_key(evaluated: Evaluated, made: Evaluated) -> None:
    chat = shutil.copytree(made.folder / "other", evaluated.folder / "chat")
    (chat / "chat_template.jinja").write_text("{% for m in messages %}User: {{ m['content'] }}{% endfor %}\nBot:\n")
    steps = {"base": made.steps["base"], "chat": str(chat)}
    found = evaluated.again(steps)
    asked = [evaluated.parameters(found, f"sample/test:{t}").get("chat_template") for t in (1, 2)]
    assert asked == [None, True]
    run = evaluated.store.runs.get(found.id)
    assert run is not None
    told = [identity_in_words(one).rpartition(", ")[2] for one in identities(evaluated.store, run) or []]
    assert told == ["without a chat template", "chat template"]
    assert "ASKED DIFFERENTLY: M_2 chat with a chat template and M_1 base plainly" in sirev.report(
        runs=[found.id], store=evaluated.store
    ).text("markdown")
    plain = evaluated.again(steps, chat="never")
    assert evaluated.parameters(plain, "sample/test:2").get("chat_template") is None
    with pytest.raises(BadInput, match=r"step base: .*/base has no chat template, as --chat always needs"):
        evaluated.again(steps, chat="always")


def test_one_model_alone_is_measured(evaluated: Evaluated, made: Evaluated) -> None:
    found = evaluated.again({"base": made.steps["base"]})
    assert len(found.iterations) == 1
    assert not any(step.startswith("sample") for step in found.computed)
    assert "base" in sirev.report(store=evaluated.store).text("markdown")


def test_other_problems_are_asked_as_in_a_loop(evaluated: Evaluated, made: Evaluated) -> None:
    suite = {"task": {"name": "humaneval", "data": {"path": str(evaluated.folder / "suite.jsonl")}}, "grader": "mbpp"}
    rows = [
        {
            "task_id": f"HumanEval/{i}",
            "prompt": f'def f{i}(x):\n    """Add {i}."""\n',
            "canonical_solution": f"    return x + {i}\n",
            "test": f"def check(candidate):\n    assert candidate(1) == {1 + i}\n",
            "entry_point": f"f{i}",
        }
        for i in range(2)
    ]
    (evaluated.folder / "suite.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = evaluated.again(recipe=save_recipe(evaluated.folder / "with", ood={"programs": suite}), unsafe_code=True)
    assert [iteration["ood"]["programs"]["accuracy"]["n"] for iteration in found.iterations] == [2, 2, 2]
    assert "sample/test:1" not in found.computed


def test_what_a_loop_has_measured_is_found(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    """Copies of a loop's M_1 and M_3 in folders, asked what the loop asked them: not one answer is drawn again."""
    steps = {}
    for t in (1, 3):
        hand_out(smoke.store, smoke.artifact("sft", f"train:{t}"), tmp_path / f"m{t}")
        steps[f"m{t}"] = tmp_path / f"m{t}"
    found = sirev.evaluate("copies", steps=steps, recipe="tiny_smoke", store=smoke_copy)
    assert {parse_step(step).stage for step in found.computed} == {"compare"}
    loop = smoke.of("sft").iterations
    for evaluated, made in zip(found.iterations, (loop[0], loop[2]), strict=True):
        assert evaluated["pass_at_1"] == made["pass_at_1"]
        assert evaluated["pass_at_n"] == made["pass_at_n"]
    store = sirev.Store(smoke_copy)
    run = store.runs.get(found.id)
    assert run is not None
    assert [one["loop"] for one in identities(store, run) or []] == [f"{smoke.of('dpo').id}:1", f"{smoke.of('sft').id}:3"]
    assert sirev.evaluate("copies", steps=steps, recipe="tiny_smoke", store=smoke_copy).computed == ()


def test_a_loops_model_draws_anew_for_another_seed_than_the_loops(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    hand_out(smoke.store, smoke.artifact("sft", "train:1"), tmp_path / "m1")
    asked: dict[str, Any] = {"steps": {"m1": tmp_path / "m1"}, "recipe": "tiny_smoke", "store": smoke_copy}
    first, second = (sirev.evaluate("copies", seed=seed, **asked) for seed in (0, 1))
    assert "sample/test:1" not in first.computed
    assert "sample/test:1" in second.computed
    assert "sample/test/greedy:1" not in second.computed
    told = [identities(sirev.Store(smoke_copy), run) for run in sirev.Store(smoke_copy).runs.all() if run.recipe == "copies"]
    assert [one["loop"] for models in told for one in models or []] == [f"{smoke.of('dpo').id}:1"] * 2


def test_seeds_of_an_evaluation_are_no_repetitions_that_a_claim_could_rest_on(evaluated: Evaluated) -> None:
    runs = [evaluated.again(seed=seed).id for seed in (0, 1, 2)]
    studies = sirev.report(runs=runs, store=evaluated.store).studies
    assert [[run["seed"] for run in study["runs"]] for study in studies] == [[0], [1], [2]]
    assert all(claim["claim"] is None for study in studies for claim in study["methods"])


def test_m0_of_a_loop_is_asked_by_numbers_of_its_own(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    hand_out(smoke.store, smoke.artifact("sft", "pretrain:0"), tmp_path / "m0")
    found = sirev.evaluate("copies", steps={"m0": tmp_path / "m0"}, recipe="tiny_smoke", store=smoke_copy)
    store = sirev.Store(smoke_copy)
    run = store.runs.get(found.id)
    assert run is not None
    record = store.records.get(run.pins["sample/test:1"].key, run.pins["sample/test:1"].artifact)
    assert record is not None
    weights = store.artifact(run.pins["model:1"].artifact).semantic
    assert record.action["parameters"]["seed"] == derive_seed(0, "sample", weights, "test")


def test_a_loops_model_whose_files_were_given_up_answers_from_the_users_copy(
    smoke: Study, smoke_copy: Path, tmp_path: Path
) -> None:
    hand_out(smoke.store, smoke.artifact("sft", "train:1"), tmp_path / "m1")
    store = sirev.Store(smoke_copy)
    collect(store, Policy(drop=lambda opened, runs: models_to_drop(opened, runs, "last")))
    asked: dict[str, Any] = {"recipe": "tiny_smoke", "overrides": ["evaluation.draws.n=18"], "store": smoke_copy}
    found = sirev.evaluate("copies", steps={"m1": tmp_path / "m1"}, **asked)
    run = store.runs.get(found.id)
    assert run is not None
    assert not store.artifact(run.pins["model:1"].artifact).complete()
    assert {row["draw"] for row in store.artifact(run.pins["sample/test:1"].artifact).rows("completions")} == set(range(18))


def test_a_loops_model_without_a_template_is_refused_where_all_need_one(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    hand_out(smoke.store, smoke.artifact("sft", "train:1"), tmp_path / "m1")
    with pytest.raises(BadInput, match=r"step m1: .*/m1 has no chat template, as --chat always needs"):
        sirev.evaluate("copies", steps={"m1": tmp_path / "m1"}, recipe="tiny_smoke", store=smoke_copy, chat="always")


def test_an_adapter_of_a_loop_on_another_base_is_none_of_the_loops(smoke_copy: Path, tmp_path: Path) -> None:
    save_base_model(tmp_path / "base", 0)
    save_base_model(tmp_path / "other", 1)
    settings = ["training.parameters=lora", "training.lora={r: 2}", "evaluation.ood={}", "engine=transformers"]
    recipe = save_recipe(tmp_path)
    (loop,) = sirev.iterate(recipe, model=tmp_path / "base", overrides=settings, store=smoke_copy, until=1)
    store = sirev.Store(smoke_copy)
    run = store.runs.get(loop.id)
    assert run is not None
    hand_out(store, store.artifact(run.pins["train:1"].artifact), tmp_path / "m1")
    steps = {"own": f"{tmp_path}/m1@{tmp_path}/base", "other": f"{tmp_path}/m1@{tmp_path}/other", "unnamed": f"{tmp_path}/m1"}
    found = sirev.evaluate("copies", steps=steps, recipe=recipe, store=smoke_copy)
    run = store.runs.get(found.id)
    assert run is not None
    own, other, unnamed = identities(store, run) or []
    assert own["loop"] == unnamed["loop"] == f"{loop.id}:1"
    assert other["loop"] is None
    bases = [(one["base"] or {}).get("digest") for one in (own, other, unnamed)]
    assert bases[0] == bases[2] != bases[1]
    assert own["digest"] == other["digest"]
    assert (unnamed["base"] or {})["name"] == f"M_0 of {loop.id}"


def test_an_adapter_of_a_loop_is_found_with_its_base(smoke_copy: Path, tmp_path: Path) -> None:
    settings = ["training.parameters=lora", "training.lora={r: 2}", "T=2", "sampling.n=4", "evaluation.ood={}"]
    (loop,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=settings, store=smoke_copy, until=1)
    store = sirev.Store(smoke_copy)
    run = store.runs.get(loop.id)
    assert run is not None
    hand_out(store, store.artifact(run.pins["train:1"].artifact), tmp_path / "m1")
    asked: dict[str, Any] = {"recipe": "tiny_smoke", "overrides": ["evaluation.ood={}"], "store": smoke_copy}
    found = sirev.evaluate("copy", steps={"m1": tmp_path / "m1"}, **asked)
    assert {parse_step(step).stage for step in found.computed} == {"compare"}


def refused(steps: dict[str, Any], folder: Path, **options: Any) -> str:
    asked = {"name": "mine", **({} if "task" in options else {"recipe": save_recipe(folder)}), **options}
    with pytest.raises(BadInput) as caught:
        sirev.evaluate(steps=steps, store=folder / "store", **asked)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_what_is_no_model_is_named_before_anything_is_asked(made: Evaluated, tmp_path: Path) -> None:
    base = made.steps["base"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "adapter_config.json").write_text("{}")
    bare = shutil.copytree(base, tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*"))
    expected = {
        str(tmp_path / "gone"): f"step x: there is no folder {tmp_path}/gone",
        str(tmp_path / "empty"): f"step x: {tmp_path}/empty holds no model: there is no config.json",
        str(tmp_path / "half"): f"step x: {tmp_path}/half holds adapter_config.json but no adapter_model.safetensors",
        str(bare): f"step x: {tmp_path}/bare has no tokenizer; save one next to its weights",
        f"{made.folder}/adapter": f"is an adapter that names no base: use {made.folder}/adapter@BASE",
        f"{base}@{base}": f"step x: {base} is not an adapter, and has no base; leave out @{base}",
        f"{made.folder}/adapter@{tmp_path}/gone": f"step x: there is no folder {tmp_path}/gone",
        f"{made.folder}/adapter@{made.folder}/adapter": f"step x: the base {made.folder}/adapter is an adapter itself",
    }
    for given, words in expected.items():
        assert words in refused({"base": base, "x": given}, tmp_path)


def test_an_adapter_whose_base_is_gone_says_who_named_it(made: Evaluated, tmp_path: Path) -> None:
    save_adapter(made.folder / "base", tmp_path / "adapter", "/trained/on/another/machine")
    line = refused({"x": tmp_path / "adapter"}, tmp_path)
    assert "its base: there is no folder /trained/on/another/machine" in line
    assert f"name another with {tmp_path}/adapter@BASE" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "gsm9k"}, "--task: unknown task 'gsm9k'"),
        ({"recipe": None}, "name what to ask: --task, or --recipe"),
        ({"chat": "sometimes"}, "--chat: unknown 'sometimes'"),
        (
            {"overrides": ["training.sft.epochs=2"]},
            "no model is trained here; of a recipe task, evaluation, engine, env, gpu, description are read",
        ),
        ({"task": "gsm8k", "overrides": ["engine=server", "engine.url=http://localhost:1/v1"]}, "a server answers for one model"),
        ({"name": "tiny"}, "the name 'tiny' is a recipe's"),
        ({"name": "a/b"}, "the name 'a/b' becomes part of files' names"),
    ],
)
def test_what_can_not_be_asked_is_one_line(made: Evaluated, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    assert words in refused({"base": made.steps["base"]}, tmp_path, **options)


def test_no_step_at_all_and_names_that_can_not_be_shown_are_refused(tmp_path: Path) -> None:
    assert "name a step and its model: --step STEP=MODEL" in refused({}, tmp_path)
    assert "must be a name that can be printed" in refused({"a\nb": "ORG/NAME"}, tmp_path)
    assert "expected a mapping" in refused(["ORG/NAME"], tmp_path)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.spinning
def test_models_of_the_hub_are_known_by_repository_and_commit(made: Evaluated, hub: HubCache, tmp_path: Path) -> None:
    for number, step in enumerate((2, 10)):
        save_base_model(tmp_path / "step", step)
        hub.model("some/run", tmp_path / "step", str(number) * 40, f"step-{step}")
    hub.model("some/base", made.folder / "base")
    save_adapter(made.folder / "base", tmp_path / "adapter", "some/base")
    hub.model("some/adapter", tmp_path / "adapter", OTHER)
    asked: dict[str, Any] = {
        "steps": {"base": "some/base", "sft": "some/adapter"},
        "revisions": "some/run@step-*",
        "recipe": made.recipe,
        "store": tmp_path / "store",
    }
    found = sirev.evaluate("mine", **asked)
    assert found.steps == ("base", "sft", "step-2", "step-10")
    store = sirev.Store(tmp_path / "store")
    run = store.runs.get(found.id)
    assert run is not None
    assert [identity_in_words(one) for one in identities(store, run) or []] == [
        f"some/base at {COMMIT[:12]}, without a chat template",
        f"some/adapter at {OTHER[:12]}, an adapter on some/base at {COMMIT[:12]}, without a chat template",
        "some/run at step-2 000000000000, without a chat template",
        "some/run at step-10 111111111111, without a chat template",
    ]
    shutil.rmtree(hub.folder / "models--some--base" / "snapshots")  # a replay asks nobody, and reads no weights
    assert sirev.evaluate("mine", **asked).computed == ()
    with pytest.raises(BadInput, match="step gone: some/run at step-3 is not on this machine, and the Hub can't be reached"):
        sirev.evaluate("mine", **{**asked, "steps": {"gone": "some/run@step-3"}})
