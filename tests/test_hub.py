from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.hub import LOGIN, cached, hub_data, hub_facts, is_adapter, is_local, local_data, page, repository_snapshot, revisions
from tests.hub_cache import COMMIT, OTHER, HubCache
from tests.hub_server import HubServer

REFS = {"branches": ["main", "step-2"], "tags": ["v1"], "converts": ["parquet"]}


class Refusing(BaseHTTPRequestHandler):
    """Answers as the Hub does, for repositories named after what is wrong with them; of any other it tells the `REFS`."""

    def do_GET(self) -> None:
        if "some/well" in self.path:
            told = {kind: [{"name": name, "ref": name, "targetCommit": COMMIT} for name in names] for kind, names in REFS.items()}
            about = {"id": "some/well", "sha": COMMIT, "siblings": []}
            body = json.dumps(told if self.path.endswith("/refs") else [] if "/tree/" in self.path else about).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        for word, status, code in (
            ("gated", 403, "GatedRepo"),
            ("private", 401, "RepoNotFound"),
            ("elsewhere", 404, "RevisionNotFound"),
            ("forbidden", 403, "Other"),
        ):
            if word in self.path:
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", f"{word}, said the Hub.")
                self.send_header("Content-Length", "0")
                self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering(hub: HubCache, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubCache]:
    """An empty cache, and a Hub that can be reached."""
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield hub
    server.shutdown()
    server.server_close()


def refused(repository: str, revision: str | None = COMMIT) -> str:
    with pytest.raises(BadInput) as caught:
        repository_snapshot("model", repository, revision)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("some/gated", f"some/gated at {COMMIT} is gated: accept its licence at https://huggingface.co/some/gated, then {LOGIN}"),
        ("some/private", f"some/private at {COMMIT}: the Hub has no such model (check the name; for a private one {LOGIN})"),
        ("some/elsewhere", f"some/elsewhere at {COMMIT}: the Hub has no such revision"),
        ("some/forbidden", f"some/forbidden at {COMMIT} is not on this machine and can't be fetched: Got: HfHubHTTPError: 403"),
    ],
)
def test_what_the_hub_answers_is_one_line_that_says_what_to_do(answering: HubCache, repository: str, words: str) -> None:
    assert refused(repository).startswith(words)


def test_what_is_cached_is_used_although_the_hub_refuses(answering: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").touch()
    folder = answering.model("some/gated", tmp_path / "model")
    assert repository_snapshot("model", "some/gated", COMMIT) == folder
    assert "is gated" in refused("some/gated", OTHER)


def test_offline_says_that_going_online_once_is_enough(hub: HubCache) -> None:
    assert refused("some/model") == (
        f"some/model at {COMMIT} is not on this machine, and the Hub can't be reached (Cannot reach "
        f"https://huggingface.co/api/models/some/model/revision/{COMMIT}: offline mode is enabled. To disable it, please "
        "unset the `HF_HUB_OFFLINE` environment variable): go online once (HF_HUB_OFFLINE unset) so that it is cached"
    )


def test_a_download_that_was_cut_off_is_no_model(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model" / "model-00001-of-00002.safetensors").touch()
    folder = hub.model("some/model", tmp_path / "model")
    assert not cached("model", "some/model", COMMIT)
    assert "is incomplete on this machine: model-00002-of-00002.safetensors missing" in refused("some/model")
    (folder / "model-00002-of-00002.safetensors").touch()
    assert cached("model", "some/model", COMMIT)


def test_a_model_of_modules_with_a_folder_each_is_whole_without_weights_at_the_top(hub: HubCache, tmp_path: Path) -> None:
    module = tmp_path / "model" / "0_StaticEmbedding"
    module.mkdir(parents=True)
    (tmp_path / "model" / "modules.json").write_text("[]")
    (module / "tokenizer.json").write_text("{}")
    folder = hub.model("some/model", tmp_path / "model")
    assert "is incomplete on this machine: model.safetensors missing" in refused("some/model")
    (folder / "0_StaticEmbedding" / "model.safetensors").touch()
    assert repository_snapshot("model", "some/model", COMMIT) == folder


def test_without_a_revision_the_latest_one_that_is_cached_is_taken(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").touch()
    hub.model("some/model", tmp_path / "model", OTHER)
    latest = hub.model("some/model", tmp_path / "model", COMMIT)
    assert repository_snapshot("model", "some/model", None) == latest


def test_an_adapter_is_whole_without_the_weights_of_a_model(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "adapter_config.json").touch()
    folder = hub.model("some/adapter", tmp_path / "model")
    assert is_adapter(folder)
    assert "is incomplete on this machine: adapter_model.safetensors missing" in refused("some/adapter")
    (folder / "adapter_model.safetensors").touch()
    assert cached("model", "some/adapter", COMMIT)
    (folder / "model.safetensors").touch()
    assert not is_adapter(folder)


def test_an_adapter_with_checkpoints_in_it_is_not_whole_without_weights_of_its_own(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model" / "checkpoint-5").mkdir(parents=True)
    (tmp_path / "model" / "adapter_config.json").touch()
    (tmp_path / "model" / "checkpoint-5" / "adapter_model.safetensors").touch()
    hub.model("some/adapter", tmp_path / "model")
    assert not cached("model", "some/adapter", COMMIT)
    assert "adapter_model.safetensors missing" in refused("some/adapter")


def test_a_repository_without_weights_as_safetensors_is_said_to_be_one(answering: HubCache) -> None:
    with pytest.raises(BadInput, match=r"^some/well has no weights as safetensors: there is no model\.safetensors$"):
        repository_snapshot("model", "some/well", None)


def test_revisions_are_the_branches_and_tags_that_the_hub_tells(answering: HubCache) -> None:
    assert revisions("some/well") == (["main", "step-2", "v1"], None)


def test_offline_the_revisions_are_those_that_were_fetched_once(hub: HubCache, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for revision in ("step-10", "step-2", "runs/a"):
        hub.model("some/model", tmp_path / "model", COMMIT, revision)
    known, silent = revisions("some/model")
    assert set(known) == {"step-10", "step-2", "runs/a"}
    assert silent


def test_revisions_that_nobody_can_tell_are_one_line(answering: HubCache, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    with pytest.raises(BadInput, match="some/private: the Hub has no such model"):
        revisions("some/private")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match=r"some/model is not on this machine, and the Hub can't be reached .*: go online once"):
        revisions("some/model")


def test_the_facts_of_a_repository_are_its_commit_and_the_licence_on_its_card(hub_server: HubServer) -> None:
    repository = hub_server.add("models/some/model")
    repository.files["README.md"] = b"---\nlicense: other\nlicense_name: mine\ntags: [a]\n---\n"
    assert hub_facts("model", "some/model", None) == (repository.head(), {"license": "other", "license_name": "mine"})
    bare = hub_server.add("datasets/some/rows")
    assert hub_facts("dataset", "some/rows", bare.head()) == (bare.head(), {})
    with pytest.raises(BadInput, match="some/absent: the Hub has no such model"):
        hub_facts("model", "some/absent", None)


def test_facts_that_nobody_can_tell_are_one_line(hub: HubCache) -> None:
    with pytest.raises(BadInput, match=r"some/model is not on this machine, and the Hub can't be reached .*: go online once"):
        hub_facts("model", "some/model", None)


@pytest.mark.parametrize("name", ["not a name", "a/b/c", "-x/y", ""])
def test_what_is_no_name_of_a_repository_is_refused(hub: HubCache, name: str) -> None:
    assert refused(name) == f"{name!r} is not the name of a repository on the Hub, ORGANISATION/NAME"


def test_the_page_of_a_data_set_is_below_datasets() -> None:
    assert page("model", "some/gated") == "https://huggingface.co/some/gated"
    assert page("dataset", "some/gated") == "https://huggingface.co/datasets/some/gated"
    assert page("space", "some/page", "https://hub.example") == "https://hub.example/spaces/some/page"


def test_local_files_win_over_the_hubs_data() -> None:
    assert local_data({"hub": "some/data", "path": None, "train": "a.jsonl", "test": "b.jsonl"}) == ["a.jsonl", "b.jsonl"]
    assert local_data({"hub": "some/data", "path": None}) == []
    assert hub_data({"hub": "some/data", "test": "b.jsonl"}) is None
    assert hub_data({"hub": "some/data", "path": None}) == "some/data"


@pytest.mark.parametrize("name", ["/models/x", "./x", "../x", "~/x", "~nobody-of-that-name/x", "a/b/c", "here"])
def test_a_path_is_local(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_local(name)


@pytest.mark.parametrize("name", ["mistralai/Mistral-7B-v0.1", "gpt2", "not-here"])
def test_a_name_on_the_hub_is_not_local(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_local(name)


def test_a_folder_hides_a_repository_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mistralai" / "Mistral-7B-v0.1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert is_local("mistralai/Mistral-7B-v0.1")
