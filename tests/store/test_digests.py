from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.store.digests import canonical_json, sha256, sha256_file

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


def test_key_order_does_not_count() -> None:
    assert canonical_json({"b": 1, "a": [1, 2]}) == canonical_json({"a": [1, 2], "b": 1}) == b'{"a":[1,2],"b":1}'


def test_numbers_of_another_type_are_other_values() -> None:
    assert canonical_json(1) != canonical_json(1.0)
    assert canonical_json(True) != canonical_json(1)


def test_what_has_no_equality_is_refused() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            canonical_json({"x": value})


@given(json_values)
def test_canonical_json_is_a_fixed_point(value: object) -> None:
    import json

    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


def test_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"progress or regress?" * 1000)
    printed = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout.split()[0]
    assert sha256_file(file) == sha256(file.read_bytes()) == printed
