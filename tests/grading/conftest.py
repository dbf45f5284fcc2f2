"""The published data sets and labelled answers, if the machine has them."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ.get("SIREV_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")

Published = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def published() -> Published:
    """A function that reads a file of DATA, and skips the test if it is missing."""

    def read(name: str) -> list[dict[str, Any]]:
        if not (DATA / name).is_file():
            pytest.skip(f"no {name} in {DATA}; set SIREV_TEST_DATA to a folder of the published data sets")
        return _read(DATA / name)

    return read


@cache
def _read(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    return [json.loads(line) for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()]
