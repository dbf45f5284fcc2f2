"""The published data sets, where a machine has them, and rows put into the Hub's shape."""

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
    """Reads a file of the published data sets; skips the test where they are not."""

    def read(name: str) -> list[Row]:
        if not (DATA / name).is_file():
            pytest.skip(f"no {name} in {DATA}; set SIREV_TEST_DATA to a folder of the published data sets")
        return _read(DATA / name)

    return read


@pytest.fixture
def on_the_hub(hub: HubCache) -> OnTheHub:
    """Rows as `read_hub` gives them from a data set that holds these, in the cache of a machine without a network."""

    def read(rows: list[dict[str, Any]]) -> list[Row]:
        hub.dataset("somebody/something", {"train": rows})
        return read_hub("somebody/something", "main", COMMIT, "train")

    return read


def refusal(call: Callable[[], object]) -> str:
    """The one line with which a call refuses its input."""
    with pytest.raises(BadInput) as caught:
        call()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


def assert_is_problem_set(problems: list[dict[str, str]]) -> None:
    """What every task promises of its rows."""
    ids = [problem["id"] for problem in problems]
    assert ids == sorted(set(ids))
    for problem in problems:
        assert list(problem) == ["id", "prompt", "target", "answer", "level"]
        assert all(isinstance(value, str) and "\r" not in value for value in problem.values())
        assert problem["prompt"].endswith(":\n")
        assert problem["target"] == problem["target"].strip()
