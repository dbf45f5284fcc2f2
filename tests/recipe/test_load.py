from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from sirev.errors import BadInput
from sirev.recipe import Recipe, find_recipe, load_recipe, overlay_names, recipe_folder, recipe_names
from sirev.recipe.load import names_a_model, read_recipe
from sirev.recipe.sections import OwnGrader, TaskSuite
from sirev.tasks import registry
from sirev.tasks.core.gsm8k import Gsm8k
from sirev.training_kinds import TrainingKind


def refused(*overrides: str, recipe: str | Path = "tiny") -> str:
    """The one line that a recipe with these overrides is refused with."""
    with pytest.raises(BadInput) as caught:
        load_recipe(recipe, overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


def names(kinds: list[TrainingKind]) -> list[str]:
    return [kind.name for kind in kinds]


def written(tmp_path: Path, **changes: object) -> Path:
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text()) | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


TASKS = ["csqa", "gsm8k", "math", "mbpp"]
"""The paper's."""
WHOLE = [name for name in recipe_names() if names_a_model(read_recipe(name))]


@pytest.mark.parametrize("name", WHOLE)
def test_every_recipe_that_comes_with_sirev_is_valid_and_says_what_it_is(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


@pytest.mark.parametrize("task", TASKS)
def test_a_task_recipe_is_the_papers_with_a_model_of_ones_own(task: str) -> None:
    assert refused(recipe=task) == f"the recipe {task} names no model: add --model ORGANISATION/NAME or --model FOLDER"
    recipe = load_recipe(task, model="meta-llama/Llama-2-7b-hf@01c7f73d771dfac7d292323805ebc428287df4f9")
    paper = load_recipe(f"llama2_{task}")
    assert recipe.description
    assert recipe.model_copy(update={"name": paper.name, "description": paper.description}) == paper


def test_the_embedded_recipes_come_with_sirev() -> None:
    assert {"tiny", "tiny_smoke"} <= set(recipe_names())


def test_a_recipe_is_found_by_path(tmp_path: Path) -> None:
    assert load_recipe(written(tmp_path)).name == "mine"


def test_an_installed_package_has_its_recipes_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes").mkdir()
    monkeypatch.setattr("sirev.shipped.__file__", str(tmp_path / "shipped.py"))
    assert recipe_folder() == tmp_path / "recipes"


def test_overrides_are_typed_as_yaml() -> None:
    recipe = load_recipe(
        "tiny",
        ["T=3", "training.sft.learning_rate=1e-3", "training.sft.select.max_per_problem=null", "methods=[sft, sft-dpo]"],
    )
    assert recipe.T == 3
    assert recipe.training.sft is not None
    assert recipe.training.sft.learning_rate == 1e-3
    assert recipe.training.sft.select.max_per_problem is None
    assert recipe.methods == ["sft", "sft-dpo"]


def test_an_override_reaches_a_section_that_the_file_leaves_out() -> None:
    recipe = load_recipe("tiny", ["training.parameters=lora", "training.lora.r=4"])
    assert recipe.training.lora is not None
    assert (recipe.training.lora.r, recipe.training.lora.alpha) == (4, 32)


def test_the_order_of_sft_dpo_is_dpo_first_then_in_turn() -> None:
    recipe = load_recipe("tiny")
    assert names(recipe.schedule_of("sft-dpo")) == ["dpo", "sft", "dpo", "sft"]
    assert names(recipe.schedule_of("dpo")) == ["dpo"] * 4
    assert names(load_recipe("tiny", ["schedule=[sft, dpo]"]).schedule_of("sft-dpo")) == ["sft", "dpo", "sft", "dpo"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["T=1"], ["--set T=1", "greater than or equal to 2"]),
        (["T=2.5"], ["T", "2.5"]),
        (["T=three"], ["T", "'three'", "integer"]),
        (["sampling.n=0"], ["sampling.n", "0", "greater than or equal to 1"]),
        (["sampling.temperature=-1"], ["sampling.temperature", "-1"]),
        (["sampling.temperature=0"], ["sampling.temperature", "above 0"]),
        (["evaluation.draws.temperature=0"], ["evaluation.draws.temperature", "above 0"]),
        (["sampling.top_p=1.5"], ["sampling.top_p", "1.5", "less than or equal to 1"]),
        (["sampling.topp=0.9"], ["--set sampling.topp=0.9", "no field 'topp'", "did you mean 'top_p'"]),
        (["training.sft.lr=1"], ["training.sft has no field 'lr'", "learning_rate"]),
        (["T"], ["expected key.sub=value"]),
        (["=3"], ["expected key.sub=value"]),
        (["T=[1"], ["not a YAML value"]),
        (["T.x=1"], ["T has no field 'x'"]),
        (["methods=[sft, ppo]"], ["methods", "ppo", "sft", "dpo"]),
        (["methods=[]"], ["methods"]),
        (["methods=[sft]"], ["training.dpo", "no method of this recipe reads it"]),
        (["methods=[sft, sft]", "training.dpo=null"], ["named twice"]),
        (["training.sft=null"], ["training.sft", "missing, and required"]),
        (["training.lora.r=4"], ["training.lora", "training.parameters: lora"]),
        (["methods=[dpo]", "schedule=[sft]", "training.sft=null"], ["schedule", "only the method sft-dpo reads it"]),
        (["sampling.problems=9999"], ["sampling.problems", "1500"]),
        (["model.architecture.kv_heads=3"], ["model.architecture", "heads (4) must be a multiple of kv_heads (3)"]),
        (["model.architecture.head_dim=7"], ["model.architecture", "head_dim (7) must be even"]),
        (["task.levels=[9]"], ["task.levels", "less than or equal to 7"]),
        (["model.pretrain.inverse_share=0.9"], ["model.pretrain", "so they add up to 1 at most"]),
        (["evaluation.ood.longer.question=upside_down"], ["evaluation.ood.longer.question", "inverse"]),
        (["task.style_weights.haiku=1"], ["task.style_weights has no field 'haiku'"]),
        (["evaluation.ood.longer.prblems=3"], ["longer has no field 'prblems'", "did you mean 'problems'"]),
        (["name=a/b"], ["name", "a/b"]),
        (["evaluation.ood={a:b: {levels: [1], problems: 3}}"], ["evaluation.ood"]),
        (["evaluation.ood.more=3"], ["evaluation.ood.more", "3"]),
    ],
)
def test_an_impossible_override_is_one_clear_line(overrides: list[str], words: list[str]) -> None:
    line = refused(*overrides)
    for word in words:
        assert word in line


def test_a_misspelt_field_names_file_key_and_what_is_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, samplng={"n": 3})
    line = refused(recipe=path)
    assert str(path) in line
    assert "samplng: no such field; did you mean 'sampling'?" in line


def test_a_misspelt_field_deep_down_names_its_siblings(tmp_path: Path) -> None:
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text())
    data["training"]["dpo"]["betta"] = 0.1
    line = refused(recipe=written(tmp_path, training=data["training"]))
    assert "training.dpo.betta: no such field; did you mean 'beta'?" in line


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text())
    del data["sampling"]["n"]
    assert "sampling.n: missing, and required" in refused(recipe=written(tmp_path, sampling=data["sampling"]))


def test_all_missing_fields_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bare.yaml"
    path.write_text("task: {name: gsm8k, data: {path: ./x}}\nT: 3\n")
    line = f"{path}: model, methods, sampling, training, evaluation: missing, and required"
    assert refused(recipe=path) == line
    path.write_text("task: {name: gsm8k, data: {path: ./x}}\nT: 1\n")
    assert refused(recipe=path) == f"{line} (and 1 more)"
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text())
    del data["sampling"]["n"], data["sampling"]["max_new_tokens"], data["T"]
    path.write_text(yaml.safe_dump(data))
    assert refused(recipe=path) == f"{path}: T, sampling.n, sampling.max_new_tokens: missing, and required"


def test_a_file_that_lacks_only_its_ending_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sums.yaml").write_text("")
    assert refused(recipe="sums") == "unknown recipe 'sums'; there is a file sums.yaml here: use sums.yaml"
    assert refused(recipe="./sums") == "no recipe file ./sums; there is a file ./sums.yaml here: use ./sums.yaml"
    assert refused(recipe="tiny.yaml") == "no recipe file tiny.yaml; the one that comes with sirev is called tiny"


def test_the_name_of_a_run_with_another_model_says_which_recipe_it_was() -> None:
    assert "; runs with this name come from: gsm8k --model ORGANISATION/NAME" in refused(recipe="qwen2.5-1.5b-gsm8k")


def test_unknown_names_suggest_the_nearest() -> None:
    assert "did you mean 'tiny'" in refused(recipe="tinny")
    assert "no recipe file ./none.yaml" in refused(recipe="./none.yaml")


@pytest.mark.parametrize(
    ("text", "words"), [("a: [1", "not YAML"), ("- 1\n", "a mapping"), ("", "a mapping"), ("\x00", "not YAML")]
)
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    line = refused(recipe=path)
    assert str(path) in line
    assert words in line


def test_a_folder_or_bytes_are_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"name: \xff\n")
    assert "can't be read" in refused(recipe=path)


def test_settings_are_plain_json_with_defaults_filled_in() -> None:
    settings = load_recipe("tiny").settings()
    assert settings["init_from"] == "previous"
    assert Recipe.model_validate(settings) == load_recipe("tiny")


def test_what_evaluation_leaves_out_is_not_measured_and_the_margins_are_the_usual_ones() -> None:
    evaluation = load_recipe("tiny").evaluation
    assert (evaluation.temperatures, evaluation.embedding) == ([], None)
    verdict = evaluation.verdict
    assert (verdict.margin, verdict.diversity_margin, verdict.new_margin, verdict.diversity_counts) == (0.03, 0.1, 0.05, True)


def test_the_embedding_model_is_a_field_not_a_section_that_its_name_may_stand_for() -> None:
    embedding = load_recipe("tiny", ["evaluation.embedding.model=a/b", "evaluation.embedding.batch_size=8"]).evaluation.embedding
    assert embedding is not None
    assert (embedding.model, embedding.revision, embedding.batch_size) == ("a/b", None, 8)
    other = load_recipe("mistral_gsm8k", ["evaluation.embedding.model=a/b", "evaluation.embedding.revision=null"])
    assert other.evaluation.embedding is not None
    assert (other.evaluation.embedding.model, other.evaluation.embedding.revision) == ("a/b", None)
    assert load_recipe("mistral_gsm8k", ["evaluation.embedding=null"]).evaluation.embedding is None


GRID = [f"{model}_{task}" for model in ("llama2", "mistral", "llama3") for task in TASKS]


def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> Path:
    """A folder of recipes with these files (`a__b` is a/b.yaml), which sirev takes for its own."""
    folder = tmp_path / "recipes"
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr("sirev.recipe.load.recipe_folder", lambda: folder)
    return folder


@pytest.mark.parametrize("name", GRID)
def test_the_grid_is_the_papers(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.T, recipe.methods, recipe.gpu) == (5, ["sft", "dpo", "sft-dpo"], "required")
    assert names(recipe.schedule_of("sft-dpo")) == ["dpo", "sft", "dpo", "sft"]
    assert (recipe.sampling.n, recipe.sampling.temperature, recipe.sampling.top_p) == (50, 0.75, 0.95)
    draws = recipe.evaluation.draws
    assert (draws.n, draws.temperature, draws.top_p) == (64, 0.75, 0.95)
    assert recipe.model.revision
    assert recipe.evaluation.embedding is not None
    assert recipe.evaluation.embedding.model == "sentence-transformers/all-MiniLM-L6-v2"
    assert recipe.evaluation.embedding.revision
    assert recipe.task.name == name.partition("_")[2]


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_shown_of_a_recipe_can_be_read_back(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump(recipe.settings()))
    assert load_recipe(tmp_path / "shown.yaml") == recipe


def test_defaults_lie_below_the_recipe_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = find_recipe("tiny_smoke").read_text()
    folder = parts(
        tmp_path,
        monkeypatch,
        defaults__one="T: 7\nsampling: {n: 21, top_p: 0.5}\n",
        defaults__two="sampling: {n: 22, max_new_tokens: 60, temperature: 0.3}\ntask: {data_seed: 4}\n",
        both="defaults: [one, two]\nsampling: {temperature: 0.4}\n",
    )
    (folder / "defaults" / "base.yaml").write_text(tiny)
    (folder / "both.yaml").write_text("defaults: [base, one, two]\nsampling: {temperature: 0.4}\n")
    recipe = load_recipe("both")
    assert (recipe.name, recipe.T, recipe.task.name) == ("both", 7, "arithmetic")
    assert (recipe.sampling.n, recipe.sampling.top_p) == (22, 0.5)
    assert (recipe.sampling.temperature, recipe.sampling.max_new_tokens) == (0.4, 60)
    origins = [str(folder / "defaults" / f"{name}.yaml") for name in ("base", "one", "two")]
    assert read_recipe("both", ["T=3"]).origins() == [*origins, str(folder / "both.yaml"), "--set T=3"]


def test_overlays_lie_over_the_recipe_in_their_order_and_overrides_over_them(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("T: 7\nsampling: {n: 21, temperature: 0.5}\n")
    two.write_text("sampling: {n: 22, temperature: 0.6}\n")
    recipe = load_recipe("tiny_smoke", ["sampling.temperature=0.7"], [one, str(two)])
    assert (recipe.name, recipe.T, recipe.sampling.n, recipe.sampling.temperature) == ("tiny_smoke", 7, 22, 0.7)
    assert load_recipe("tiny_smoke", [], [two, one]).sampling.n == 21


@pytest.mark.parametrize(("overlay", "fits"), [("24gb", GRID), ("full", GRID), ("dev", [n for n in GRID if "mbpp" not in n])])
def test_every_overlay_fits_the_grid(overlay: str, fits: list[str]) -> None:
    assert set(overlay_names()) == {"24gb", "full", "dev"}
    for name in fits:
        assert load_recipe(name, [], [overlay]) != load_recipe(name)


def test_unknown_defaults_and_overlays_are_one_line(tmp_path: Path) -> None:
    assert refused(recipe=written(tmp_path, defaults=["papr"])) == (
        "unknown name 'papr' in defaults; did you mean 'paper'? (known: csqa, gsm8k, llama2, llama3, math, mbpp, mistral, paper)"
    )
    path = written(tmp_path, defaults="paper")
    assert refused(recipe=path).startswith(f"{path}: defaults: a list of names of files in ")
    for overlay, words in (
        ("24g", "unknown name '24g' in overlays; did you mean '24gb'? (known: 24gb, dev, full)"),
        ("./none.yaml", "no overlays file ./none.yaml"),
    ):
        with pytest.raises(BadInput) as caught:
            load_recipe("tiny", [], [overlay])
        assert str(caught.value) == words


def test_a_model_an_engine_and_a_grader_may_be_written_as_their_name() -> None:
    recipe = load_recipe("mistral_math", ["model=gpt2", "engine=transformers", "evaluation.grader=exact"])
    assert (recipe.model.name, recipe.model.revision) == ("gpt2", None)  # another model has no use for the old revision
    # What goes for any engine stays, what the old one alone read goes.
    assert (recipe.engine.name, recipe.engine.dtype, recipe.engine.context) == ("transformers", "bfloat16", 4096)
    assert load_recipe("mistral_math", ["engine.gpu_memory=0.5", "engine=transformers"]).engine.gpu_memory == 0.9
    assert recipe.evaluation.grader.name == "exact"
    kept = load_recipe("mistral_math", ["model.name=gpt2"])
    assert kept.model.revision == load_recipe("mistral_math").model.revision


def test_another_grader_takes_no_limit_of_the_old_one() -> None:
    assert load_recipe("mistral_math", ["training.grader.seconds=3"]).training.grader.seconds == 3
    assert load_recipe("mistral_math", ["training.grader.seconds=3", "training.grader=exact"]).training.grader.seconds == 10


def test_paths_in_a_file_start_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "own.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "defaults": ["paper", "gsm8k"],
                "model": "./model",
                "task": {"data": {"path": "../data", "train": "./train.jsonl", "test": "test.jsonl"}},
            }
        )
    )
    monkeypatch.chdir("/")
    recipe = load_recipe(path, ["evaluation.ood.math_algebra.task.data.path=./here"])
    assert recipe.model.name == str(tmp_path / "mine" / "model")
    assert isinstance(recipe.task, Gsm8k)
    data = recipe.task.data
    assert (data.path, data.train, data.test) == (str(tmp_path / "data"), str(tmp_path / "mine" / "train.jsonl"), "test.jsonl")
    suite = recipe.evaluation.ood["math_algebra"]
    assert isinstance(suite, TaskSuite)
    assert suite.task.data.path == "./here"  # of the command line, and so from the current folder


@pytest.mark.parametrize(
    ("recipe", "grader"), [("tiny_smoke", "final_number"), ("mistral_gsm8k", "gsm8k_strict"), ("mistral_math", "math")]
)
def test_a_task_has_a_grader_unless_the_recipe_names_one(recipe: str, grader: str, tmp_path: Path) -> None:
    data = load_recipe(recipe).settings()
    for part in ("training", "evaluation"):
        del data[part]["grader"]
    loaded = load_recipe(written_from(tmp_path, data))
    assert loaded.training.grader.name == loaded.evaluation.grader.name == grader


def test_mbpp_has_no_grader_unless_one_is_named(tmp_path: Path) -> None:
    data = load_recipe("mistral_mbpp").settings()
    del data["training"]["grader"]
    path = written_from(tmp_path, data)
    assert refused(recipe=path) == f"{path}: training.grader: missing, and required"


def written_from(tmp_path: Path, data: dict[str, object]) -> Path:
    path = tmp_path / "shown.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


SUITE = "{task: {name: gsm8k, data: {path: x}}, grader: gsm8k_strict}"


@pytest.mark.parametrize(
    ("recipe", "overrides", "line"),
    [
        ("mistral_gsm8k", ["engine=tgi"], "engine.name: 'tgi' is not allowed: input should be 'transformers', 'vllm' or "
         "'server'"),
        ("mistral_gsm8k", ["training.grader=mbpp"], "training.grader.name: mbpp: it runs "
         "programs, which the task gsm8k does not ask for"),
        ("mistral_mbpp", ["evaluation.grader=math"], "evaluation.grader.name: math: the task mbpp is graded "
         "only by mbpp"),
        ("mistral_gsm8k", ["evaluation.ood.math_algebra.grader=mbpp"],
         "evaluation.ood.math_algebra.grader.name: mbpp: it runs programs, which the task math does not ask "
         "for"),
        ("mistral_gsm8k", ["task.subjects=[Algebra]"], "task has no field 'subjects' (known: name, limit, dev, data, "
         "calculator)"),
        ("mistral_gsm8k", ["task.data.pth=x"], "task.data has no field 'pth'; did you mean 'path'? (known: hub, config, "
         "revision, path, train, test)"),
        ("mistral_gsm8k", ["evaluation.ood.more={levels: [1], problems: 3}"], "evaluation.ood.more: {levels, problems}: a suite "
         "alongside the task gsm8k has task and grader"),
        ("tiny", [f"evaluation.ood.more={SUITE}"], "evaluation.ood.more: {task, grader}: a suite alongside the task arithmetic "
         "has levels and problems"),
        ("mistral_gsm8k", ["evaluation.ood.math_algebr=null"], "there is no suite 'math_algebr' to remove; did you mean "
         "'math_algebra'? (known: math_algebra)"),
        ("mistral_mbpp", ["task={name: humaneval, data: {path: x}}"], "task.name: humaneval: it has no problems to train on; it "
         "can be a suite alongside another task (evaluation.ood)"),
        ("tiny", ["evaluation.ood.longer={draws: null, draws_at: every}"], "evaluation.ood.longer.draws_at: every: read only "
         "with draws, the number of answers to a problem"),
        ("mistral_csqa", ["task.explanations.path=x"], "task.explanations: {path}: read only with rationales: ecqa"),
        ("mistral_csqa", ["task.rationales=none", "task.bootstrap=9"], "task.bootstrap: 9: read only with rationales: self"),
        ("mistral_gsm8k", ["engine=server"], "engine.url: missing: where is the server, such as http://localhost:8000/v1?"),
        ("mistral_gsm8k", ["engine.url=http://x"], "engine.url: http://x: read only with engine.name: server"),
        ("mistral_gsm8k", ["engine=transformers", "engine.gpu_memory=0.5"], "engine.gpu_memory: 0.5: read only with engine.name: "
         "vllm"),
        ("mistral_gsm8k", ["training.lora.r=1024"], "training.lora.r: 1024: vLLM serves ranks up to 512"),
        ("mistral_gsm8k", ["evaluation.split=dev"], "evaluation.split: dev: needs task.dev, the number of problems to keep out "
         "of the training split"),
        ("mistral_mbpp", ["task.dev=5"], "task.dev: 5: MBPP has a validation split of its own; evaluation.split: dev uses it"),
        ("tiny", ["evaluation.temperatures=[1.0, 0.75]"], "evaluation.temperatures: [1.0, 0.75]: the draws' own temperature is "
         "measured anyway; name others"),
        ("tiny", ["evaluation.temperatures=[1.0, 1]"], "evaluation.temperatures: [1.0, 1]: a temperature is named twice"),
        ("tiny", ["evaluation.temperatures=[0.5, 0]"], "evaluation.temperatures.1: 0 is not allowed: input should be greater "
         "than 0"),
        ("tiny", [f"name={'a' * 121}"], f"name: '{'a' * 121}' is not allowed: string should have at most 120 characters"),
        ("tiny", ["evaluation.verdict.margin=3"], "evaluation.verdict.margin: 3 is not allowed: input should be less than or "
         "equal to 1"),
        ("tiny", ["evaluation.verdict.margins=0.1"], "evaluation.verdict has no field 'margins'; did you mean 'margin'? (known: "
         "margin, diversity_margin, new_margin, diversity_counts)"),
        ("tiny", ["evaluation.embedding.revision=main"], "evaluation.embedding.model: missing, and required"),
        ("mistral_gsm8k", ["engine.context=512"], "engine.context: 512: leaves no room for a prompt next to 512 new tokens"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line_that_names_the_last_override(recipe: str, overrides: list[str], line: str) -> None:
    assert refused(*overrides, recipe=recipe) == f"--set {overrides[-1]}: {line}"


def test_a_grader_of_the_users_own_is_named_by_its_function(tmp_path: Path) -> None:
    path = written(tmp_path, evaluation={"grader": "./judge.py:close", "draws": {"n": 4, "max_new_tokens": 8}})
    assert load_recipe(path).evaluation.grader == OwnGrader(name="python", function=f"{tmp_path / 'judge.py'}:close")
    recipe = load_recipe("mistral_gsm8k", ["training.grader=mine.judges:close", "training.grader.seconds=3"])
    assert recipe.training.grader == OwnGrader(name="python", function="mine.judges:close", seconds=3)
    assert refused("evaluation.grader=judge.py:close", recipe="mistral_mbpp") == (
        "--set evaluation.grader=judge.py:close: evaluation.grader.name: python: the task mbpp is graded only by mbpp"
    )
    assert refused("evaluation.grader=python", recipe="mistral_gsm8k").endswith(
        "evaluation.grader.function: missing, and required"
    )


def test_a_bad_value_is_blamed_on_the_file_that_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = recipe_folder()
    line = refused("task.name=gsmk", recipe="mistral_gsm8k")
    assert line == (
        f"--set task.name=gsmk: task.name: unknown name 'gsmk'; did you mean 'gsm8k'? (known: {', '.join(registry.TASKS)})"
    )
    assert refused("task.rationales=ecqa", recipe="mistral_csqa") == (
        f"{folder}/defaults/csqa.yaml: task: {{name, rationales, bootstrap, data}} is not allowed: "
        "rationales: ecqa needs `explanations`, where ECQA's rows are"
    )
    overlay = tmp_path / "over.yaml"
    overlay.write_text("training: {sft: {epochs: 0}}\n")
    with pytest.raises(BadInput) as caught:
        load_recipe("mistral_gsm8k", [], [overlay])
    assert str(caught.value) == f"{overlay}: training.sft.epochs: 0 is not allowed: input should be greater than or equal to 1"
    overlay.write_text("defaults: [paper]\n")
    with pytest.raises(BadInput, match=f"^{overlay}: defaults: no such field "):
        load_recipe("mistral_gsm8k", [], [overlay])
    made = parts(tmp_path, monkeypatch, defaults__bad="T: 1\n", recipe="defaults: [bad]\n")
    tiny = yaml.safe_load((folder / "tiny_smoke.yaml").read_text())
    del tiny["T"]
    (made / "recipe.yaml").write_text(yaml.safe_dump({"defaults": ["bad"], **tiny}))
    assert refused(recipe="recipe").startswith(f"{made / 'defaults' / 'bad.yaml'}: T: 1 is not allowed")


def test_a_misspelt_field_of_a_task_lists_the_fields_of_that_task(tmp_path: Path) -> None:
    data = load_recipe("mistral_math").settings()
    data["task"]["calculator"] = True
    path = written_from(tmp_path, data)
    line = refused(recipe=path)
    assert line == f"{path}: task.calculator: no such field (known: name, limit, dev, data, subjects, levels)"


def test_ecqa_explanations_and_the_letter_alone_need_no_more_than_their_own_settings() -> None:
    assert load_recipe("mistral_csqa", ["task.rationales=ecqa", "task.explanations.path=ecqa.jsonl"]).task.name == "csqa"
    assert load_recipe("mistral_csqa", ["task.rationales=none"]).task.name == "csqa"


def test_keys_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    for text in ("1: 2\n", "on: 3\n", "task: {1: 2}\n"):
        path = tmp_path / "odd.yaml"
        path.write_text(find_recipe("tiny_smoke").read_text().replace("task:", "tsk:") + text)
        assert str(path) in refused(recipe=path)


@pytest.mark.parametrize("recipe", ["gsm8k", "math", "mbpp", "csqa"])
def test_every_task_of_the_papers_grid_has_a_suite_at_a_pinned_revision(recipe: str) -> None:
    suites = load_recipe(recipe, model="some/model").evaluation.ood
    for suite in suites.values():
        assert isinstance(suite, TaskSuite)
        assert re.fullmatch("[0-9a-f]{40}", suite.task.sources()["data"].revision or "")
        # Guessed letters reach nearly all in many draws.
        assert (suite.draws is None) == (suite.grader.name == "letter")
    assert suites


@pytest.mark.parametrize("setting", ["evaluation.ood.math_algebra=null", "evaluation.ood=null", "evaluation.ood={}"])
def test_suites_can_be_removed(setting: str) -> None:
    assert list(load_recipe("mistral_gsm8k").evaluation.ood) == ["math_algebra"]
    assert load_recipe("mistral_gsm8k", [setting]).evaluation.ood == {}


@pytest.mark.parametrize("ood", ["{}", "null", "{math_algebra: null}"])
def test_an_overlay_can_remove_suites(tmp_path: Path, ood: str) -> None:
    (tmp_path / "without.yaml").write_text(f"evaluation: {{ood: {ood}}}\n")
    recipe = load_recipe("mistral_gsm8k", overlays=[tmp_path / "without.yaml"])
    assert recipe.evaluation.ood == {}


def test_a_removed_suite_makes_room_for_another() -> None:
    recipe = load_recipe("tiny", ["evaluation.ood=null", "evaluation.ood.more={levels: [1], problems: 3}"])
    assert list(recipe.evaluation.ood) == ["more"]


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
"""Nine lines that stand for a billion values."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "line 5: more than 100,000 values, its aliases written out"),
        ("a: &a\n  b: *a\n", "line 2: the alias *a refers to itself"),
        ("a: &a [1, [*a]]\n", "line 1: the alias *a refers to itself"),
        ("a: " + "[" * 200 + "]" * 200, "line 1: nested more than 100 levels deep"),
        ("\n".join("  " * i + "a:" for i in range(300)), "line 101: nested more than 100 levels deep"),
        ("a: " + "[" * 5000, "not YAML: while increasing flow level exceeded maximum nesting depth"),
        ("a: 2026-13-45\n", "not YAML: month must be in 1..12"),
        ("a: " + "1" * 5000, "not YAML: Exceeds the limit"),
    ],
)
def test_yaml_that_is_more_than_it_looks_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    assert refused(recipe=path).startswith(f"{path}: {told}")


def test_an_override_that_is_more_than_it_looks_is_refused() -> None:
    bomb = ", ".join(["&a0 [x]", *(f"&a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))])
    assert refused(f"methods=[{bomb}]") == "--set methods: line 1: more than 100,000 values, its aliases written out"
    assert refused("methods=&a [*a]") == "--set methods: line 1: the alias *a refers to itself"
    assert refused(f"methods={'[' * 200}") == "--set methods: line 1: nested more than 100 levels deep"
    assert refused("description=2026-13-45") == "--set description=2026-13-45: '2026-13-45' is not a YAML value"


def test_an_alias_that_stands_for_a_few_settings_is_one_way_to_write_a_recipe(tmp_path: Path) -> None:
    text = find_recipe("tiny_smoke").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(f"{text}\nmethods: &all [sft, dpo]\nschedule: null\n")
    assert load_recipe(path).methods == ["sft", "dpo"]
    data = yaml.safe_load(text)
    data["evaluation"]["grader"] = data["training"]["grader"] = {"name": "final_number"}
    path.write_text(yaml.safe_dump(data))
    assert "&id001" in path.read_text()
    assert load_recipe(path).evaluation.grader.name == "final_number"


def test_a_byte_order_mark_is_skipped_and_utf_16_named(tmp_path: Path) -> None:
    text = find_recipe("tiny_smoke").read_text()
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_recipe(path) == load_recipe(written(tmp_path))
    path.write_bytes(text.encode("utf-16"))
    assert refused(recipe=path) == f"{path}: UTF-16, where UTF-8 is expected; convert it with: iconv -f UTF-16 -t UTF-8"


def test_a_pipe_is_no_recipe_and_no_overlay(tmp_path: Path) -> None:
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    told = f"{path}: is a pipe, where a file is expected; it would have to be read twice: write it to a file first"
    assert refused(recipe=path) == told
    with pytest.raises(BadInput) as caught:
        load_recipe("tiny", overlays=[path])
    assert str(caught.value) == told
