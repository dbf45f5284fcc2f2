from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.processes import memory
from sirev.processes.memory import memory as bytes_of_memory

MB = 1 << 20
MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/user/job", {"user/job/memory.max": "max", "user/memory.max": f"{300 * MB}"}, 300 * MB),
        ("0::/job", {"job/memory.max": f"{200 * MB}\n", "memory.max": f"{300 * MB}\n"}, 200 * MB),
        ("0::/", {"memory.max": f"{200 * MB}"}, 200 * MB),  # as a container sees its own
        ("4:cpu:/x\n3:memory:/docker/x", {"memory/memory.limit_in_bytes": f"{100 * MB}"}, 100 * MB),
        ("3:memory:/a:b", {"memory/a:b/memory.limit_in_bytes": f"{100 * MB}"}, 100 * MB),
        ("3:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712"}, MACHINE),
        ("0::/job", {"job/memory.max": "max"}, MACHINE),
        ("0::/job", {}, MACHINE),
        (None, {}, MACHINE),
    ],
)
def test_a_control_group_that_allows_less_than_the_machine_has_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str | None, limits: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "MOUNT", tmp_path / "mount")
    if groups is not None:
        (tmp_path / "groups").write_text(f"{groups}\n")
    for name, limit in limits.items():
        (tmp_path / "mount" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mount" / name).write_text(limit)
    assert bytes_of_memory() == expected
