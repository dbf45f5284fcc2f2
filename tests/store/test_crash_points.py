"""A process killed at any step of what it does to a store leaves one that is sound, and a later run that completes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.errors import SirevError
from tests.commands import OF_TESTS
from tests.store.crash_programs import PROGRAMS
from tests.store.crashing import crashed
from tests.store.soundness import assert_sound, contents


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be had: a kill loses nothing that was not synced, so hundreds of syncs would show nothing."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix=OF_TESTS, dir=memory if os.access(memory, os.W_OK) else tmp_path) as made:
        yield Path(made)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_process_killed_anywhere_leaves_a_sound_store_and_a_later_run_completes(name: str, folder: Path) -> None:
    program = PROGRAMS[name]
    undisturbed = folder / "undisturbed"
    program.prepare(undisturbed)
    program.run(undisturbed)
    expected = contents(undisturbed)
    points = list(crashed(name, folder))
    for point in points:
        try:
            if not program.from_damage:
                assert_sound(point.store)
            program.run(point.store)
            assert_sound(point.store)
            assert contents(point.store) == expected
        except (AssertionError, OSError, SirevError) as error:
            raise AssertionError(f"{name}, killed {point}") from error
    assert len({point.n for point in points}) > 5


def test_every_step_of_publishing_is_among_the_points(folder: Path) -> None:
    met = {point.call.split()[0] for point in crashed("publish", folder)}
    assert {"os.mkdir", "open", "write", "fsync", "os.chmod", "os.rename", "os.link", "os.remove"} <= met
