"""The output layer that trains on a GPU: TRL's Triton kernels, which no other test on a CPU reaches."""

from __future__ import annotations

import pytest

from tests.interpreted import interpreted, needs_triton

pytestmark = [pytest.mark.slow, needs_triton]
Differences = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def differences() -> Differences:
    found: Differences = interpreted("tests.trainers.triton_head")
    assert all(len(of) == 6 for of in found.values())
    return found


def test_losses_entropies_and_hits_are_those_of_torch(differences: Differences) -> None:
    for way in ("float32", "bfloat16", "definition"):
        assert max(differences[way][name] for name in ("log_probs", "entropy", "mean_logits", "is_top1")) < 1e-4, way


def test_gradients_are_those_of_torch(differences: Differences) -> None:
    for way, allowed in (("float32", 1e-4), ("definition", 1e-4), ("bfloat16", 2**-7)):  # one unit in the last place
        assert max(differences[way][f"{name}' gradient"] for name in ("states", "weights")) < allowed, way
