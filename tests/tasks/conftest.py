"""The published data sets, if the machine has them, and rows in the Hub's form."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.tasks.rows import Row, read_hub, read_jsonl
from tests.hub_cache import COMMIT, HubCache

DATA = Path(os.environ.get("SIREV_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")

Published = Callable[[str], list[Row]]
OnTheHub = Callable[[list[dict[str, Any]]], list[Row]]

_read = cache(read_jsonl)


@pytest.fixture
def published() -> Published:
    """A function that reads a file of the published data sets, and skips the test if it is missing."""

    def read(name: str) -> list[Row]:
        if not (DATA / name).is_file():
            pytest.skip(f"no {name} in {DATA}; set SIREV_TEST_DATA to a folder of the published data sets")
        return _read(DATA / name)

    return read


@pytest.fixture
def on_the_hub(hub: HubCache) -> OnTheHub:
    """A function that stores rows as a data set in the Hub's cache and returns them as read by `read_hub`, offline."""

    def read(rows: list[dict[str, Any]]) -> list[Row]:
        hub.dataset("somebody/something", {"train": rows})
        return read_hub("somebody/something", "main", COMMIT, "train")

    return read


def refusal(call: Callable[[], object]) -> str:
    """The one-line BadInput message of a call."""
    with pytest.raises(BadInput) as caught:
        call()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


def assert_is_problem_set(problems: list[dict[str, str]]) -> None:
    """Assert what every task guarantees about its rows."""
    ids = [problem["id"] for problem in problems]
    assert ids == sorted(set(ids))
    for problem in problems:
        assert list(problem) == ["id", "prompt", "target", "answer", "level"]
        assert all(isinstance(value, str) and "\r" not in value for value in problem.values())
        assert problem["prompt"].endswith(":\n")
        assert problem["target"] == problem["target"].strip()
