"""Publication on a Hub of the tests, by `huggingface_hub` as it is."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard, ModelCard

import sirev
from sirev.errors import BadInput, SirevError
from sirev.explain.history import keys_of
from sirev.reporting.headline import as_text, study_screen
from sirev.reporting.papers.spent import hours_in_words
from sirev.stages.model import REFERENCE
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Pin
from sirev.store.store import Store
from sirev.trainers.base_models import local_files
from tests.conftest import Command, Study, common_folder, tree
from tests.hub_server import HubRepository, HubServer

MODEL, DATA = "models/team/model", "datasets/team/model"


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def published(smoke: Study, hub_server: HubServer) -> HubRepository:
    """The repository of M_2 of the run with DPO."""
    sirev.publish(f"{smoke.of('dpo').id}:2", "team/model", store=smoke.store)
    return hub_server.repositories[MODEL]


@pytest.fixture(scope="session")
def adapted(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    """A store with a run whose M_t are adapters on an M_0 that it pretrained, and the run's id."""
    with common_folder(tmp_path_factory, "adapted") as common:
        if not (common / "id").exists():
            shutil.copytree(smoke.store.path, common / "store", dirs_exist_ok=True)
            (run,) = sirev.iterate(
                "tiny_smoke", methods="sft", overrides={"T": 2, "training.parameters": "lora"}, store=common / "store"
            )
            (common / "id").write_text(run.id)
    return Store(common / "store"), (common / "id").read_text()


def card_of(repository: HubRepository) -> str:
    return repository.files["README.md"].decode()


def test_the_files_are_those_of_the_store_in_one_commit(smoke: Study, published: HubRepository) -> None:
    artifact = smoke.artifact("dpo", "train:2")
    stored = {name: artifact.path(name).read_bytes() for name in artifact.manifest["files"]}
    assert {name: published.files[name] for name in stored} == stored
    assert published.files.keys() - stored.keys() == {".gitattributes", "README.md", "recipe.yaml"}
    assert len(published.commits) == 1


def test_the_card_is_one_that_the_hub_reads(smoke: Study, published: HubRepository) -> None:
    card = ModelCard(card_of(published))
    assert card.data.library_name == "transformers"
    assert card.data.pipeline_tag == "text-generation"
    assert {"sirev", "dpo", "arithmetic"} <= set(card.data.tags)
    (result,) = card.data.eval_results
    (run,) = [run for run in sirev.report(runs=smoke.of("dpo").id, store=smoke.store).runs if run["method"] == "dpo"]
    assert result.metric_value == round(100 * run["iterations"][1]["pass_at_1"]["value"], 2)


def test_the_card_says_how_it_was_trained_and_what_it_is_known_by(smoke: Study, published: HubRepository) -> None:
    run = smoke.run("dpo")
    pin = run.pins["train:2"]
    record = smoke.store.records.get(pin.key, pin.artifact)
    assert record is not None
    card = card_of(published)
    weights = smoke.artifact("dpo", "train:2").manifest["files"]["model.safetensors"]["sha256"]
    assert all(digest in card for digest in (pin.key, pin.artifact, weights))
    (row,) = [line for line in card.splitlines() if line.startswith("| M_2 |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    noted = record.provenance
    assert cells[1:6] == [
        "dpo, all parameters",
        f"{noted['hardware']['cores']} cores ({noted['hardware']['machine']})",
        f"{noted['examples']:,}",
        f"{noted['steps']:,}",
        f"{noted['tokens']:,}",
    ]
    assert cells[6] == hours_in_words(noted["seconds"] / 3600)
    assert not [line for line in card.splitlines() if line.startswith("| M_3 |")]
    assert "INCONCLUSIVE" in card
    assert "The headline is about M_3" in card


def test_the_commands_of_the_card_are_found_in_the_store(smoke: Study, published: HubRepository, command: Command) -> None:
    again, asked = [line for line in card_of(published).splitlines() if line.startswith("sirev ")]
    done = command(*again.split()[1:], "--store", smoke.store.path)
    assert done.returncode == 0, done.stderr
    assert ", 0 computed" in done.stderr
    assert asked == "sirev evaluate check --recipe tiny_smoke --step M_2=team/model"


def test_a_base_with_a_chat_template_that_the_run_did_without_is_asked_without(
    smoke_copy: Path, smoke: Study, hub_server: HubServer
) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    for asked, words in ((False, " --chat never"), (True, "")):
        run.settings["model"] = {**run.settings["model"], "name": "org/base", "chat_template": asked}
        store.runs.save(run)
        sirev.publish(f"{run.id}:2", "team/model", store=store)
        (line,) = [line for line in card_of(hub_server.repositories[MODEL]).splitlines() if line.startswith("sirev evaluate")]
        assert line.endswith(f"--step M_2=team/model{words}")


@pytest.mark.slow
def test_the_headline_is_that_of_all_seeds_and_the_numbers_those_of_the_model(
    smoke_copy: Path, smoke: Study, hub_server: HubServer
) -> None:
    _, second = sirev.iterate("tiny_smoke", methods="sft", seeds=[0, 1], store=smoke_copy)
    sirev.publish(f"{second.id}:3", "team/model", store=smoke_copy)
    card = card_of(hub_server.repositories[MODEL])
    assert "Seeds that the headline rests on: seeds 0, 1." in card
    told = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke_copy)
    assert as_text(study_screen(told.studies[0])).strip("\n") in card
    (result,) = ModelCard(card).data.eval_results
    assert result.metric_value == round(100 * second.iterations[2]["pass_at_1"]["value"], 2)
    assert "sft, t = 3, seed 1" in card


def test_hours_of_a_training_that_was_interrupted_are_not_called_whole(
    smoke_copy: Path, smoke: Study, hub_server: HubServer
) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    pin = run.pins["train:2"]
    record = store.records.get(pin.key, pin.artifact)
    assert record is not None
    store.records.path(pin.key, pin.artifact).unlink()
    store.records.add(replace(record, provenance={**record.provenance, "resumed": 3}))
    sirev.publish(f"{run.id}:2", "team/model", store=store)
    assert " Not in it: what was done earlier of 1 step." in card_of(hub_server.repositories[MODEL])
    sirev.publish(f"{run.id}:1", "team/other", store=store)
    assert "Not in it" not in card_of(hub_server.repositories["models/team/other"])


def test_problems_of_its_makers_are_not_called_the_readers(smoke_copy: Path, smoke: Study, hub_server: HubServer) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.settings["task"] = {"name": "jsonl", "data": {"hub": None, "path": "/home/somebody/rows"}}
    store.runs.save(run)
    sirev.publish(f"{run.id}:2", "team/model", store=store)
    card = card_of(hub_server.repositories[MODEL])
    assert "on problems of its makers" in card
    assert "your own problems" not in card
    data = ModelCard(card).data
    assert "jsonl" not in data.tags
    assert [result.dataset_type for result in data.eval_results] == ["problems of its makers"]


def test_the_recipe_beside_it_has_the_settings_of_the_run(smoke: Study, published: HubRepository, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(published.files["recipe.yaml"])
    run = smoke.run("dpo")
    assert sirev.load_recipe(tmp_path / "recipe.yaml").settings() == run.settings


def test_publishing_twice_makes_one_commit_and_sends_large_files_once(
    smoke: Study, published: HubRepository, hub_server: HubServer
) -> None:
    hub_server.seen.clear()
    (again,) = sirev.publish(f"{smoke.of('dpo').id}:2", "team/model", store=smoke.store)
    assert not again.changed
    assert again.commit == published.head()
    assert again.page == f"{hub_server.url}/team/model"
    assert len(published.commits) == 1
    assert not [path for _, path in hub_server.seen if path.startswith("/large/")]


def test_another_model_takes_the_place_of_the_files_of_the_former_alone(smoke: Study, published: HubRepository) -> None:
    mine = {"notes.txt": b"mine", "runs/notes.json": b"{}", "gguf/model.safetensors": b"mine"}
    published.files |= {"adapter_config.json": b"{}", "model-00001-of-00002.safetensors": b"old", **mine}
    sirev.publish(f"{smoke.of('dpo').id}:3:train", "team/model", store=smoke.store)
    assert len(published.commits) == 2
    assert "adapter_config.json" not in published.files
    assert "model-00001-of-00002.safetensors" not in published.files
    assert published.files.items() >= mine.items()
    weights = smoke.artifact("dpo", "train:3").path("model.safetensors").read_bytes()
    assert published.files["model.safetensors"] == weights


def test_publishing_leaves_the_store_as_it_was(smoke_copy: Path, smoke: Study, hub_server: HubServer) -> None:
    sirev.report(runs=smoke.of("sft").id, store=smoke_copy)
    before = tree(smoke_copy)
    sirev.publish(f"{smoke.of('sft').id}:3", "team/model", completions=True, store=smoke_copy)
    assert {path: size for path, (size, _) in tree(smoke_copy).items() if not path.startswith(("checked/", "tmp/"))} == {
        path: size for path, (size, _) in before.items() if not path.startswith(("checked/", "tmp/"))
    }


def test_completions_are_a_data_set_whose_card_names_every_file(smoke: Study, hub_server: HubServer) -> None:
    import pyarrow.parquet as pq

    run = smoke.of("dpo")
    _, data = sirev.publish(f"{run.id}:2", "team/model", completions=True, store=smoke.store)
    assert data.page == f"{hub_server.url}/datasets/team/model"
    repository = hub_server.repositories[DATA]
    configs = DatasetCard(card_of(repository)).data.configs
    paths = {one["config_name"]: one["data_files"][0]["path"] for one in configs}
    assert {*paths} == {"draws", "greedy", "levels_1_to_3", "training_draws", "training_set"}
    assert {*paths.values(), "README.md", ".gitattributes"} == {*repository.files}
    assert [one["config_name"] for one in configs if one.get("default")] == ["draws"]
    rows = {name: pq.read_table(io.BytesIO(repository.files[path])).to_pylist() for name, path in paths.items()}
    assert rows["draws"] == run.answers(2).rows
    assert rows["greedy"] == run.answers(2, kind="greedy").rows
    assert rows["training_set"] == smoke.artifact("dpo", "select:2").rows("examples")
    grades = smoke.artifact("dpo", "grade/select:1").rows("grades")
    assert [row["correct"] for row in rows["training_draws"]] == [row["correct"] for row in grades]
    assert ModelCard(card_of(hub_server.repositories[MODEL])).data.datasets == ["team/model"]


@pytest.mark.slow
def test_answers_at_other_temperatures_are_said_to_be_those(smoke_copy: Path, hub_server: HubServer) -> None:
    (run,) = sirev.iterate("tiny_smoke", methods="sft", overrides={"evaluation.temperatures": [1.0]}, store=smoke_copy)
    sirev.publish(f"{run.id}:3", "team/model", completions=True, store=smoke_copy)
    card = card_of(hub_server.repositories[DATA])
    row, _ = [line for line in card.splitlines() if line.startswith("| `temperature_")]  # of tables, then of columns
    assert [cell.strip() for cell in row.split("|")][2:4] == ["test", "draws on the same problems at temperature 1.0"]
    assert "`train`" not in card


def test_other_completions_take_the_place_of_the_former_tables_alone(smoke: Study, hub_server: HubServer) -> None:
    run = smoke.of("dpo").id
    sirev.publish(f"{run}:2", "team/model", completions=True, store=smoke.store)
    files = hub_server.repositories[DATA].files
    files |= {"mine/train.parquet": b"rows", "draws/mine.parquet": b"rows"}
    sirev.publish(f"{run}:1", "team/model", completions=True, store=smoke.store)
    files = hub_server.repositories[DATA].files
    assert {"mine/train.parquet", "draws/mine.parquet", "training_set/train.parquet"} <= files.keys()
    assert "training_draws/train.parquet" not in files


def test_a_data_set_of_the_users_own_stays_as_it_is(smoke: Study, hub_server: HubServer) -> None:
    theirs = hub_server.add(DATA)
    theirs.files |= {"data/train.parquet": b"rows", "README.md": b"# mine\n"}
    before = dict(theirs.files)
    with pytest.raises(BadInput, match="hf://datasets/team/model holds files that sirev did not publish"):
        sirev.publish(f"{smoke.of('dpo').id}:2", "team/model", completions=True, store=smoke.store)
    assert theirs.files == before
    assert MODEL not in hub_server.repositories


def test_an_adapter_names_its_base_and_the_licence_of_that(adapted: tuple[Store, str], hub_server: HubServer) -> None:
    store, run = adapted
    with pytest.raises(BadInput, match=rf"pretrained by the run: publish that first \(sirev store publish {run}:0 ORG/BASE\)"):
        sirev.publish(f"{run}:2", "team/adapter", store=store)
    assert hub_server.repositories == {}
    sirev.publish(f"{run}:0", "team/base", store=store)
    base = hub_server.repositories["models/team/base"]
    base.files["README.md"] = b"---\nlicense: llama3\nlicense_link: https://example.org/licence\n---\n\n# base\n"
    sirev.publish(f"{run}:2", "team/adapter", base="team/base", store=store)
    adapter = hub_server.repositories["models/team/adapter"]
    config = json.loads(adapter.files["adapter_config.json"])
    assert (config["base_model_name_or_path"], config["revision"]) == ("team/base", base.head())
    card = ModelCard(card_of(adapter))
    assert (card.data.base_model, card.data.library_name, card.data.license) == ("team/base", "peft", "llama3")
    front = yaml.safe_load(card_of(adapter).split("---\n")[1])
    assert (front["base_model_relation"], front["license_link"]) == ("adapter", "https://example.org/licence")
    (served,) = [line for line in card_of(adapter).splitlines() if line.startswith("vllm serve")]
    assert served.startswith(f"vllm serve team/base --revision {base.head()} --enable-lora")
    with pytest.raises(BadInput, match="team/absent: the Hub has no such model"):
        sirev.publish(f"{run}:2", "team/adapter", base="team/absent", store=store)


def test_a_base_with_other_weights_is_refused(adapted: tuple[Store, str], hub_server: HubServer) -> None:
    store, run = adapted
    sirev.publish(f"{run}:0", "team/base", store=store)
    base, said = hub_server.repositories["models/team/base"], list[str]()
    sirev.publish(f"{run}:2", "team/adapter", base="hf://models/team/base", store=store, on_warning=said.append)
    assert said == []
    base.files["model.safetensors"] += b"other"
    with pytest.raises(BadInput, match=r"--base team/base: its model.safetensors is not the one that the model was trained on"):
        sirev.publish(f"{run}:2", "team/adapter", base="team/base", store=store)
    base.files["weights.safetensors"] = base.files.pop("model.safetensors")
    sirev.publish(f"{run}:2", "team/adapter", base="team/base", store=store, on_warning=said.append)
    assert said == [
        "the weights of --base team/base were not compared with those of the training: the Hub gives no sha256 of them"
    ]


def test_the_recipe_of_a_model_on_a_local_base_names_that_of_the_hub(
    smoke_copy: Path, smoke: Study, hub_server: HubServer, tmp_path: Path
) -> None:
    base, store = hub_server.add("models/org/base"), Store(smoke_copy)
    folder = tmp_path / "base"
    folder.mkdir()
    smoke.artifact("sft", "train:1").link_into(folder)
    base.files["model.safetensors"] = (folder / "model.safetensors").read_bytes()
    digest = LocalFiles(store.objects).digest(folder, local_files(folder))
    m0 = store.publish({"stage": "model"}, Output(files={REFERENCE: canonical_json({"digest": digest})}))
    run = smoke.run("sft", store)
    del run.pins["pretrain:0"]
    run.pins["model:0"] = Pin(keys_of(store, m0.digest)[0], m0.digest)
    run.settings["model"] = {**run.settings["model"], "name": str(folder), "pretrain": None, "architecture": None}
    store.runs.save(run)
    said = list[str]()
    sirev.publish(f"{run.id}:2", "team/model", base="org/base", store=store, on_warning=said.append)
    assert said == []
    published = hub_server.repositories[MODEL]
    (tmp_path / "recipe.yaml").write_bytes(published.files["recipe.yaml"])
    model = sirev.load_recipe(tmp_path / "recipe.yaml").settings()["model"]
    assert (model["name"], model["revision"]) == ("org/base", base.head())
    assert "The first command trains the model again" in card_of(published)
    base.files["model.safetensors"] = b"other"
    with pytest.raises(BadInput, match="is not the one that the model was trained on"):
        sirev.publish(f"{run.id}:2", "team/model", base="org/base", store=store)


def test_a_fine_tune_of_a_model_on_the_hub_names_it_and_its_licence(
    smoke_copy: Path, smoke: Study, hub_server: HubServer
) -> None:
    base = hub_server.add("models/org/base")
    base.files["README.md"] = b"---\nlicense: apache-2.0\n---\n"
    store = Store(smoke_copy)
    reference = canonical_json({"hub": "org/base", "commit": base.head()})
    m0 = store.publish({"stage": "model"}, Output(files={REFERENCE: reference}))
    run = smoke.run("sft", store)
    del run.pins["pretrain:0"]
    run.pins["model:0"] = Pin(keys_of(store, m0.digest)[0], m0.digest)
    store.runs.save(run)
    sirev.publish(f"{run.id}:2", "team/model", store=store)
    front = yaml.safe_load(card_of(hub_server.repositories[MODEL]).split("---\n")[1])
    assert (front["base_model"], front["base_model_relation"], front["license"]) == ("org/base", "finetune", "apache-2.0")
    with pytest.raises(BadInput, match="is the Hub's org/base; leave it out"):
        sirev.publish(f"{run.id}:2", "team/model", base="team/other", store=store)


LOADED = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import AutoPeftModelForCausalLM, PeftModel
full = AutoModelForCausalLM.from_pretrained("team/full")
assert torch.equal(full.lm_head.weight, AutoModelForCausalLM.from_pretrained(sys.argv[1]).lm_head.weight)
tuned = AutoPeftModelForCausalLM.from_pretrained("team/adapter")
tokens = AutoTokenizer.from_pretrained("team/adapter")("1 + 2 =", return_tensors="pt")
by_hand = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(sys.argv[2]), sys.argv[3])
with torch.no_grad():
    assert torch.equal(tuned(**tokens).logits, by_hand(**tokens).logits)
    assert not torch.equal(tuned(**tokens).logits, by_hand.base_model.model.base_model(**tokens).last_hidden_state)
"""


@pytest.mark.slow
def test_what_was_published_loads_in_transformers_and_peft_as_it_is(
    adapted: tuple[Store, str], hub_server: HubServer, tmp_path: Path, smoke: Study
) -> None:
    store, run_id = adapted
    sirev.publish(f"{run_id}:0", "team/base", store=store)
    sirev.publish(f"{run_id}:2", "team/adapter", base="team/base", store=store)
    sirev.publish(f"{smoke.of('dpo').id}:2", "team/full", store=smoke.store)
    run = store.runs.get(run_id)
    assert run is not None
    (tmp_path / "full").mkdir()
    folders = [smoke.artifact("dpo", "train:2").link_into(tmp_path / "full")]
    for step in ("pretrain:0", "train:2"):
        (tmp_path / step).mkdir()
        folders.append(store.artifact(run.pins[step].artifact).link_into(tmp_path / step))
    done = subprocess.run([sys.executable, "-c", LOADED, *map(str, folders)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_local_base_shows_no_path_of_this_machine(smoke_copy: Path, smoke: Study, hub_server: HubServer) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.settings["model"] = {**run.settings["model"], "name": "/home/somebody/secret/mistral"}
    run.settings["task"] = {**run.settings["task"], "data": {"hub": None, "path": "/home/somebody/secret/rows"}}
    store.runs.save(run)
    sirev.publish(f"{run.id}:2", "team/model", completions=True, store=smoke_copy)
    for repository in hub_server.repositories.values():
        assert "`model.name` (`./mistral`), `task.data.path` (`./rows`)" in card_of(repository)
        assert "The first command trains" not in card_of(repository)
        assert not [path for path, data in repository.files.items() if b"somebody" in data or b"hf_x" in data]


@pytest.mark.parametrize("where", ["/large/", "/commit/", "/preupload/", "/api/models/team/model"])
def test_a_passing_fault_of_the_hub_is_outlasted(smoke: Study, hub_server: HubServer, where: str) -> None:
    left = [1]

    def fault(method: str, path: str) -> int | None:
        if where not in path or not left[0]:
            return None
        left[0] -= 1
        return 500

    hub_server.fault = fault
    sirev.publish(f"{smoke.of('sft').id}:1", "team/model", store=smoke.store)
    assert left == [0]
    assert len(hub_server.repositories[MODEL].commits) == 1


def test_what_was_sent_before_the_hub_failed_is_not_sent_again(smoke: Study, hub_server: HubServer) -> None:
    hub_server.fault = lambda method, path: 500 if "/commit/" in path else None
    with pytest.raises(SirevError, match="hf://models/team/model could not be read or written"):
        sirev.publish(f"{smoke.of('sft').id}:1", "team/model", store=smoke.store)
    assert hub_server.repositories[MODEL].commits == []
    hub_server.fault = lambda method, path: None
    hub_server.seen.clear()
    (done,) = sirev.publish(f"{smoke.of('sft').id}:1", "team/model", store=smoke.store)
    assert done.changed
    assert not [path for _, path in hub_server.seen if path.startswith("/large/")]


def test_a_new_repository_is_private_if_asked(smoke: Study, hub_server: HubServer) -> None:
    sirev.publish(f"{smoke.of('sft').id}:1", "team/model", private=True, store=smoke.store)
    sirev.publish(f"{smoke.of('sft').id}:1", "team/open", store=smoke.store)
    private, others = hub_server.made
    assert private["visibility"] == "private"
    assert "visibility" not in others
    with pytest.raises(BadInput, match="hf://models/team/open already exists and is public"):
        sirev.publish(f"{smoke.of('sft').id}:2", "team/open", private=True, store=smoke.store)
    assert len(hub_server.repositories["models/team/open"].commits) == 1
    (again,) = sirev.publish(f"{smoke.of('sft').id}:1", "team/model", private=True, store=smoke.store)
    assert not again.changed


@pytest.mark.parametrize("private", [True, False])
def test_a_new_data_set_is_as_private_as_its_model(smoke: Study, hub_server: HubServer, private: bool) -> None:
    hub_server.add(MODEL).private = private
    sirev.publish(f"{smoke.of('sft').id}:1", "team/model", completions=True, store=smoke.store)
    assert hub_server.repositories[DATA].private is private
    if private:
        hub_server.repositories[DATA].private = False
        sirev.publish(f"{smoke.of('sft').id}:2", "team/model", completions=True, store=smoke.store)
        assert len(hub_server.repositories[DATA].commits) == 2


@pytest.mark.parametrize(
    ("model", "repository", "words"),
    [
        ("sft:9", "team/model", "has no M_9 of its own; its models are"),
        ("sft", "team/model", "names no model of a run; those of"),
        ("sft:2:select", "team/model", "names no model of a run"),
        ("sft:compare", "team/model", "names no model of a run"),
        ("sft:1", "model", "'model' is not ORG/NAME"),
        ("sft:1", "hf://datasets/team/data", "'hf://datasets/team/data' is not ORG/NAME"),
        ("sft:1", "team/a b", "'team/a b' is not ORG/NAME"),
        ("sft:1", "others/model", "hf://models/others/model may not be used (not yours): log in with `hf auth login`"),
    ],
)
def test_what_can_not_be_published_is_one_line(
    smoke: Study, hub_server: HubServer, model: str, repository: str, words: str
) -> None:
    method, _, step = model.partition(":")
    name = f"{smoke.of(method).id}{f':{step}' if step else ''}"
    with pytest.raises(BadInput) as caught:
        sirev.publish(name, repository, store=smoke.store)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_that_stopped_has_no_model_of_a_later_t(smoke_copy: Path, smoke: Study, hub_server: HubServer) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.pins = {step: pin for step, pin in run.pins.items() if not step.endswith(":3") or step == "select:3"}  # an empty D_3
    run.status, run.reason = "stopped", "t = 3: no correct answer"
    store.runs.save(run)
    with pytest.raises(BadInput, match=f"{run.id} has no M_3 of its own"):
        sirev.publish(f"{run.id}:3", "team/model", store=store)
    run.status = "running"
    store.runs.save(run)
    with pytest.raises(BadInput, match=f"the run {run.id} is not finished: finish it with `sirev iterate` first"):
        sirev.publish(f"{run.id}:2", "team/model", store=store)
    assert hub_server.repositories == {}


def test_the_card_of_m_0_names_the_models_that_were_trained_from_it(
    smoke_copy: Path, smoke: Study, hub_server: HubServer
) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.pins = {step: pin for step, pin in run.pins.items() if not step.endswith(":3") or step == "select:3"}  # an empty D_3
    run.status, run.reason = "stopped", "t = 3: no correct answer"
    store.runs.save(run)
    sirev.publish(f"{run.id}:0", "team/base", store=store)
    assert "from which M_1 to M_2 on " in card_of(hub_server.repositories["models/team/base"])


def test_a_model_that_was_given_up_is_not_published(smoke_copy: Path, smoke: Study, hub_server: HubServer) -> None:
    store, artifact = Store(smoke_copy), smoke.artifact("sft", "train:2")
    weights = store.objects.path(artifact.manifest["files"]["model.safetensors"]["sha256"])
    store.hollow.add(artifact.digest)
    weights.unlink()
    with pytest.raises(BadInput, match="were given up to save space"):
        sirev.publish(f"{smoke.of('sft').id}:2", "team/model", store=smoke_copy)
    assert hub_server.repositories == {}


def test_the_command_prints_where_it_lies(smoke: Study, hub_server: HubServer, command: Command) -> None:
    asked = ["store", "publish", f"{smoke.of('sft').id}:1", "team/model", "--store", smoke.store.path]
    done = command(*asked)
    assert done.returncode == 0, done.stderr
    head = hub_server.repositories[MODEL].head()[:12]
    assert done.stdout == f"{hub_server.url}/team/model: published, commit {head}\n"
    assert command(*asked).stdout == f"{hub_server.url}/team/model: there already, unchanged, commit {head}\n"
    refused = command("store", "publish", f"{smoke.of('sft').id}:1", "others/model", "--store", smoke.store.path)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("sirev: error: hf://models/others/model may not be used")
