from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sirev.trainers.paged_states import load_bitsandbytes


class Library:
    """bitsandbytes' compiled library, which has a function under every name."""

    def __init__(self, **members: object) -> None:
        vars(self).update(members)

    def __getattr__(self, name: str) -> Any:
        return lambda: None


def install(patch: pytest.MonkeyPatch, *, on_gpu: bool, library: Library) -> None:
    """Have such a library be here, with or without a GPU."""
    for name, members in {
        "torch": {"cuda": SimpleNamespace(is_available=lambda: on_gpu)},
        "bitsandbytes": {},
        "bitsandbytes.cextension": {"lib": library},
    }.items():
        module = ModuleType(name)
        vars(module).update(members)
        patch.setitem(sys.modules, name, module)


def test_a_library_for_the_gpu_is_well_and_on_a_cpu_any(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, on_gpu=True, library=Library(compiled_with_cuda=True))
    load_bitsandbytes()
    install(monkeypatch, on_gpu=False, library=Library(compiled_with_cuda=False))
    load_bitsandbytes()


@pytest.mark.parametrize(
    ("library", "told"),
    [
        ({"compiled_with_cuda": False}, "^its library is one for CPUs$"),
        ({"compiled_with_cuda": False, "error_msg": "libcudart.so.13:\n no such file"}, r"^libcudart\.so\.13: no such file$"),
    ],
)
def test_a_library_that_can_not_use_the_gpu_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, library: dict[str, object], told: str
) -> None:
    install(monkeypatch, on_gpu=True, library=Library(**library))
    with pytest.raises(ImportError, match=told):
        load_bitsandbytes()
