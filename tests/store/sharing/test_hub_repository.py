from __future__ import annotations

import sys
from pathlib import Path

import pytest
from huggingface_hub.utils import are_progress_bars_disabled

from sirev.errors import BadInput
from sirev.store.sharing.backend import RemoteFailed
from sirev.store.sharing.hub_place import HubPlace, PlaceKind
from sirev.store.sharing.hub_repository import make_repository, publish_files
from tests.hub_server import HubServer

PLACE = HubPlace("model", "team/model")


pytestmark = pytest.mark.usefixtures("impatient")


def test_a_repository_is_made_once(hub_server: HubServer) -> None:
    for _ in range(2):
        make_repository(PLACE)
    assert len(hub_server.made) == 1
    with pytest.raises(BadInput, match="already exists and is public"):
        make_repository(PLACE, private=True)
    with pytest.raises(BadInput, match=r"hf://models/others/model may not be used \(not yours\): log in"):
        make_repository(HubPlace("model", "others/model"))


def test_files_of_the_former_publication_give_way_and_others_stay(hub_server: HubServer, tmp_path: Path) -> None:
    repository = hub_server.add("models/team/model")
    card = b"---\ntags:\n- sirev\n---\n"
    repository.files |= {"old.json": b"1", "notes.txt": b"2", "README.md": card}
    (tmp_path / "weights").write_bytes(b"many")
    files = {"a/new.json": b"3", "w.safetensors": tmp_path / "weights"}
    made = publish_files(PLACE, files, "sirev: it", lambda path, card: card["tags"] == ["sirev"] and path.endswith(".json"))
    assert made.changed
    assert made.commit == repository.head()
    assert repository.files == {
        ".gitattributes": repository.files[".gitattributes"],
        "README.md": card,
        "notes.txt": b"2",
        "a/new.json": b"3",
        "w.safetensors": b"many",
    }
    assert not publish_files(PLACE, {"a/new.json": b"3"}, "sirev: it").changed


@pytest.mark.parametrize(
    ("kind", "path", "card"),
    [
        ("dataset", "rows.parquet", "license: mit"),
        ("model", "config.json", "tags: [pytorch]"),
        ("dataset", "records/a.json", "tags: [sirev, sirev-store]"),
        ("space", "app.py", "sdk: gradio"),
    ],
)
def test_a_repository_with_files_of_others_is_refused(hub_server: HubServer, kind: PlaceKind, path: str, card: str) -> None:
    repository = hub_server.add(f"{kind}s/team/theirs")
    repository.files |= {path: b"{}", "README.md": f"---\n{card}\n---\n".encode()}
    with pytest.raises(BadInput, match=f"hf://{kind}s/team/theirs holds files that sirev did not publish"):
        make_repository(HubPlace(kind, "team/theirs"))


@pytest.mark.parametrize(("kind", "path"), [("model", "LICENSE"), ("space", "index.html")])
def test_a_repository_as_the_hub_makes_it_will_do(hub_server: HubServer, kind: PlaceKind, path: str) -> None:
    hub_server.add(f"{kind}s/team/new").files[path] = b"text"
    make_repository(HubPlace(kind, "team/new"))
    assert hub_server.made == []


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_how_far_an_upload_is(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    shown: list[bool] = []
    hub_server.before_commit = lambda: shown.append(not are_progress_bars_disabled())
    make_repository(PLACE)
    publish_files(PLACE, {"a": b"1"}, "sirev: it")
    assert shown == [terminal]
    assert are_progress_bars_disabled()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_hub_refuses_for_good_is_asked_once_and_says_why(hub_server: HubServer, status: int) -> None:
    hub_server.add("models/team/model")
    hub_server.fault = lambda method, path: status if "/commit/" in path else None
    with pytest.raises(BadInput, match="hf://models/team/model: the Hub refuses this: no luck"):
        publish_files(PLACE, {"a": b"1"}, "sirev: it")
    assert len([path for _, path in hub_server.seen if "/commit/" in path]) == 1


@pytest.mark.parametrize("status", [408, 409, 429])
def test_what_the_hub_refuses_for_now_is_asked_again(hub_server: HubServer, status: int) -> None:
    hub_server.add("models/team/model")
    answers = [status]
    hub_server.fault = lambda method, path: answers.pop() if "/commit/" in path and answers else None
    assert publish_files(PLACE, {"a": b"1"}, "sirev: it").changed


def test_a_commit_whose_answer_was_lost_counts_as_made(hub_server: HubServer) -> None:
    repository = hub_server.add("models/team/model")
    answers = [500, None]
    hub_server.after_commit = lambda: answers.pop(0)
    made = publish_files(PLACE, {"a": b"1"}, "sirev: it")
    assert made.changed
    assert len(repository.commits) == 1


def test_a_hub_that_stays_broken_and_a_repository_that_is_not_there_are_one_line(hub_server: HubServer) -> None:
    with pytest.raises(BadInput, match="create it with `hf repos create team/model --repo-type model`"):
        publish_files(PLACE, {"a": b"1"}, "sirev: it")
    hub_server.add("models/team/model")
    hub_server.fault = lambda method, path: 500 if "/commit/" in path else None
    with pytest.raises(RemoteFailed, match="hf://models/team/model could not be read or written") as caught:
        publish_files(PLACE, {"a": b"1"}, "sirev: it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "model", "/model", "team/", "a/b/c"])
def test_a_place_has_an_owner_and_a_name(name: str) -> None:
    with pytest.raises(BadInput, match="names no data set: it is hf://datasets/OWNER/NAME"):
        HubPlace("dataset", name)
