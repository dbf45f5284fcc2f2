"""`sirev store export` and `import`, and what a long push or pull says meanwhile."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sirev.cli.store.transfer_progress import Moving
from sirev.store.digests import sealed, unsealed
from sirev.store.store import MARKER, Store
from tests.conftest import Command, Study
from tests.store.sharing.small import small_store
from tests.store.sharing.studies import add_run, contents


def test_a_run_goes_out_as_one_file_and_comes_in(tmp_path: Path, command: Command) -> None:
    store = Store(tmp_path / "first")
    add_run(store)
    done = command("store", "export", "small", "study.tar.zst", "--store", store.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 run written to study.tar.zst" in done.stdout
    done = command("store", "import", "study.tar.zst", "--store", tmp_path / "second")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 run imported" in done.stdout
    assert f"next: sirev report small --store {tmp_path / 'second'}" in done.stdout
    assert contents(tmp_path / "second") == contents(store.path)
    done = command("store", "import", "study.tar.zst", "--store", tmp_path / "second")
    assert "already here, left unchanged: small-sft-s0" in done.stdout


@pytest.mark.slow
def test_bad_input_is_one_line(tmp_path: Path, command: Command) -> None:
    store = Store(tmp_path / "first")
    add_run(store)
    for arguments, said in (
        (["push", "shared", "--keep-models", "some"], "--keep-models some: expected last, best, none or all"),
        (["push", "shared", "smoll"], "no run or recipe 'smoll'"),
        (["export", "small"], "small: an archive's name ends in .tar.zst"),
        (["export", "study.tar.zst", "small"], "and it comes last: sirev store export small study.tar.zst"),
        (["push", "small", "s3://bucket/folder"], "which comes first: sirev store push s3://bucket/folder small"),
        (["push", "small"], "small is not a place to push to, which comes first: sirev store push URL small"),
        (["pull", "small", tmp_path], f"which comes first: sirev store pull {tmp_path} small"),
        (["import", "nothing.tar.zst"], "nothing.tar.zst"),
        (["pull", "shared"], "is not a sirev store: nothing is there"),
    ):
        done = command("store", *arguments, "--store", store.path)
        assert done.returncode == 2, arguments
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    done = command("store", "push", "shared", "--store", tmp_path / "empty")
    assert "there is no store in" in done.stderr


def test_without_a_terminal_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Moving, "lines_every", 0.0)
    with Moving() as told:
        told.begin("pulling", 3, 5_000_000)
        told.advance(1, 2_000_000)
        monkeypatch.setattr(Moving, "lines_every", 1e9)
        told.advance(1, 3_000_000)
    assert capsys.readouterr().err == "sirev: pulling: 1 of 3 files, 2.0 MB of 5.0 MB\n"


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Moving() as told:
        told.begin("pushing", 2, 1000)
        told.advance(2, 1000)
        told.begin("pushing", 1, 10)
        told.advance(1, 10)
    assert "pushing: 1 of 1 files, 10 B of 10 B" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reviewer_pulls_a_study_without_its_models_and_makes_the_page(smoke: Study, tmp_path: Path, command: Command) -> None:
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    assert command("store", "push", shared, "tiny_smoke", "--store", smoke.store.path).returncode == 0
    pulled = command("store", "pull", shared, "tiny_smoke", "--keep-models", "none", "--store", mine)
    assert pulled.returncode == 0, pulled.stderr
    assert re.search(r"the weights of \d models were left out; the measurements are here", pulled.stderr)
    page = command("report", "html", "--recipe", "tiny_smoke", "-o", "report.html", "--store", mine)
    assert page.returncode == 0, page.stderr
    assert (tmp_path / "report.html").stat().st_size > 100_000
    replay = command("iterate", "--recipe", "tiny_smoke", "--store", mine)
    assert "0 computed" in replay.stderr


def test_iterate_reads_through_a_shared_store_and_says_what_came(smoke: Study, tmp_path: Path, command: Command) -> None:
    asked = ("iterate", "--recipe", "tiny_smoke", "--method", "dpo", "--store", tmp_path / "mine", "--remote")
    done = command(*asked, smoke.store.path)
    assert done.returncode == 0, done.stderr
    assert "0 computed" in done.stderr
    assert f"results pulled from {smoke.store.path}" in done.stderr
    wrong = command("iterate", "--recipe", "tiny_smoke", "--store", tmp_path / "other", "--remote", tmp_path / "nowhere")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1), wrong.stderr
    assert not (tmp_path / "other").exists()


def pasted(line: str) -> list[str]:
    """The words of the command in a line, as a shell takes them."""
    return shlex.split(line[line.index("sirev ") :].partition("  #")[0])


def test_commands_to_paste_are_right_where_paths_have_blanks(tmp_path: Path, command: Command) -> None:
    first, shared, second, nowhere = (tmp_path / f"{name} $(id) 'x" for name in ("first", "shared", "second", "nowhere"))
    small_store(first)
    pushed = command("store", "push", shared, "--store", first).stdout
    assert pasted(pushed.splitlines()[-1]) == ["sirev", "store", "pull", str(shared), "small"]
    pulled = command("store", "pull", shared, "--store", second).stdout
    assert pasted(pulled.splitlines()[-1]) == ["sirev", "report", "small", "--store", str(second)]
    exported = command("store", "export", "small", "a b.tar.zst", "--store", first).stdout
    assert pasted(exported.splitlines()[-1]) == ["sirev", "store", "import", "a b.tar.zst"]
    empty = command("report", "--store", nowhere).stderr.partition(", or name another")[0]
    assert pasted(empty)[-1] == str(nowhere)
    nowhere.mkdir()
    unfilled = command("store", "pull", nowhere, "--store", second).stderr
    assert pasted(unfilled[unfilled.index("fill it with: ") :]) == ["sirev", "store", "push", str(nowhere)]


def test_a_run_whose_names_a_shell_would_run_is_not_pulled(tmp_path: Path, command: Command) -> None:
    shared = small_store(tmp_path / "shared").path
    for path in (shared / "runs").iterdir():
        raw = sealed({**unsealed(path.read_bytes()), "recipe": "tiny; touch made #"})
        path.unlink()
        path.write_bytes(raw)
    done = command("store", "pull", shared, "--store", tmp_path / "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "the recipe 'tiny; touch made #' is not a name that sirev gives" in done.stderr


def test_a_shared_store_of_an_odd_id_is_refused(tmp_path: Path, command: Command) -> None:
    shared = small_store(tmp_path / "shared").path
    (shared / MARKER).unlink()
    (shared / MARKER).write_text('{"format":1,"id":"../../x"}')
    done = command("store", "pull", shared, "--store", tmp_path / "mine")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is damaged; it should hold the store's format and id" in done.stderr
