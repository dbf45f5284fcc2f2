from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.reporting.output_files import check_output, is_file_of_others, place_file, written_file


def test_pipes_and_devices_are_refused_and_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "report.html"
    os.mkfifo(pipe)
    (tmp_path / "link.html").symlink_to(pipe)
    for path in (pipe, tmp_path / "link.html", Path("/dev/null")):
        with pytest.raises(BadInput, match="is a device or a pipe; name a regular file"):
            check_output(path)
    assert pipe.is_fifo()


def test_a_loop_of_links_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(BadInput, match="can't be written"):
        check_output(tmp_path / "a")


def test_a_name_that_is_too_long_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"can't be written: File name too long$"):
        check_output(tmp_path / ("a" * 300))


def test_a_file_is_of_others_unless_it_begins_as_ours_or_is_not_there(tmp_path: Path) -> None:
    for name, text in (("ours", "% ours\nand more"), ("theirs", "% theirs"), ("empty", "")):
        (tmp_path / name).write_text(text)
    found = {name: is_file_of_others(tmp_path / name, "% ours") for name in ("ours", "theirs", "empty", "missing")}
    assert found == {"ours": False, "theirs": True, "empty": True, "missing": False}


def test_a_file_that_can_not_be_read_is_one_clear_line() -> None:
    with pytest.raises(BadInput, match=r"^/proc/self/mem: can't be read, and is not replaced: Input/output error$"):
        is_file_of_others(Path("/proc/self/mem"), "% ours")


def test_a_page_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    target, link = tmp_path / "pages" / "old.html", tmp_path / "report.html"
    target.write_text("old")
    link.symlink_to(target)
    place_file("new", link)
    assert (link.is_symlink(), target.read_text()) == (True, "new")
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_is_not_there_yet_is_itself(tmp_path: Path) -> None:
    assert written_file(tmp_path / "new" / "report.html") == tmp_path.resolve() / "new" / "report.html"
