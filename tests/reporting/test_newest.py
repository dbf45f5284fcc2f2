"""One study at a time, where a recipe was run with several settings."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.reporting.newest import newest, one_recipe
from sirev.store.store import Store
from tests.conftest import Command


def measured(folder: Path, name: str, right: int) -> None:
    """A study of this name in folder/store; other completions are other settings."""
    for step in ("base", "last"):
        rows = [{"id": f"p{i}", "text": f"{i}", "correct": i < right} for i in range(6)]
        (folder / f"{step}{right}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sirev.measure(name, steps={step: folder / f"{step}{right}.jsonl" for step in ("base", "last")}, store=folder / "store")


def test_the_newest_settings_are_shown_and_the_others_can_be_named(tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    measured(tmp_path, "mine", 4)
    measured(tmp_path, "other", 3)
    store = Store(tmp_path / "store")
    old, new, other = (run.id for run in store.runs.all())
    chosen = newest(store, ["mine"], [], [])
    assert chosen.runs == (new,)
    assert [one.runs for one in chosen.others] == [(old.rsplit("-", 1)[1],)]
    assert "other files" in chosen.others[0].words
    again = newest(store, [], [], list(chosen.others[0].runs))
    assert again.runs == (old,)
    assert again.others == ()
    both = newest(store, ["mine", "other"], [], [])
    assert set(both.runs) == {new, other}
    with pytest.raises(BadInput, match=r"a page is about one recipe, not 2 .*sirev report html --recipe mine -o x\.html"):
        one_recipe(both, "sirev report html --recipe RECIPE -o x.html")
    assert newest(store, [], [], []).runs == (other,), "what ran last"


def test_a_page_of_the_newest_settings_and_a_command_for_each_other(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    measured(tmp_path, "mine", 4)
    done = command("report", "html", "--recipe", "mine", "-o", "my page.html", "--draws", 3, "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "my page.html\n"
    first, other, writing = done.stderr.splitlines()[:3]
    assert first == "sirev: mine was run with 2 settings; the newest are shown, for the others:"
    assert writing == "sirev: writing my page.html ..."
    words = shlex.split(other, comments=True)
    assert words[0] == "sirev"
    assert words[-4:] == ["--draws", "3", "-o", f"my page-{words[4]}.html"]
    done = command(*words[1:])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / words[-1]).read_text() != (tmp_path / "my page.html").read_text()


def test_a_page_that_lacks_something_is_written_and_ends_in_1(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    store = Store(tmp_path / "store")
    [run] = store.runs.all()
    store.objects.path(run.pins["sample/test/greedy:2"].artifact).unlink()
    done = command("report", "html", "-o", "page.html", "--recipe", "mine", "--store", tmp_path / "store")
    assert done.returncode == 1, done.stderr
    assert done.stdout == "page.html\n"
    assert f"{run.id}:2:sample/test/greedy" in done.stderr
    assert f"  sirev store verify --repair --store {tmp_path / 'store'}" in done.stderr.splitlines()
    assert f"{run.id}:2:sample/test/greedy" in (tmp_path / "page.html").read_text()


def test_a_page_can_not_be_a_folder(command: Command, tmp_path: Path) -> None:
    measured(tmp_path, "mine", 2)
    (tmp_path / "pages").mkdir()
    done = command("report", "html", "-o", "pages", "--recipe", "mine", "--store", tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr == "sirev: error: --output pages: is a folder; name a file in it, such as pages/report.html\n"
    assert list((tmp_path / "pages").iterdir()) == []
