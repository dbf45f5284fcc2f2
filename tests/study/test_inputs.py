from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import sirev
from sirev.errors import BadInput
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner, StepContext
from sirev.machine import availability
from sirev.recipe import Recipe, load_recipe
from sirev.stages import model
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.steps import Steps
from tests.base_model import save_base_model
from tests.conftest import Command, tree
from tests.hub_cache import COMMIT, HubCache

TRAIN = [{"question": f"What is {i}+{i}?", "answer": f"It is <<{i}+{i}={2 * i}>>{2 * i}.\n#### {2 * i}"} for i in range(1, 21)]
TEST = [{"question": f"What is {i}+1?", "answer": f"It is {i + 1}.\n#### {i + 1}"} for i in range(1, 6)]
LETTERS = "ABCDE"
QUESTIONS = [
    {
        "id": f"q{i}",
        "answerKey": LETTERS[i % 5],
        "question": {"stem": f"Which is {i}?", "choices": [{"label": x, "text": f"{x}{i}"} for x in LETTERS]},
    }
    for i in range(6)
]
PROGRAMS = [
    {"task_id": i, "text": f"Add {i}.", "code": f"def f(x):\n    return x + {i}", "test_list": [f"assert f(0) == {i}"]}
    for i in (11, 12, 511, 601, 602, 603)
]
RIDDLES = """
class Riddles:
    def __init__(self, n=3):
        self.n = n

    def problems(self, split):
        for i in range(self.n):
            yield {"id": f"{split}-{i}", "prompt": f"{i}?\\n", "target": str(i), "answer": str(i)}
"""


def put(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def gsm8k(*overrides: str, data: Path | None = None) -> Recipe:
    return load_recipe("smollm2_gsm8k", [*([f"task.data.path={data}"] if data else []), *overrides])


def own(tmp_path: Path, task: Mapping[str, Any], **more: Any) -> Recipe:
    """A recipe with a task that is not GSM8K."""
    path = tmp_path / "own.yaml"
    settings = {"defaults": ["paper"], "model": "some/model", "sampling": {"max_new_tokens": 9}, "task": task}
    settings |= {"training": {"grader": "exact"}, "evaluation": {"grader": "exact", "draws": {"max_new_tokens": 9}}}
    path.write_text(yaml.safe_dump(settings | more))
    return load_recipe(path)


class Study:
    """The steps of one run through a real store, each problem set as its rows."""

    def __init__(self, recipe: Recipe, store: Path) -> None:
        self.store = Store(store)
        self.recipe = recipe

    def problems(self, split: str = "train") -> Artifact:
        found, self.computed = self._do(lambda steps: steps.problems(split))
        return found

    def base_model(self) -> Artifact:
        found, self.computed = self._do(lambda steps: steps.base_model().weights)
        return found

    def rows(self, split: str = "train") -> list[dict[str, Any]]:
        return self.problems(split).rows("problems")

    def local_model(self, artifact: Artifact, scratch: Path) -> Path:
        """Where a stage would find a local base model."""
        context = StepContext(self._runner(Crew("test", embedded=False)), "train:1", scratch, model.STAGE, "0" * 64)
        place = model.model_source("init", {"init": artifact}, context).path
        assert isinstance(place, Path)
        return place

    def _runner(self, crew: Crew) -> Runner:
        return Runner(self.store, Run("run", "recipe", "sft", 0, 1, self.recipe.settings(), "test"), crew, Listener())

    def _do(self, step: Any) -> tuple[Artifact, list[str]]:
        crew = Crew("test", embedded=False)
        runner = self._runner(crew)
        try:
            with crew.turn:
                return step(Steps(self.recipe, 0, runner, LocalFiles(self.store.objects))), runner.computed
        finally:
            crew.close()


def refused(study: Study, split: str = "train") -> str:
    with pytest.raises(BadInput) as caught:
        study.problems(split)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_same_rows_are_the_same_problems_wherever_they_come_from(tmp_path: Path, hub: HubCache) -> None:
    plain, packed = put(tmp_path / "a" / "train.jsonl", TRAIN), put(tmp_path / "b" / "train.jsonl.gz", TRAIN[::-1])
    hub.dataset("openai/gsm8k", {"train": TRAIN, "test": TEST})
    put(plain.with_name("test.jsonl"), TEST)
    store = tmp_path / "store"
    local = Study(gsm8k(data=plain.parent), store)
    zipped = Study(gsm8k(data=packed.parent), store)
    named = Study(gsm8k(f"task.data.train={plain}"), store)
    cached = Study(gsm8k(f"task.data.revision={COMMIT}"), store)
    digests = {study.problems().semantic for study in (local, zipped, named, cached)}
    assert len(digests) == 1
    assert local.problems("test").semantic == cached.problems("test").semantic != digests.pop()
    assert len(local.rows()) == 20
    assert {row["answer"] for row in local.rows("test")} == {str(i) for i in range(2, 7)}


def test_a_replay_needs_no_data_any_more_and_writes_nothing(tmp_path: Path, hub: HubCache) -> None:
    file = put(tmp_path / "data" / "train.jsonl", TRAIN)
    study = Study(gsm8k(data=file.parent), tmp_path / "store")
    first = study.problems()
    assert study.computed == ["dataset/train"]
    file.unlink()
    file.parent.rmdir()
    before = tree(tmp_path / "store" / "records")
    assert study.problems().digest == first.digest
    assert study.computed == []
    assert tree(tmp_path / "store" / "records") == before


def test_changed_data_are_other_problems(tmp_path: Path) -> None:
    file = put(tmp_path / "train.jsonl", TRAIN)
    study = Study(gsm8k(data=tmp_path), tmp_path / "store")
    first = study.problems()
    put(file, TRAIN[1:])
    assert study.problems().semantic != first.semantic
    put(file, TRAIN)
    assert study.problems().digest == first.digest
    assert study.computed == []


def test_a_key_holds_no_path(tmp_path: Path) -> None:
    put(tmp_path / "data" / "train.jsonl", TRAIN)
    (tmp_path / "riddles.py").write_text(RIDDLES)
    store = tmp_path / "store"
    Study(gsm8k(data=tmp_path / "data"), store).problems()
    Study(own(tmp_path, {"name": "python", "class": "./riddles.py:Riddles"}), store).problems()
    records = list(Store(store).records.all())
    assert len(records) == 2
    assert not [record for record in records if str(tmp_path) in json.dumps(record.action)]


def test_a_limit_and_a_dev_split_are_parts_of_what_there_is(tmp_path: Path) -> None:
    put(tmp_path / "train.jsonl", TRAIN)
    put(tmp_path / "test.jsonl", TEST)

    def ids(split: str, *overrides: str) -> set[str]:
        return {row["id"] for row in Study(gsm8k(*overrides, data=tmp_path), tmp_path / "store").rows(split)}

    everything = ids("train")
    held = ["task.dev=5", "evaluation.split=dev"]
    assert (len(ids("train", *held)), len(ids("dev", *held))) == (15, 5)
    assert ids("train", *held) | ids("dev", *held) == everything
    assert not ids("train", *held) & ids("dev", *held)
    assert len(ids("train", *held, "task.limit.train=4")) == 4
    assert ids("train", *held, "task.limit.train=4") < ids("train", *held)
    assert ids("dev", *held, "task.limit.train=4") == ids("dev", *held)
    assert ids("train", "task.limit.train=4") < ids("train", "task.limit.train=9") < everything
    assert ids("train", "task.limit.train=4") != ids("train", "task.limit.train=4", "task.limit.seed=1")
    assert len(ids("test", "task.limit.test=2")) == 2
    assert ids("test", "task.limit.train=4") == ids("test")


def test_more_problems_than_there_are_is_one_line(tmp_path: Path) -> None:
    put(tmp_path / "train.jsonl", TRAIN)
    assert refused(Study(gsm8k("task.limit.train=21", data=tmp_path), tmp_path / "store")) == (
        "21 problems were asked for, and only 20 are there"
    )
    dev = gsm8k("task.dev=20", "evaluation.split=dev", data=tmp_path)
    assert refused(Study(dev, tmp_path / "store")) == "a dev split of 20 leaves nothing of the 20 problems to train on"


def test_a_suite_has_another_tasks_problems_in_the_words_of_the_trained_task(tmp_path: Path) -> None:
    rows = [
        {"problem": "What is 1+1?", "solution": "It is $\\boxed{2}$.", "level": "Level 1", "type": kind}
        for kind in ("Algebra", "Geometry")
    ]
    put(tmp_path / "math" / "test.jsonl", rows)
    put(tmp_path / "train.jsonl", TRAIN)
    recipe = gsm8k(f"evaluation.ood.math_algebra.task.data.path={tmp_path / 'math'}", data=tmp_path)
    study = Study(recipe, tmp_path / "store")
    (found,) = study.rows("ood/math_algebra")
    assert found["answer"] == "2"
    assert found["prompt"].splitlines()[0] == study.rows()[0]["prompt"].splitlines()[0]


@pytest.mark.parametrize("rationales", ["none", "self"])
def test_commonsense_questions_without_given_rationales(tmp_path: Path, rationales: str) -> None:
    put(tmp_path / "train.jsonl", QUESTIONS)
    recipe = load_recipe("mistral_csqa", [f"task.rationales={rationales}", f"task.data.path={tmp_path}"])
    study = Study(recipe, tmp_path / "store")
    assert [row["target"] for row in study.rows()] == ([q["answerKey"] for q in QUESTIONS] if rationales == "none" else [""] * 6)
    few_shot = study.rows("train/few-shot")
    assert [row["id"] for row in few_shot] == [row["id"] for row in study.rows()]
    assert few_shot[0]["prompt"] != study.rows()[0]["prompt"]


def test_commonsense_questions_with_ecqas_explanations(tmp_path: Path) -> None:
    put(tmp_path / "train.jsonl", QUESTIONS)
    ecqa = put(tmp_path / "ecqa.jsonl", [{"id": "q1", "explanation": "Because."}, {"id": "q4", "explanation": "So."}])
    overrides = ["task.rationales=ecqa", f"task.data.path={tmp_path}", f"task.explanations.path={ecqa}"]
    study = Study(load_recipe("mistral_csqa", overrides), tmp_path / "store")
    assert {row["id"]: row["target"] for row in study.rows()} == {"q1": "Because.\nAnswer: B", "q4": "So.\nAnswer: E"}
    first = study.problems().semantic
    put(ecqa, [{"id": "q1", "explanation": "Otherwise."}])
    assert study.problems().semantic != first


def test_mbpp_has_all_its_splits_in_one_file(tmp_path: Path) -> None:
    file = put(tmp_path / "mbpp.jsonl", PROGRAMS)
    study = Study(load_recipe("mistral_mbpp", [f"task.data.path={file}", "evaluation.split=dev"]), tmp_path / "store")
    found = {split: [row["id"] for row in study.rows(split)] for split in ("train", "test", "dev")}
    assert found == {
        "train": ["mbpp-0601", "mbpp-0602", "mbpp-0603"],
        "test": ["mbpp-0011", "mbpp-0012"],
        "dev": ["mbpp-0511"],
    }


def test_mbpp_from_the_hub_has_its_dev_split_under_another_name(tmp_path: Path, hub: HubCache) -> None:
    rows = {"train": PROGRAMS[3:], "test": PROGRAMS[:2], "validation": PROGRAMS[2:3]}
    hub.dataset("google-research-datasets/mbpp", rows, config="full")
    recipe = load_recipe("mistral_mbpp", [f"task.data.revision={COMMIT}", "evaluation.split=dev"])
    assert [row["id"] for row in Study(recipe, tmp_path / "store").rows("dev")] == ["mbpp-0511"]


def test_an_own_task_as_rows(tmp_path: Path) -> None:
    put(tmp_path / "data" / "train.jsonl", [{"id": "a", "question": "2+2?", "answer": "4", "solution": "two and two"}])
    task = {"name": "jsonl", "data": {"path": "./data"}, "prompt": "Q: {question}\n", "target": "{solution}: {answer}"}
    (row,) = Study(own(tmp_path, task), tmp_path / "store").rows()
    assert row == {"id": "a", "prompt": "Q: 2+2?\n", "target": "two and two: 4", "answer": "4", "level": ""}


def test_an_own_class_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "riddles.py"
    file.write_text(RIDDLES)
    store = tmp_path / "store"
    study = Study(own(tmp_path, {"name": "python", "class": "./riddles.py:Riddles"}), store)
    first = study.problems()
    assert [row["id"] for row in study.rows()] == ["train-0", "train-1", "train-2"]
    more = Study(own(tmp_path, {"name": "python", "class": "./riddles.py:Riddles", "options": {"n": 5}}), store)
    assert len(more.rows("test")) == 5
    file.unlink()
    assert study.problems().digest == first.digest
    assert "is neither a file nor an importable module" in refused(
        Study(own(tmp_path, {"name": "python", "class": "./other.py:Riddles"}), store)
    )


@pytest.mark.parametrize("module", ["riddles", "package.riddles", "package"])
def test_an_own_class_in_a_module_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])  # a copy, without the current folder
    (tmp_path / "package").mkdir()
    for file in ("riddles.py", "package/riddles.py", "package/__init__.py"):
        (tmp_path / file).write_text(RIDDLES)
    study = Study(own(tmp_path, {"name": "python", "class": f"{module}:Riddles"}), tmp_path / "store")
    first = study.problems()
    assert len(first.rows("problems")) == 3
    for file in ("riddles.py", "package/riddles.py", "package/__init__.py"):
        (tmp_path / file).write_text(RIDDLES.replace("n=3", "n=4"))
    assert len(study.rows()) == 4
    for file in ("riddles.py", "package/riddles.py", "package/__init__.py"):
        (tmp_path / file).unlink()
    assert len(study.rows()) == 4
    assert study.computed == []


@pytest.mark.parametrize("name", ["Riddles", "no_such_package.riddles:Riddles", "no_such_module:Riddles", ":Riddles"])
def test_a_class_that_is_nowhere_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(Study(own(tmp_path, {"name": "python", "class": name}), tmp_path / "store"))
    assert line == f"task.class: {name!r} is neither a file nor an importable module, followed by :CLASS"


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert refused(Study(gsm8k(data=tmp_path), tmp_path / "store")) == f"task.data: there is no file {tmp_path / 'train.jsonl'}"
    only = gsm8k(f"task.data.train={put(tmp_path / 'mine.jsonl', TRAIN)}")
    assert refused(Study(only, tmp_path / "store"), "test") == (
        "task.data: no file for the split test (name it: task.data.test, or a folder: task.data.path)"
    )


def test_one_file_for_both_splits_is_refused(tmp_path: Path) -> None:
    file = put(tmp_path / "train.jsonl", TRAIN)
    for split in ("train", "test"):
        line = refused(Study(gsm8k(data=file), tmp_path / "store"), split)
        assert line == f"task.data.path: {file} is one file; gsm8k needs a folder with train.jsonl and test.jsonl"
    twice = gsm8k(f"task.data.train={file}", f"task.data.test={file}")
    assert refused(Study(twice, tmp_path / "store")) == f"task.data: train and test are the same file, {file}"
    (finding,) = [one for one in availability.data(gsm8k(data=file)) if one.what == "data"]
    assert finding.missing
    assert "is one file; gsm8k needs a folder" in finding.found


def test_a_test_set_with_the_content_of_the_training_set_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "train.jsonl", TRAIN)
    put(tmp_path / "test.jsonl", TRAIN)
    assert "have the same content; the test set must not be" in refused(Study(gsm8k(data=tmp_path), tmp_path / "store"), "test")


def test_one_file_does_where_its_test_problems_are_not_read(tmp_path: Path) -> None:
    file = put(tmp_path / "train.jsonl", TRAIN)
    study = Study(gsm8k("task.dev=5", "evaluation.split=dev", data=file), tmp_path / "store")
    assert (len(study.rows("train")), len(study.rows("dev"))) == (15, 5)


def test_a_broken_row_ends_the_command_with_its_file_and_line(command: Command, tmp_path: Path) -> None:
    put(tmp_path / "data" / "train.jsonl", [*TRAIN[:2], {"question": "q", "answer": "5"}])
    put(tmp_path / "data" / "test.jsonl", TEST)
    save_base_model(tmp_path / "model")
    arguments = ["--set", f"task.data.path={tmp_path / 'data'}", "--set", f"model={tmp_path / 'model'}"]
    arguments += ["--set", "engine=transformers", "--set", "evaluation.embedding=null"]
    put(
        tmp_path / "ood" / "test.jsonl", [{"problem": "1 + 1", "level": "Level 1", "type": "Algebra", "solution": "$\\boxed{2}$"}]
    )
    arguments += ["--set", f"evaluation.ood.math_algebra.task.data.path={tmp_path / 'ood'}"]
    done = command("iterate", "--recipe", "smollm2_gsm8k", *arguments, "--store", tmp_path / "store")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sirev:")]
    assert line == (
        f'sirev: error: {tmp_path / "data" / "train.jsonl"}:3: field "answer" must end in a line "#### N", found \'5\''
    )


def test_data_that_are_missing_for_the_last_evaluation_are_missed_before_anything_is_trained(
    command: Command, tmp_path: Path
) -> None:
    put(tmp_path / "train.jsonl", TRAIN)
    put(tmp_path / "test.jsonl", TEST)
    save_base_model(tmp_path / "model")
    arguments = ["--set", f"task.data.path={tmp_path}", "--set", f"model={tmp_path / 'model'}"]
    arguments += ["--set", "evaluation.ood.math_algebra.task.data.path=./none"]
    arguments += ["--set", "engine=transformers", "--set", "evaluation.embedding=null"]
    done = command("iterate", "--recipe", "smollm2_gsm8k", *arguments, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "sirev: error: evaluation.ood.math_algebra.task.data: there is no file none/test.jsonl"
    assert {record.action["stage"] for record in Store(tmp_path / "store").records.all()} <= {"dataset"}


def with_model(name: object, *overrides: str) -> Recipe:
    return load_recipe("smollm2_gsm8k", [f"model={name}", *overrides])


def test_a_local_model_is_known_by_what_it_holds(tmp_path: Path) -> None:
    save_base_model(tmp_path / "one")
    save_base_model(tmp_path / "two", seed=1)
    store = tmp_path / "store"
    one = Study(with_model(tmp_path / "one"), store)
    first = one.base_model()
    assert one.local_model(first, tmp_path) == tmp_path / "one"
    assert str(tmp_path) not in json.dumps(first.json(model.REFERENCE))
    assert Study(with_model(tmp_path / "two"), store).base_model().semantic != first.semantic
    (tmp_path / "one").rename(tmp_path / "moved")
    moved = Study(with_model(tmp_path / "moved"), store)
    assert moved.base_model().digest == first.digest
    assert moved.computed == []
    assert moved.local_model(first, tmp_path) == tmp_path / "moved"


def test_a_replay_needs_no_local_model_any_more_but_work_does(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_base_model(folder)
    study = Study(with_model(folder), tmp_path / "store")
    first = study.base_model()
    folder.rename(tmp_path / "elsewhere")
    assert study.base_model().digest == first.digest
    assert study.computed == []
    with pytest.raises(BadInput) as caught:
        study.local_model(first, tmp_path)
    digest = first.json(model.REFERENCE)["digest"]
    assert str(caught.value) == f"the base model {digest[:12]} is no longer here, or has changed; it was {folder}"


def test_a_local_model_that_changed_is_another_and_the_old_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_base_model(folder)
    study = Study(with_model(folder), tmp_path / "store")
    first = study.base_model()
    save_base_model(folder, seed=1)
    with pytest.raises(BadInput, match="is no longer here, or has changed"):
        study.local_model(first, tmp_path)
    second = study.base_model()
    assert second.semantic != first.semantic
    assert study.local_model(second, tmp_path) == folder
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="is no longer here, or has changed"):
        study.local_model(second, tmp_path)


@pytest.mark.parametrize(
    ("name", "overrides", "words"),
    [
        ("./none", [], "model.name: there is no folder ./none"),
        ("~nobody-of-that-name/x", [], "model.name: there is no folder ~nobody-of-that-name/x"),
        ("./model", ["model.revision=main"], "model.revision: ./model is a local folder, which has none"),
        ("./empty", [], "model: empty holds no model: there is no config.json"),
    ],
)
def test_a_local_model_that_can_not_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, overrides: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save_base_model(tmp_path / "model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput) as caught:
        Study(with_model(name, *overrides), tmp_path / "store").base_model()
    assert str(caught.value) == words


def test_a_cached_model_is_known_by_its_commit(tmp_path: Path, hub: HubCache) -> None:
    save_base_model(tmp_path / "model")
    hub.model("some/model", tmp_path / "model")
    store = tmp_path / "store"
    latest = Study(with_model("some/model"), store).base_model()
    assert latest.json(model.REFERENCE) == {"hub": "some/model", "commit": COMMIT}
    assert Study(with_model("some/model", f"model.revision={COMMIT}"), store).base_model().digest == latest.digest
    with pytest.raises(BadInput, match=r"^model: some/other is not on this machine, and the Hub can't be reached \("):
        Study(with_model("some/other"), store).base_model()


@pytest.mark.slow
def test_a_local_model_learns_a_task_of_the_users_own_and_is_named_when_it_is_gone(tmp_path: Path) -> None:
    put(tmp_path / "train.jsonl", [{"question": f"{i}?", "answer": str(i)} for i in range(4)])
    put(tmp_path / "test.jsonl", [{"question": f"{i}?", "answer": str(i)} for i in range(4, 6)])
    (tmp_path / "judge.py").write_text("def same(completion, answer):\n    return completion.strip() == answer\n")
    save_base_model(tmp_path / "model")
    recipe = own(
        tmp_path,
        {"name": "jsonl", "data": {"path": "./"}},
        model="./model",
        gpu="optional",
        engine="transformers",
        methods=["sft"],
        T=2,
        schedule=None,
        sampling={"n": 2, "max_new_tokens": 4},
        training={"grader": "./judge.py:same", "parameters": "full", "lora": None, "dtype": "float32", "dpo": None},
        evaluation={"grader": "exact", "draws": {"n": 2, "max_new_tokens": 4}, "embedding": None},
    )
    (result,) = sirev.iterate(recipe, store=tmp_path / "store")
    assert "train:1" in result.computed
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    (tmp_path / "judge.py").unlink()
    (replay,) = sirev.iterate(recipe, store=tmp_path / "store")
    assert replay.computed == ()
    with pytest.raises(BadInput, match="is no longer here, or has changed; it was "):
        sirev.iterate(recipe, store=tmp_path / "store", redo=["train:1"])
