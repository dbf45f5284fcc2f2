from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sirev.cli.page_output import output_named
from sirev.errors import BadInput
from sirev.store.sharing.hub_place import HubPlace
from tests.conftest import Command, Study
from tests.hub_server import HubServer


@pytest.mark.slow
def test_a_page_becomes_a_static_space(smoke: Study, hub_server: HubServer, command: Command, tmp_path: Path) -> None:
    asked = ["report", "html", "--recipe", "tiny_smoke", "--store", smoke.store.path]
    done = command(*asked, "-o", "hf://spaces/team/page")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{hub_server.url}/spaces/team/page\n"
    (made,) = hub_server.made
    assert (made["type"], made["sdk"]) == ("space", "static")
    space = hub_server.repositories["spaces/team/page"]
    assert len(space.commits) == 1
    front = yaml.safe_load(space.files["README.md"].decode().split("---\n")[1])
    assert (front["sdk"], front["app_file"]) == ("static", "index.html")
    assert "tiny_smoke" in front["title"]
    assert space.files["index.html"].startswith(b"<!DOCTYPE html>")
    assert str(tmp_path).encode() not in space.files["index.html"]
    assert not list(tmp_path.glob("*.html"))


def test_a_space_of_others_is_one_line(smoke: Study, hub_server: HubServer, command: Command) -> None:
    asked = ["report", "html", "--recipe", "tiny_smoke", "--store", smoke.store.path]
    done = command(*asked, "-o", "hf://spaces/others/page")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("sirev: error: hf://spaces/others/page may not be used")
    assert done.stdout == ""
    assert "writing the page" not in done.stderr


@pytest.mark.parametrize(
    ("output", "section", "words"),
    [
        (
            "hf://datasets/team/page",
            "html",
            "--output hf://datasets/team/page: name a file or folder here; html may go to a Space",
        ),
        ("s3://user:pass@bucket/page", "html", "--output s3://bucket/page: name a file"),
        ("hf://spaces/team/page", "figures", "--output hf://spaces/team/page: name a file or folder here"),
        ("hf://spaces/team", "html", "hf://spaces/team names no Space: it is hf://spaces/OWNER/NAME"),
    ],
)
def test_other_urls_are_refused_in_one_line(output: str, section: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        output_named(output, section)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_paths_stay_paths() -> None:
    assert output_named("a/b.html", "html") == Path("a/b.html")
    assert output_named(None, "html") is None
    assert output_named("hf://spaces/team/page/", "html") == HubPlace("space", "team/page")
