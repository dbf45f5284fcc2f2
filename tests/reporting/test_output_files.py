from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.reporting.output_files import written_file
from sirev.reporting.web import _publish, check_output


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


def test_a_page_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    target, link = tmp_path / "pages" / "old.html", tmp_path / "report.html"
    target.write_text("old")
    link.symlink_to(target)
    _publish("new", link)
    assert (link.is_symlink(), target.read_text()) == (True, "new")
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_is_not_there_yet_is_itself(tmp_path: Path) -> None:
    assert written_file(tmp_path / "new" / "report.html") == tmp_path.resolve() / "new" / "report.html"
